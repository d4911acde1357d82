"""Typeset the runs that failed, a table a page: how, when, and the checkpoint that is left."""

import json
from pathlib import Path

from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

ROWS = 50  # of one page
COLUMNS = r">{\raggedright}p{0.3\textwidth}rr>{\raggedright\arraybackslash}p{0.42\textwidth}r"


def line(summary: dict) -> str:
    """One run that failed."""
    failure = summary["failure"]
    cells = [
        escape(summary["run"]),
        str(summary["spec"]["seed"]),
        f"{failure['step']} of {summary['spec']['training']['steps']}",
        escape(f"{failure['cause']}: {failure['detail']}"),
        typeset(failure["checkpoint_step"], "count"),
    ]
    return " & ".join(cells)


def page(failed: list[dict], first: bool) -> str:
    """One table of failed runs."""
    caption = r"""Runs that failed. Checkpoint: the step of the last one, whose weights are kept
    with the run."""
    return table(
        caption if first else "Runs that failed, continued.",
        "tab:failures" if first else "",
        COLUMNS,
        "Run & Seed & At step & Cause & Checkpoint",
        map(line, failed),
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--table", type=Path, nargs="+", required=True, help="summary.json")
    path_argument(arguments, "out")
    given = arguments.parse_args()
    summaries = [json.loads(path.read_text()) for path in given.table]
    failed = [summary for summary in summaries if summary["status"] == "failed"]
    if not failed:
        write_atomic(given.out, f"None of the {len(summaries)} runs of the study failed.\n")
        return
    text = rf"""Of the {len(summaries)} runs of the study {len(failed)} failed
(Table~\ref{{tab:failures}}) and have no measures. Their cells are marked by $\ddagger$ and are
means of the other seeds. These may flatter: a strategy that fails on some seeds is shown by
those on which it did not.
"""
    pages = [page(failed[i : i + ROWS], i == 0) for i in range(0, len(failed), ROWS)]
    write_atomic(given.out, "\n".join([text, *pages]))


if __name__ == "__main__":
    run(main)
