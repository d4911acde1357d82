"""One row an analysed run: how its routers specialise, and whom they agree with.

Means over layers, of the trained router; ``_gain``: less the same of the untrained one.
"""

import numpy as np
import pandas as pd

from moe_core.provenance import write_atomic
from workflow_scripts.columns import IDENTITY, ROUTERS
from workflow_scripts.command import parser, path_argument, run


def by_router(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """Means over layers: a row a run, a column a router."""
    return rows.pivot_table(value, "run", "router").reindex(columns=ROUTERS)


def space_share(preference: pd.DataFrame) -> pd.DataFrame:
    """Share of spaces whose first choice is the expert that most of them choose first."""
    spaces = preference[preference.token_class.eq("space")]
    most = spaces.groupby(["run", "router", "layer"], as_index=False).primary_share.max()
    return by_router(most, "primary_share")


def information(specialisation: pd.DataFrame, of: str) -> pd.DataFrame:
    """Mutual information in nats, its bias taken away."""
    return by_router(specialisation[specialisation["of"].eq(of)], "corrected_nats")


def agreement(stability: pd.DataFrame) -> pd.DataFrame:
    """Mean adjusted mutual information of each run with others of its cell, and of other cells."""
    trained = stability[stability.router.eq("trained")]
    both = pd.concat(
        [
            trained.assign(run=trained[f"run_{side}"], same=trained.cell_a.eq(trained.cell_b))
            for side in "ab"
        ]
    )
    means = both.pivot_table("adjusted_mutual_information", "run", "same")
    means = means.reindex(columns=[True, False])
    return pd.DataFrame(
        {
            "agreement_across_seeds": means[True],
            "agreement_across_strategies": means[False],
            "agreement_gap": means[True] - means[False],
        }
    )


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "preference", "specialisation", "stability", "out")
    given = arguments.parse_args()
    preference = pd.read_csv(given.preference)
    specialisation = pd.read_csv(given.specialisation)
    runs = preference[list(IDENTITY)].drop_duplicates("run").set_index("run", drop=False)
    runs["status"] = np.where(runs.failure.isna(), "finished", "failed")
    spaces, classes = space_share(preference), information(specialisation, "class")
    stories = information(specialisation, "story given token")
    table = runs.assign(
        space_primary_share=spaces.trained,
        space_primary_share_gain=spaces.trained - spaces.untrained,
        class_nats=classes.trained,
        class_nats_gain=classes.trained - classes.untrained,
        story_given_token_nats=stories.trained,
        class_less_story_nats=classes.trained - stories.trained,
    ).join(agreement(pd.read_csv(given.stability)))
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
