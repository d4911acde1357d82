"""Assemble the explorer page: its sources and all data that it shows, in one file."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.colors import to_hex

from moe_core.figures.order import CONTROLS
from moe_core.figures.style import cell_label, look
from moe_core.provenance import canonical_json, write_atomic
from workflow_scripts.command import parser, path_argument, run

MEASURES = [
    "bits_per_byte",
    "tokens_per_s",
    "tokens_per_s_min",
    "tokens_per_s_max",
    "drop_rate",
    "load_cv",
    "router_entropy_nats",
]
RUN = ["run", "cell", "strategy", "name", "num_experts", "capacity_factor", "seed", "control"]
LOAD = ["run", "layer", "expert", "num_tokens", "assignments", "kept"]
CLASSES = ["run", "layer", "token_class", "num_tokens", "expert", "assignments", "primary"]
CLAIM = ["id", "sentence", "source", "verdict", "effect", "low", "high", "unit", "n", "reason"]


def records(frame: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    """Rows of a table for JSON, empty fields null."""
    return json.loads(frame[columns].to_json(orient="records", double_precision=15))


def columns_of(frame: pd.DataFrame, columns: list[str]) -> dict[str, Any]:
    """A long table for JSON, a list a column."""
    return {name: json.loads(frame[name].to_json(orient="values")) for name in columns}


def named(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of the unified experiment, each with the name of its cell."""
    several = len(summary.capacity_factor.dropna().unique()) > 1
    return summary.assign(name=[cell_label(row, several) for _, row in summary.iterrows()])


def looks(strategies: list[str]) -> dict[str, Any]:
    """Colour (null: the page's ink), marker and hollowness by strategy."""
    found = {}
    for name in strategies:
        style = look(name)
        color = None if name in CONTROLS else to_hex(style.color)
        found[name] = {"color": color, "marker": style.marker, "hollow": style.hollow}
    return found


def runs_data(summary: pd.DataFrame, specs: Mapping[str, Any]) -> dict[str, Any]:
    """Every run of the unified experiment: measures, how it failed if it did, its row."""
    rows = named(summary)
    controls = rows[rows.strategy == "ngram"]
    rows = rows[rows.strategy != "ngram"]
    return {
        "runs": records(rows, [*RUN, "status", "failure", *MEASURES]),
        "controls": records(controls, ["name", "bits_per_byte"]),
        "looks": looks([*dict.fromkeys(rows.strategy)]),
        "specs": specs,
    }


def inlined(page: str, sources: Mapping[str, str]) -> str:
    """The page with each stylesheet and script that it names in its place."""
    page = re.sub(
        r'<link rel="stylesheet" href="([\w.]+)">', lambda m: _tag("style", sources[m[1]]), page
    )
    return re.sub(
        r'<script src="([\w.]+)"></script>', lambda m: _tag("script", sources[m[1]]), page
    )


def _tag(name: str, content: str) -> str:
    return f"<{name}>\n{content}</{name}>"


def filled(page: str, data: Mapping[str, str]) -> str:
    """The page with JSON in the inert blocks of the same ids."""
    for name, text in data.items():
        empty = f'<script type="application/json" id="{name}">'
        start, found, end = page.partition(empty)
        assert found, name
        # within strings alone does JSON have a <, and a script ends at </script
        page = start + empty + text.replace("<", "\\u003c") + end
    return page


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--source", type=Path, nargs="+", required=True)
    arguments.add_argument("--runs", type=Path, nargs="+", required=True, help="summary.json")
    arguments.add_argument("--scale", required=True, help="its name")
    arguments.add_argument("--smoke", choices=["true", "false"], required=True)
    path_argument(arguments, "stories", "model", "load", "classes", "summary", "ledger", "out")
    given = arguments.parse_args()
    stories = given.stories.read_text()
    shown = [arm["run"] for arm in json.loads(stories)["arms"]]
    load, classes = (pd.read_csv(path) for path in (given.load, given.classes))
    load = load[load.run.isin(shown) & load.router.eq("trained") & load.failure.isna()]
    classes = classes[classes.run.isin(shown) & classes.router.eq("trained")]
    classes = classes[classes.failure.isna()]
    specs = {}
    for path in given.runs:
        summary = json.loads(path.read_text())
        specs[summary["run"]] = summary["spec"]
    study = {"scale": given.scale, "smoke": given.smoke == "true"}
    data = {
        "study": canonical_json(study),
        "stories": stories,
        "model": given.model.read_text(),
        "load": canonical_json(columns_of(load, LOAD)),
        "classes": canonical_json(columns_of(classes, CLASSES)),
        "runs": canonical_json(runs_data(pd.read_csv(given.summary), specs)),
        "claims": canonical_json(records(pd.read_csv(given.ledger), CLAIM)),
    }
    sources = {path.name: path.read_text() for path in given.source}
    page = filled(inlined(sources["index.html"], sources), data)
    write_atomic(given.out, page)
    print(f"explorer: {given.out}, {len(page.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
