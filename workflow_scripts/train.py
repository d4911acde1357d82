"""Train one run of the table: metrics by evaluation, a summary, nats by story, final weights.

Continues where an earlier attempt was killed. A run that is sick ends as a failed one, with what it
was before it fell ill: that is a result, so the command succeeds.
"""

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save
from torch import Tensor

from moe_core.corpus.batches import TokenCorpus, open_corpus
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import build
from moe_core.provenance import canonical_json, data_digest, environment, write_atomic
from moe_core.runs import RunSpec, run_id
from moe_core.training.health import SickRun, is_out_of_memory, warnings
from moe_core.training.interruption import Interruption, Terminated
from moe_core.training.keeper import Keeper, locked
from moe_core.training.process import prepare_process
from moe_core.training.ranks import joined_ranks, relaunch, relaunched
from moe_core.training.run import TrainedRun, train_run
from moe_core.training.shards import largest_cut
from workflow_scripts.command import parser, path_argument, run

STORY_COLUMNS = ("story", "bytes", "nats", "nats_train_mode")


def table(columns: dict[str, np.ndarray]) -> str:
    """CSV of numbers in full precision; pandas would take longer to load than this to write."""
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return "".join(",".join(map(str, row)) + "\n" for row in [columns, *rows])


def finished(trained: TrainedRun, keeper: Keeper) -> dict[str, Any]:
    """Of a run that came to its end: rows, stories, tensors and its part of the summary."""
    return {
        "rows": trained.rows,
        "stories": trained.stories,
        "tensors": dict(trained.model.state_dict()),
        "status": "finished",
        "failure": None,
        "warnings": keeper.warnings() + warnings(trained.rows),
        "test": trained.test,
    }


def failed(sick: SickRun, spec: RunSpec, corpus: TokenCorpus, keeper: Keeper) -> dict[str, Any]:
    """The same of a sick run: what it was when it was last measured and found healthy."""
    last = keeper.sound()
    if last is None:
        tensors = dict(build(spec.model, corpus.counts_V, spec.seed).state_dict())
    else:
        model = {k: v for k, v in last.tensors.items() if k.startswith("model.")}
        tensors = {name.removeprefix("model."): tensor for name, tensor in model.items()}
    failure = {"step": sick.step, "cause": sick.cause, "detail": sick.detail}
    return {
        "rows": last.notes["rows"] if last else [],
        "stories": {name: np.empty(0) for name in STORY_COLUMNS},
        "tensors": tensors,
        "status": "failed",
        "failure": failure | {"checkpoint_step": last.step if last else 0},
        "warnings": keeper.warnings(),
        "test": None,
    }


def write(folder: Path, result: dict[str, Any], spec: RunSpec, summary: dict[str, Any]) -> None:
    """The four outputs, the summary last."""
    rows = "".join(canonical_json(row) + "\n" for row in result.pop("rows"))
    stories = table(result.pop("stories"))
    tensors = weights(result.pop("tensors"), spec.model)
    folder.mkdir(parents=True, exist_ok=True)  # a later snakemake may have removed it meanwhile
    write_atomic(folder / "weights.safetensors", save(tensors))
    write_atomic(folder / "metrics.jsonl", rows)
    write_atomic(folder / "stories.csv", stories)
    text = json.dumps(summary | result, indent=1, sort_keys=True)
    write_atomic(folder / "summary.json", text)


def weights(tensors: dict[str, Tensor], model: TransformerConfig) -> dict[str, Tensor]:
    """Weights, thresholds and biases; a tied head is the embedding, and stored once."""
    kept = {k: v.contiguous().cpu() for k, v in tensors.items()}
    if model.tied_head:
        kept.pop("head.weight", None)
    return kept


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", required=True, help="canonical JSON of a RunSpec")
    arguments.add_argument("--code", required=True, help="digest of the code that computes it")
    arguments.add_argument("--checkpoint-seconds", type=float, required=True)
    path_argument(arguments, "tokens", "folder")
    given = arguments.parse_args()
    spec = RunSpec.model_validate_json(given.spec)
    state = given.folder / "state"
    with nullcontext() if relaunched() else locked(state), Interruption() as stop:
        relaunch(spec.world_size, "workflow_scripts.train")
        process = prepare_process(spec.device, spec.threads)
        corpus = open_corpus(given.tokens)
        name = run_id(spec)
        key = data_digest([given.spec, given.code, corpus.sha256])[:16]
        with joined_ranks(spec.world_size, spec.device) as ranks:
            steps = spec.training.steps
            keeper = Keeper(state, key, steps, given.checkpoint_seconds, ranks, stop)
            try:
                model, training, device = spec.model, spec.training, spec.device
                trained = train_run(name, model, training, spec.seed, device, corpus, keeper, ranks)
                result = finished(trained, keeper)
            except Terminated as error:
                keeper.ended("terminated", keeper.step)
                leave(128 + error.signum, f"{name}: {error} at step {keeper.step}, saved")
            except SickRun as sick:
                result = failed(sick, spec, corpus, keeper)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                parts = keeper.parts
                keeper.ended("out of memory", keeper.step, micro_batches=parts)
                if 2 * parts * ranks.size <= largest_cut(spec.model, training.batch_size):
                    leave(1, f"{name}: out of memory; to be tried in {2 * parts} micro-batches")
                detail = f"in {parts} micro-batches, as small as they can be"
                result = failed(SickRun(keeper.step, "out of memory", detail), spec, corpus, keeper)
            if not ranks.first:
                return
            summary = {
                "run": name,
                "spec": spec.model_dump(mode="json"),
                "code": given.code,
                "tokens_sha256": corpus.sha256,
                "vocab_size": corpus.counts_V.numel(),
                "environment": environment(),
                "process": process.as_dict(),
            }
            failure = result["failure"]
            write(given.folder, result, spec, summary)
            if failure is not None:
                keeper.ended("failed", failure["step"], cause=failure["cause"])
                cause = f"{failure['cause']} at step {failure['step']} ({failure['detail']})"
                print(f"{name}: FAILED: {cause}", file=sys.stderr)
            else:
                keeper.ended("finished", steps)


def leave(status: int, line: str) -> None:
    """End with a line; nobody may be left to read it."""
    try:
        print(line, file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(status)


if __name__ == "__main__":
    run(main)
