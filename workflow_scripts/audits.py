"""One table of all audits; stops where a model breaks what its strategy declares."""

from pathlib import Path

import pandas as pd

from moe_core.errors import StudyError
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run


def refuse_breaches(audits: pd.DataFrame) -> None:
    """Raise StudyError with each audit that failed though it was declared to pass."""
    breaches = [
        f"{row.strategy} {row.audit} ({row.router} router, {row.mode} mode): "
        f"{row.failures}/{row.trials} failed"
        for row in audits[audits.declared & ~audits.passed].itertuples()
    ]
    if breaches:
        raise StudyError(
            "audits", ", ".join(breaches), "mend the strategy, or what its file declares"
        )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--audits", type=Path, nargs="+", required=True, help="one of each run")
    path_argument(arguments, "out")
    given = arguments.parse_args()
    table = pd.concat([pd.read_csv(path) for path in given.audits])
    refuse_breaches(table)
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
