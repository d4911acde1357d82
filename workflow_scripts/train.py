"""Train one run of the table: metrics by evaluation, a summary, nats by story, final weights."""

import json

import numpy as np
from safetensors.torch import save

from moe_core.corpus.batches import open_corpus
from moe_core.provenance import canonical_json, environment, write_atomic
from moe_core.runs import RunSpec, run_id
from moe_core.training.process import prepare_process
from moe_core.training.run import train_run
from workflow_scripts.command import parser, path_argument, run


def table(columns: dict[str, np.ndarray]) -> str:
    """CSV of numbers in full precision; pandas would take longer to load than this to write."""
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return "".join(",".join(map(str, row)) + "\n" for row in [columns, *rows])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", required=True, help="canonical JSON of a RunSpec")
    arguments.add_argument("--code", required=True, help="digest of the code that computes it")
    path_argument(arguments, "tokens", "folder")
    given = arguments.parse_args()
    spec = RunSpec.model_validate_json(given.spec)
    process = prepare_process(spec.device, spec.threads)
    corpus = open_corpus(given.tokens)
    name = run_id(spec)
    trained = train_run(name, spec.model, spec.training, spec.seed, spec.device, corpus)
    summary = {
        "run": name,
        "status": "finished",
        "failure": None,
        "warnings": [],
        "spec": spec.model_dump(mode="json"),
        "code": given.code,
        "tokens_sha256": corpus.sha256,
        "vocab_size": corpus.counts_V.numel(),
        "environment": environment(),
        "process": process.as_dict(),
        "test": trained.test,
    }
    tensors = {k: v.contiguous().cpu() for k, v in trained.model.state_dict().items()}
    if spec.model.tied_head:
        del tensors["head.weight"]  # the same tensor as the embedding
    rows = "".join(canonical_json(row) + "\n" for row in trained.rows)
    write_atomic(given.folder / "weights.safetensors", save(tensors))
    write_atomic(given.folder / "metrics.jsonl", rows)
    write_atomic(given.folder / "stories.csv", table(trained.stories))
    write_atomic(given.folder / "summary.json", json.dumps(summary, indent=1, sort_keys=True))


if __name__ == "__main__":
    run(main)
