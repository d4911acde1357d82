"""Which experts the classes of images go to, and what an image's first expert tells of its class.

All counts are of first choices: one an image, none of an image that no expert took.
"""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from moe_core.measure.specialisation import (
    Counts,
    most_information,
    normalised_mutual_information,
    specialisation,
)
from moe_core.provenance import write_atomic
from workflow_scripts.columns import ROUTERS
from workflow_scripts.command import parser, path_argument, run

DRAWS = 199  # of permutation nulls
IDENTITY = [
    "run",
    "cell",
    "strategy",
    "label",
    "num_experts",
    "top_k",
    "balance",
    "balance_weight",
    "control",
    "seed",
]
MEASURES = ("nats", "nats_gain", "nmi", "null_mean", "null_high", "p_value", "nmi_gain")
OF = ("class", "superclass")
SPECIALISATION = [
    *IDENTITY,
    "router",
    "images",
    *(f"{of}_{measure}" for of in OF for measure in MEASURES),
]
CLASS_EXPERT = ["run", "router", "label", "class", "superclass", "expert", "images"]


@dataclass(frozen=True)
class Classes:
    """Names, and the index of each class's superclass; both lists of these empty without any."""

    classes: list[str]
    superclasses: list[str]
    superclass_of: list[int]


def first_choices(assignments: pd.DataFrame, classes: int, num_experts: int) -> Counts:
    """counts_VE: images by class and first expert."""
    first = assignments[assignments["rank"].eq(0)]
    counts_VE = np.zeros((classes, num_experts), dtype=np.int64)
    np.add.at(counts_VE, (first.label.to_numpy(), first.expert.to_numpy()), 1)
    return counts_VE


def of_superclasses(counts_VE: Counts, named: Classes) -> Counts:
    """The same by superclass."""
    counts_SE = np.zeros((len(named.superclasses), counts_VE.shape[1]), dtype=np.int64)
    np.add.at(counts_SE, named.superclass_of, counts_VE)
    return counts_SE


def information(of: str, counts_VE: Counts) -> dict[str, float]:
    """Mutual information in nats, and normalised beside its permutation null, normalised alike.

    Normalised: as a share of min(H(class), H(expert)); 0 where one of them is constant. A router
    that gives nearly all images to one expert may have a large share of next to no nats: nats_gain,
    less the mean of the null, compares routers of unequal load. nmi_gain is the same of shares.
    """
    found, most = specialisation(counts_VE, DRAWS), most_information(counts_VE)
    share = 1 / most if most > 0 else 0.0
    nmi = normalised_mutual_information(counts_VE)
    values = (
        found.mutual_information_nats,
        found.mutual_information_nats - found.null_mean_nats,
        nmi,
        found.null_mean_nats * share,
        found.null_high_nats * share,
        found.p_value,
        nmi - found.null_mean_nats * share,
    )
    return {f"{of}_{name}": value for name, value in zip(MEASURES, values, strict=True)}


def specialisation_row(counts_VE: Counts, named: Classes) -> dict[str, float]:
    """Information of class and superclass; nothing where no image has an expert."""
    row = {"images": int(counts_VE.sum())}
    if not row["images"]:
        return row
    row |= information("class", counts_VE)
    if named.superclasses:
        row |= information("superclass", of_superclasses(counts_VE, named))
    return row


def class_expert(counts_VE: Counts, named: Classes) -> pd.DataFrame:
    """A row a class and expert."""
    label, expert = (index.ravel() for index in np.indices(counts_VE.shape))
    of = [named.superclasses[i] for i in named.superclass_of] if named.superclasses else None
    return pd.DataFrame(
        {
            "label": label,
            "class": np.array(named.classes, dtype=object)[label],
            "superclass": np.array(of, dtype=object)[label] if of else None,
            "expert": expert,
            "images": counts_VE.ravel(),
        }
    )


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "summary", "routing", "meta", "specialisation", "classes")
    given = arguments.parse_args()
    meta = json.loads(given.meta.read_text())
    named = Classes(meta["classes"], meta["superclasses"], meta["superclass_of"])
    runs = pd.read_csv(given.summary)
    rows, counted = [], []
    for run_ in runs[runs.balance.notna() & runs.status.eq("finished")].to_dict("records"):
        own = pq.read_table(given.routing, filters=[("run", "==", run_["run"])]).to_pandas()
        for router in ROUTERS:
            recorded = own[own.router.eq(router)]
            counts_VE = first_choices(recorded, len(named.classes), int(run_["num_experts"]))
            identity = {key: run_[key] for key in IDENTITY} | {"router": router}
            rows.append(identity | specialisation_row(counts_VE, named))
            counted.append(class_expert(counts_VE, named).assign(run=run_["run"], router=router))
    table = pd.DataFrame(rows).reindex(columns=SPECIALISATION)
    write_atomic(given.specialisation, table.to_csv(index=False))
    classes = pd.concat([pd.DataFrame(), *counted]).reindex(columns=CLASS_EXPERT)
    write_atomic(given.classes, classes.to_csv(index=False))


if __name__ == "__main__":
    run(main)
