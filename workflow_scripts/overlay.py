"""Overlay: learning curves on held-out stories, mean and range over seeds."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from moe_core.figures.style import (
    COLUMN_INCHES,
    LineEnd,
    is_control,
    label_ends,
    look,
    order,
    save,
    use_print_style,
)
from moe_core.model.config import TransformerConfig
from moe_core.runs import dense_width
from workflow_scripts.command import parser, path_argument, run


def curves(metrics: list[Path]) -> pd.DataFrame:
    """Metrics of all runs, with strategy, capacity factor, active width and seed."""
    frames = []
    for path in metrics:
        spec = json.loads(path.with_name("summary.json").read_text())["spec"]
        model = TransformerConfig.model_validate(spec["model"])
        if model.moe and (model.moe.shared_hidden or is_control(model.moe.strategy)):
            continue
        frame = pd.read_json(path, lines=True)
        frames.append(
            frame.assign(
                strategy=model.moe.strategy if model.moe else "dense",
                capacity_factor=model.moe.capacity_factor if model.moe else None,
                dense_width=dense_width(model),
                seed=spec["seed"],
            )
        )
    return pd.concat(frames, ignore_index=True)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--table", type=Path, nargs="+", required=True, help="metrics.jsonl")
    path_argument(arguments, "pdf", "png")
    given = arguments.parse_args()
    table = curves(given.table)
    # one line a strategy: the largest capacity factor, and the dense model of most arms
    largest = table.capacity_factor.max()
    usual = table.loc[table.strategy != "dense", "dense_width"].mode().max()
    table = table[
        table.capacity_factor.eq(largest)
        | (table.strategy.eq("dense") & table.dense_width.eq(usual))
    ]
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 3.2))
    ends = []
    for strategy in order(list(table.strategy)):
        style = look(strategy)
        by_step = table[table.strategy == strategy].groupby("train_tokens").bits_per_byte
        mean, low, high = by_step.mean(), by_step.min(), by_step.max()
        thousands = mean.index / 1e3
        axes.fill_between(thousands, low, high, color=style.color, alpha=0.2, lw=0)
        axes.plot(
            thousands,
            mean,
            color=style.color,
            marker=style.marker,
            markerfacecolor="white" if style.hollow else style.color,
            markersize=3,
            ls="--" if style.hollow else "-",
        )
        ends.append(LineEnd(style.label, style.color, thousands[-1], mean.iloc[-1]))
    label_ends(axes, ends)
    axes.set(xlabel="training tokens (thousands)", ylabel="validation bits per byte")
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
