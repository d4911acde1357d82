"""Train one run of the table: metrics by evaluation, a summary, the final weights."""

import json
import sys
import time
from typing import Any

import torch
from safetensors.torch import save

from moe_core.corpus.batches import evaluation_windows, open_split, read_meta
from moe_core.model.transformer import build
from moe_core.provenance import canonical_json, environment, write_atomic
from moe_core.runs import RunSpec, run_id
from moe_core.training.loop import Trainer, measure, train
from moe_core.training.process import prepare_process
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", required=True, help="canonical JSON of a RunSpec")
    arguments.add_argument("--code", required=True, help="digest of the code that computes it")
    path_argument(arguments, "tokens", "folder")
    given = arguments.parse_args()
    spec = RunSpec.model_validate_json(given.spec)
    process = prepare_process(spec.device, spec.threads)
    meta = read_meta(given.tokens)
    counts_V = torch.tensor(meta["splits"]["train"]["counts"])
    config = spec.training
    valid = evaluation_windows(
        open_split(given.tokens, "valid"), config.seq_len, config.valid_tokens, "valid"
    )
    test = evaluation_windows(
        open_split(given.tokens, "test"), config.seq_len, config.test_tokens, "test"
    )
    trainer = Trainer(
        build(spec.model, counts_V, spec.seed),
        open_split(given.tokens, "train").tokens,
        config,
        spec.seed,
        spec.device,
    )
    name, rows, started = run_id(spec), [], time.perf_counter()

    def report(row: dict[str, Any], rate: float) -> None:
        rows.append(row)
        done = row["step"] / config.steps
        left = (time.perf_counter() - started) * (1 - done) / done
        print(
            f"{name}  step {row['step']}/{config.steps}  train {row['train_loss']:.3f}  "
            f"valid {row['bits_per_byte']:.3f} bits/byte  {rate:,.0f} tokens/s  "
            f"{left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    train(trainer, valid, report)
    final = measure(trainer, test)
    summary = {
        "run": name,
        "spec": spec.model_dump(mode="json"),
        "code": given.code,
        "tokens_sha256": {s: meta["splits"][s]["sha256"] for s in meta["splits"]},
        "environment": environment(),
        "process": process.as_dict(),
        "test": final | {"stories": test.stories, "bytes": test.bytes},
    }
    tensors = {k: v.contiguous().cpu() for k, v in trainer.model.state_dict().items()}
    if spec.model.tied_head:
        del tensors["head.weight"]
    write_atomic(given.folder / "weights.safetensors", save(tensors))
    write_atomic(
        given.folder / "metrics.jsonl", "".join(canonical_json(row) + "\n" for row in rows)
    )
    write_atomic(given.folder / "summary.json", json.dumps(summary, indent=1, sort_keys=True))


if __name__ == "__main__":
    run(main)
