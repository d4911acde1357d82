"""Record which experts all image runs give the test images to, trained and untrained.

A run that failed has no rows. Untrained: the run's own initial weights, without which nothing can
be said to have been learned.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from moe_core import failures
from moe_core.corpus.whole_files import whole_files
from moe_core.images.image_set import ImageSet, open_images
from moe_core.provenance import write_atomic
from moe_core.runs import ImageSpec, cell_name
from moe_core.training.process import prepare_process
from moe_core.vision.model import build_image_model
from moe_core.vision.routed import (
    RoutedImages,
    nearest_images,
    route_images,
    trained_image_model,
)
from workflow_scripts.command import parser, path_argument, run

NEAREST = 8  # images an expert
NEAREST_COLUMNS = ["run", "expert", "place", "distance", "image", "label"]
NAME = pa.dictionary(pa.int16(), pa.string())
SCHEMA = pa.schema(
    {
        "run": NAME,
        "router": NAME,
        "image": pa.int32(),  # place in the test split
        "label": pa.int16(),
        "expert": pa.int16(),
        "rank": pa.int16(),  # 0: of the largest weight
        "weight": pa.float32(),
    }
)


def assignments(name: str, router: str, routed: RoutedImages, images: ImageSet) -> pa.Table:
    """A row an assignment of one router."""
    label_N = images.splits["test"].label_N.numpy()
    columns = {
        "image": routed.image_A,
        "label": label_N[routed.image_A].astype(np.int16),
        "expert": routed.expert_A,
        "rank": routed.rank_A,
        "weight": routed.weight_A,
    }
    names = {
        key: pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(routed.image_A), np.int16)), pa.array([value])
        )
        for key, value in (("run", name), ("router", router))
    }
    return pa.table({**names, **columns}, schema=SCHEMA)


def nearest(name: str, routed: RoutedImages, images: ImageSet) -> list[dict[str, Any]]:
    """The images nearest to the mean of each expert's, nearest first."""
    label_N, first_N = images.splits["test"].label_N.numpy(), routed.first_N()
    rows: list[dict[str, Any]] = []
    for expert in np.unique(first_N[first_N >= 0]):
        found, distance = nearest_images(routed.x_ND, first_N, int(expert), NEAREST)
        for place, image in enumerate(found):
            values = (name, expert, place, distance[place], image, label_N[image])
            rows.append(dict(zip(NEAREST_COLUMNS, values, strict=True)))
    return rows


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--runs", type=Path, nargs="+", required=True, help="summary.json files")
    path_argument(arguments, "images", "routing", "nearest")
    given = arguments.parse_args()
    prepare_process("cpu", threads=1)
    images = open_images(given.images)
    test = images.splits["test"]
    near: list[dict[str, Any]] = []
    pictured = set()  # arms whose first seed that finished is there
    with (
        whole_files(given.routing) as (out,),
        pq.ParquetWriter(out, SCHEMA, compression="zstd") as writer,
    ):
        for path in given.runs:
            summary = json.loads(path.read_text())
            name = summary["run"]
            if reason := failures.reason(summary):
                print(f"{name} is left out: {reason}")
                continue
            spec = ImageSpec.model_validate(summary["spec"])
            trained = route_images(
                trained_image_model(path.parent, spec.model, spec.shape), images, test
            )
            initial = build_image_model(spec.model, spec.shape, spec.seed)
            for router, routed in (
                ("trained", trained),
                ("untrained", route_images(initial, images, test)),
            ):
                writer.write_table(assignments(name, router, routed, images))
            if cell_name(spec) not in pictured:
                pictured.add(cell_name(spec))
                near += nearest(name, trained, images)
    write_atomic(given.nearest, pd.DataFrame(near, columns=NEAREST_COLUMNS).to_csv(index=False))


if __name__ == "__main__":
    run(main)
