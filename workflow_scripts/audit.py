"""Audit one trained run: causality, gradients and conservation, beside what it declares.

Of a run that failed there is one row, without trials, that says why it is not audited.
"""

import json
import math
from dataclasses import asdict

import pandas as pd

from moe_core import failures
from moe_core.audits.audit import AuditRow, audit, trial_sequences
from moe_core.corpus.batches import open_corpus
from moe_core.provenance import write_atomic
from moe_core.runs import RunSpec, cell_name
from moe_core.training.process import prepare_process
from moe_core.training.trained import trained_model
from workflow_scripts.command import parser, path_argument, run


def no_audit(cell: str, strategy: str) -> AuditRow:
    """The row of a run that failed."""
    return AuditRow(
        cell=cell,
        strategy=strategy,
        audit="none",
        router="none",
        mode="none",
        declared=False,
        failures=0,
        trials=0,
        low=math.nan,
        high=math.nan,
        max_change=math.nan,
        passed=False,
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--trials", type=int, required=True, help="N, sequences of an audit")
    path_argument(arguments, "run", "tokens", "out")
    given = arguments.parse_args()
    summary = json.loads((given.run / "summary.json").read_text())
    spec = RunSpec.model_validate(summary["spec"])
    reason = failures.reason(summary)
    if reason:
        rows = [no_audit(cell_name(spec), spec.model.moe.strategy)]
    else:
        prepare_process("cpu", threads=1)
        corpus = open_corpus(given.tokens)
        model = trained_model(given.run, spec.model, corpus.counts_V)
        sequences_NS = trial_sequences(corpus.splits["test"].tokens, given.trials)
        rows = audit(model, cell_name(spec), sequences_NS)
    table = pd.DataFrame([asdict(row) for row in rows]).assign(not_audited=reason)
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
