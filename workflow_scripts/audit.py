"""Audit one trained run: causality, gradients and conservation, beside what it declares.

Of a run that failed there is one row, without trials, that says why it is not audited.
"""

import json
from dataclasses import asdict

import pandas as pd

from moe_core import failures
from moe_core.audits.audit import audit, trial_sequences
from moe_core.corpus.batches import open_corpus
from moe_core.provenance import write_atomic
from moe_core.runs import RunSpec, cell_name
from moe_core.training.process import prepare_process
from moe_core.training.trained import trained_model
from workflow_scripts.command import parser, path_argument, run


def not_audited(spec: RunSpec, reason: str) -> pd.DataFrame:
    """The row of a run that failed."""
    row = {"cell": cell_name(spec), "strategy": spec.model.moe.strategy, "audit": "none"}
    counts = {"declared": False, "failures": 0, "trials": 0, "passed": False}
    return pd.DataFrame([row | counts | {"not_audited": reason}])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--trials", type=int, required=True, help="N, sequences of an audit")
    path_argument(arguments, "run", "tokens", "out")
    given = arguments.parse_args()
    summary = json.loads((given.run / "summary.json").read_text())
    spec = RunSpec.model_validate(summary["spec"])
    if reason := failures.reason(summary):
        write_atomic(given.out, not_audited(spec, reason).to_csv(index=False))
        return
    prepare_process("cpu", threads=1)
    corpus = open_corpus(given.tokens)
    model = trained_model(given.run, spec.model, corpus.counts_V)
    sequences_NS = trial_sequences(corpus.splits["test"].tokens, given.trials)
    rows = audit(model, cell_name(spec), sequences_NS)
    table = pd.DataFrame([asdict(row) for row in rows]).assign(not_audited=None)
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
