"""Overlay: learning curves on held-out stories, mean and range over seeds."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from moe_core.figures.order import is_control, order
from moe_core.figures.style import (
    COLUMN_INCHES,
    LineEnd,
    draw_curve,
    label_ends,
    look,
    marked,
    note_failed,
    save,
    use_print_style,
)
from moe_core.model.config import TransformerConfig
from moe_core.runs import dense_width
from workflow_scripts.command import parser, path_argument, run


def arms(metrics: list[Path]) -> pd.DataFrame:
    """A row a run of the strategies and dense models: its arm, its file, and whether it failed.

    chance: K / E, the share of experts that a token has.
    """
    rows = []
    for path in metrics:
        summary = json.loads(path.with_name("summary.json").read_text())
        model = TransformerConfig.model_validate(summary["spec"]["model"])
        if model.moe and (model.moe.shared_hidden or is_control(model.moe.strategy)):
            continue
        rows.append(
            {
                "strategy": model.moe.strategy if model.moe else "dense",
                "capacity_factor": model.moe.capacity_factor if model.moe else None,
                "chance": model.moe.top_k / model.moe.num_experts if model.moe else None,
                "dense_width": dense_width(model),
                "failed": summary["status"] == "failed",
                "path": path,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--table", type=Path, nargs="+", required=True, help="metrics.jsonl")
    path_argument(arguments, "pdf", "png")
    given = arguments.parse_args()
    table = arms(given.table)
    # one line a strategy: the largest capacity factor, and the dense model of most arms
    largest = table.capacity_factor.max()
    usual = table.loc[table.strategy != "dense", "dense_width"].mode().max()
    table = table[
        table.capacity_factor.eq(largest)
        | (table.strategy.eq("dense") & table.dense_width.eq(usual))
    ]
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 3.2))
    ends, names = [], []
    for strategy in order(list(table.strategy)):
        style, own = look(strategy), table[table.strategy == strategy]
        finished, n_failed = own[~own.failed], own.failed.sum()
        names.append((style.label, len(finished), n_failed))
        if finished.empty:
            continue
        metrics = pd.concat([pd.read_json(path, lines=True) for path in finished.path])
        by_step = metrics.groupby("train_tokens").bits_per_byte
        mean = by_step.mean()
        thousands = mean.index / 1e3
        draw_curve(axes, thousands, by_step, style)
        name = marked(style.label, n_failed)
        ends.append(LineEnd(name, style.color, thousands[-1], mean.iloc[-1]))
    note_failed(figure, pd.DataFrame(names, columns=["name", "n", "n_failed"]))
    label_ends(axes, ends)
    axes.set(xlabel="training tokens (thousands)", ylabel="validation bits per byte")
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
