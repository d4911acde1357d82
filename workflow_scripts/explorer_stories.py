"""Gather how each arm routes the first test stories, as compact JSON for the explorer page."""

from typing import Any

import pandas as pd

from moe_core.analysis.packed import packed
from moe_core.provenance import canonical_json, write_atomic
from workflow_scripts.command import parser, path_argument, run

STORIES = 4
MOST_TOKENS = 1200  # shown of one story


def arm(run: str, routing: pd.DataFrame) -> dict[str, Any]:
    """What one run did to the stories, layer by layer, and step by step where it has steps."""
    parts = [
        {
            "layer": int(layer),
            "step": int(step),
            "stories": [
                packed(rows.experts, rows.weights, rows.dropped)
                for _, rows in part.groupby("story")
            ],
        }
        for (layer, step), part in routing.groupby(["layer", "step"])
    ]
    return {"run": run, "parts": parts}


def told(routing: pd.DataFrame) -> list[dict[str, Any]]:
    """The stories themselves: their tokens' text, and whether the end is cut off."""
    once = routing[(routing.layer == 0) & (routing.step == 0)]
    return [
        {"story": int(story), "cut": len(rows) > MOST_TOKENS, "tokens": [*rows.text[:MOST_TOKENS]]}
        for story, rows in once.groupby("story")
    ]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--routing", nargs="+", required=True, help="RUN=trained.parquet")
    path_argument(arguments, "out")
    given = arguments.parse_args()
    stories: list[dict[str, Any]] = []
    arms = []
    for named in given.routing:
        name, _, path = named.partition("=")
        wanted = [("story", "in", [*range(STORIES)])]
        routing = pd.read_parquet(path, filters=wanted).sort_values(
            ["layer", "step", "window", "position"], kind="stable"
        )
        stories = stories or told(routing)
        shown = routing.groupby(["layer", "step", "story"]).head(MOST_TOKENS)
        arms.append(arm(name, shown))
    write_atomic(given.out, canonical_json({"stories": stories, "arms": arms}))


if __name__ == "__main__":
    run(main)
