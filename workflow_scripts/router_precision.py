"""Read a trained run with its routers in each precision; of a failed one, nothing."""

import json
from pathlib import Path

import pandas as pd

from moe_core import failures
from moe_core.analysis.flip_columns import COLUMNS
from moe_core.analysis.flips import read_rounded
from moe_core.corpus.batches import evaluation_windows, open_corpus
from moe_core.errors import StudyError
from moe_core.provenance import write_atomic
from moe_core.routing.router_net import ROUTER_PRECISIONS
from moe_core.runs import RunSpec
from moe_core.training.process import prepare_process
from moe_core.training.trained import trained_model
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "run", "tokens", "flips")
    arguments.add_argument("--stories", type=Path, nargs="+", required=True, help="one a precision")
    given = arguments.parse_args()
    stories = dict(zip(ROUTER_PRECISIONS, given.stories, strict=True))
    summary = json.loads((given.run / "summary.json").read_text())
    if failures.reason(summary):
        for path in given.stories:
            write_atomic(path, pd.DataFrame(columns=["story", "bytes", "nats"]).to_csv(index=False))
        write_atomic(given.flips, pd.DataFrame(columns=COLUMNS).to_csv(index=False))
        return
    spec = RunSpec.model_validate(summary["spec"])
    if spec.model.moe is None:
        raise StudyError("run", f"{summary['run']} is dense", "choose one that routes")
    training = spec.training
    prepare_process("cpu", threads=1)
    corpus = open_corpus(given.tokens)
    model = trained_model(given.run, spec.model, corpus.counts_V)
    windows = evaluation_windows(
        corpus.splits["test"], training.seq_len, training.test_tokens, "test"
    )
    found = read_rounded(model, windows, training.batch_size)
    for precision, path in stories.items():
        columns = {"bytes": windows.bytes_per_story, "nats": found.nats[precision]}
        write_atomic(path, pd.DataFrame(columns).to_csv(index_label="story"))
    write_atomic(given.flips, found.flips.to_csv(index=False))


if __name__ == "__main__":
    run(main)
