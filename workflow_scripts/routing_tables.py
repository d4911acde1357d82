"""Tables of what the routers of all runs decide on test stories, before and after training."""

from collections import defaultdict
from dataclasses import fields
from pathlib import Path

import pandas as pd

from moe_core.analysis.recording import not_recorded, read_layers, recorded_texts
from moe_core.analysis.tables import (
    class_of_tokens,
    class_preference,
    coactivation,
    excerpt,
    expert_load,
    information,
    vocabulary,
)
from moe_core.errors import StudyError
from moe_core.measure.specialisation import Specialisation
from moe_core.provenance import write_atomic
from workflow_scripts.columns import IDENTITY, ROUTERS
from workflow_scripts.command import parser, path_argument, run

EXCERPT = 256  # tokens, as in the original's figure
NAMED = ("token", "text", "token_class")
# of each table besides the runs, their routers and layers
TABLES = {
    "expert_load": ("expert", "num_tokens", "assignments", "kept", "share"),
    "class_preference": (
        *("token_class", "num_tokens", "expert"),
        *("assignments", "primary", "share", "primary_share"),
    ),
    "specialisation": (
        "of",
        *(field.name for field in fields(Specialisation)),
        *("expert_entropy_nats", "assignments"),
    ),
    "coactivation": ("expert", "with_expert", "num_tokens", "share"),
    "vocabulary": (*NAMED, "num_tokens", "expert", "share", "expert_share"),
    "excerpt": ("place", "story", *NAMED, "experts", "dropped", "weights"),
}


def tables_of_run(folder: Path, run: pd.Series, quoted: bool, with_stories: bool) -> dict:
    """Rows of every table, layer by layer."""
    found, texts = defaultdict(list), {}
    for router in ROUTERS:
        path = folder / f"{router}.parquet"
        if reason := not_recorded(path):
            raise StudyError(
                str(path), f"nothing was recorded: {reason}", "remove it and run again"
            )
        texts = texts or recorded_texts(path)  # both routers read the same tokens
        for layer in read_layers(path, int(run.num_experts)):
            class_T = class_of_tokens(layer.token_T, texts)
            rows = {
                "expert_load": expert_load(layer),
                "class_preference": class_preference(layer, class_T),
                "specialisation": information(layer, class_T, with_stories),
                "coactivation": coactivation(layer),
                "vocabulary": vocabulary(layer, texts),
            }
            if quoted and router == "trained":
                rows["excerpt"] = excerpt(layer, texts, EXCERPT)
            for name, table in rows.items():
                found[name].append(table.assign(router=router, layer=layer.layer))
    return found


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--summary", type=Path, nargs="+", required=True, help="summary.csv")
    arguments.add_argument("--runs", nargs="+", required=True, help="ids of runs")
    arguments.add_argument("--excerpts", nargs="+", required=True, help="of runs to quote from")
    arguments.add_argument("--subword", nargs="*", required=True, help="of runs on subwords")
    path_argument(arguments, "routing", "folder")
    given = arguments.parse_args()
    runs = (
        pd.concat(map(pd.read_csv, given.summary))
        .drop_duplicates("run")
        .set_index("run", drop=False)
    )
    tables = defaultdict(list)
    for name in given.runs:
        run = runs.loc[name]
        identity = run[list(IDENTITY)].to_frame().T
        if run.status == "failed":
            lost = [pd.DataFrame({"failure": [run.failure]})]
            found = {
                table: lost for table in TABLES if table != "excerpt" or name in given.excerpts
            }
        else:
            found = tables_of_run(
                given.routing / name, run, name in given.excerpts, name in given.subword
            )
        for table, parts in found.items():
            rows = pd.concat(parts)
            tables[table].append(
                identity.drop(columns=rows.columns, errors="ignore").merge(rows, how="cross")
            )
    for name, columns in TABLES.items():
        rows = pd.concat([pd.DataFrame(), *tables[name]])
        rows = rows.reindex(columns=[*IDENTITY, "router", "layer", *columns])
        write_atomic(given.folder / f"{name}.csv", rows.to_csv(index=False))


if __name__ == "__main__":
    run(main)
