"""What every command that trains does: four outputs, checkpoints, failures that are results.

metrics by evaluation, a summary, nats by story, weights. Continues where an earlier attempt was
killed. A run that is sick ends as a failed one, with what it was before it fell ill: that is a
result, so the command succeeds.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors.torch import save

from moe_core.model.config import MoEConfig
from moe_core.model.language_model import LanguageModel
from moe_core.provenance import canonical_json, data_digest, environment, write_atomic
from moe_core.runs import JobSpec
from moe_core.training.health import SickRun, is_out_of_memory, warnings
from moe_core.training.interruption import Interruption, Terminated
from moe_core.training.keeper import Keeper, locked
from moe_core.training.process import ProcessSettings, prepare_process
from moe_core.training.ranks import Ranks, joined_ranks, relaunch, relaunched
from moe_core.training.run import TrainedRun
from moe_core.training.shards import largest_cut
from workflow_scripts.command import path_argument

Spec = TypeVar("Spec", bound=JobSpec)
Prepare = Callable[[Spec, Namespace], "Job"]
STORY_COLUMNS = ("story", "bytes", "nats", "nats_train_mode")


@dataclass(frozen=True)
class Job:
    """One row of the table of runs, made ready.

    name: its id. inputs: digests of all that is read besides the row. vocab_size: of the tokens.
    build: the model as it is before the first step. all_routing: of every routed layer of it.
    train: to the end.
    """

    name: str
    spec: JobSpec
    inputs: dict[str, str]
    vocab_size: int
    build: Callable[[], LanguageModel]
    all_routing: list[MoEConfig]
    train: Callable[[Keeper, Ranks], TrainedRun]


def table(columns: dict[str, np.ndarray]) -> str:
    """CSV of numbers in full precision; pandas would take longer to load than this to write."""
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return "".join(",".join(map(str, row)) + "\n" for row in [columns, *rows])


def finished(trained: TrainedRun, keeper: Keeper) -> dict[str, Any]:
    """Of a run that came to its end: rows, stories, tensors and its part of the summary."""
    return {
        "rows": trained.rows,
        "stories": trained.stories,
        "tensors": trained.model.stored_tensors(),
        "status": "finished",
        "failure": None,
        "warnings": keeper.warnings() + warnings(trained.rows),
        "test": trained.test,
    }


def failed(sick: SickRun, job: Job, keeper: Keeper) -> dict[str, Any]:
    """The same of a sick run: what it was when it was last measured and found healthy."""
    last = keeper.sound()
    if last is None:
        tensors = job.build().stored_tensors()
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


def write(folder: Path, result: dict[str, Any], summary: dict[str, Any]) -> None:
    """The four outputs, the summary last."""
    rows = "".join(canonical_json(row) + "\n" for row in result.pop("rows"))
    stories = table(result.pop("stories"))
    tensors = {name: t.contiguous().cpu() for name, t in result.pop("tensors").items()}
    folder.mkdir(parents=True, exist_ok=True)  # a later snakemake may have removed it meanwhile
    write_atomic(folder / "weights.safetensors", save(tensors))
    write_atomic(folder / "metrics.jsonl", rows)
    write_atomic(folder / "stories.csv", stories)
    text = json.dumps(summary | result, indent=1, sort_keys=True)
    write_atomic(folder / "summary.json", text)


def run_job(
    module: str, arguments: ArgumentParser, read_spec: Callable[[str], Spec], prepare: Prepare[Spec]
) -> None:
    """The command of a module: take its arguments, train, write.

    prepare: spec and arguments to a job; called once the process is set up.
    """
    arguments.add_argument("--spec", required=True, help="canonical JSON of the row")
    arguments.add_argument("--code", required=True, help="digest of the code that computes it")
    arguments.add_argument("--checkpoint-seconds", type=float, required=True)
    path_argument(arguments, "folder")
    given = arguments.parse_args()
    spec = read_spec(given.spec)
    with nullcontext() if relaunched() else locked(given.folder / "state"):
        relaunch(spec.world_size, module)
        process = prepare_process(spec.device, spec.threads)
        if train(prepare(spec, given), given, process):
            return
    # memory ran out: the same in smaller parts, by a process that starts with all of it
    os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])


def train(job: Job, given: Namespace, process: ProcessSettings) -> bool:
    """Train to the end, or to a failure, and write it; False if memory ran out in one process."""
    spec, training, name = job.spec, job.spec.training, job.name
    key = data_digest([given.spec, given.code, job.inputs])[:16]
    with (
        Interruption() as stop,
        joined_ranks(spec.world_size, spec.device, spec.expert_parallel) as ranks,
    ):
        state, steps = given.folder / "state", training.steps
        every_s, device_name = given.checkpoint_seconds, process.device_name
        keeper = Keeper(state, key, steps, every_s, ranks, stop, device_name)
        trained = sick = None
        try:
            if keeper.parts > 1 and keeper.parts * ranks.size > largest_cut(
                job.all_routing, training.batch_size
            ):
                detail = f"in {keeper.parts // 2} micro-batches, as small as they can be"
                raise SickRun(keeper.reached, "out of memory", detail)
            trained = job.train(keeper, ranks)
        except Terminated as error:
            keeper.note("terminated", keeper.step)
            leave(128 + error.signum, f"{name}: {error} at step {keeper.step}, saved")
        except SickRun as error:
            sick = error.with_traceback(None)  # nor the memory that its frames hold
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            keeper.out_of_memory()
            why = (str(error) or type(error).__name__).partition("\n")[0]
            line = f"{name}: out of memory at step {keeper.step} ({why}), on in smaller parts"
            if ranks.size > 1:
                leave(1, line)
            print(line, file=sys.stderr, flush=True)
            return False
        if not ranks.first:
            return True
        result = failed(sick, job, keeper) if sick else finished(trained, keeper)
        summary = {
            "run": name,
            "spec": spec.model_dump(mode="json"),
            "code": given.code,
            "tokens_sha256": job.inputs,
            "vocab_size": job.vocab_size,
            "environment": environment(),
            "process": process.as_dict(),
        }
        write(given.folder, result, summary)
        if sick:
            keeper.note("failed", sick.step, cause=sick.cause)
            cause = f"{sick.cause} at step {sick.step} ({sick.detail})"
            print(f"{name}: FAILED: {cause}", file=sys.stderr)
        else:
            keeper.finished()
    return True


def leave(status: int, line: str) -> None:
    """End with a line; nobody may be left to read it."""
    try:
        print(line, file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(status)
