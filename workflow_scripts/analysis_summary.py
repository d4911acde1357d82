"""One row an analysed run: how its routers specialise, and whom they agree with.

Means over layers, of the trained router; ``_gain``: less the same of the untrained one. Agreement
of pairs of runs stands as a value a seed: see ``by_seed``.
"""

import numpy as np
import pandas as pd

from moe_core.analysis.tables import FIRST
from moe_core.provenance import write_atomic
from workflow_scripts.columns import IDENTITY, ROUTERS
from workflow_scripts.command import parser, path_argument, run

AGREEMENT = (
    "agreement_across_seeds",
    "agreement_across_strategies",
    "agreement_across_strategies_gain",
    "agreement_gap",
)


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


def beyond_chance(specialisation: pd.DataFrame, of: str) -> pd.Series:
    """Mutual information of trained routers in nats, less the mean of its permutation null."""
    rows = specialisation[specialisation["of"].eq(of)]
    rows = rows.assign(excess=rows.mutual_information_nats - rows.null_mean_nats)
    return by_router(rows, "excess").trained


def by_seed(pairs: pd.DataFrame) -> pd.Series:
    """Mean agreement of pairs of seeds as a value a seed, its jackknife pseudo-value.

    Pairs that share a run depend on each other; the mean of n U - (n - 1) U_(-i) is U, the mean
    over all pairs, and their spread gives it an honest interval (Arvesen, "Jackknifing
    U-statistics", 1969). Empty below three seeds, where no spread can be known.
    """
    seeds = sorted({*pairs.seed_a, *pairs.seed_b})
    if (n := len(seeds)) < 3:
        return pd.Series(dtype=float)
    score = pairs.adjusted_mutual_information
    without = [score[pairs.seed_a.ne(seed) & pairs.seed_b.ne(seed)].mean() for seed in seeds]
    return n * score.mean() - (n - 1) * pd.Series(without, index=seeds)


def agreement(stability: pd.DataFrame) -> pd.DataFrame:
    """By run: its seed's agreement with other seeds of its cell, and with those of other cells."""
    stability = stability[stability.run_b.notna()]
    trained, untrained = (stability.router.eq(router) for router in ROUTERS)
    sides = [stability[[f"{key}_{side}" for key in ("cell", "seed", "run")]] for side in "ab"]
    names = pd.concat([side.set_axis(["cell", "seed", "run"], axis=1) for side in sides])
    found = []
    for cell, runs in names.drop_duplicates().groupby("cell", sort=False):
        one, other = stability.cell_a.eq(cell), stability.cell_b.eq(cell)
        same = by_seed(stability[trained & one & other])
        across = by_seed(stability[trained & (one ^ other)])
        before = by_seed(stability[untrained & (one ^ other)])
        columns = (same, across, across - before, same - across)
        values = pd.DataFrame(dict(zip(AGREEMENT, columns, strict=True)))
        found.append(values.reindex(runs.seed).set_axis(runs.run))
    return pd.concat(found) if found else pd.DataFrame(columns=AGREEMENT)


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
        class_less_story_nats=beyond_chance(specialisation, FIRST) - stories.trained,
    )
    table = table.join(agreement(pd.read_csv(given.stability)))
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
