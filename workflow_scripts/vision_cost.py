"""Time inference of image models at batch sizes, arms in turn, and count its FLOPs.

Of each cell the first finished run is timed, on test images: routing is that of a trained gate. The
largest top-1 mixture is timed once more with every expert run on every image.
"""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from moe_core import failures
from moe_core.images.image_set import ImageSet, open_images
from moe_core.measure.clock import seconds_in_turn, spread_ms
from moe_core.measure.facts import exact, fact_table, missing, of_repeats
from moe_core.provenance import write_atomic
from moe_core.runs import ImageSpec, cell_name, image_model_slug
from moe_core.training.process import prepare_process
from moe_core.vision.cost import counted_flops, inference, measured_flops, without_manager
from moe_core.vision.model import ImageModel
from moe_core.vision.routed import trained_image_model
from workflow_scripts.command import parser, path_argument, run

LARGEST, ONE = "vision_conditional_speedup", "vision_conditional_speedup_of_one"
LARGEST_FLOPS, ONE_FLOPS = "vision_conditional_flops_share", "vision_conditional_flops_share_of_one"
NO_MIXTURE = "no top-1 mixture finished"


@dataclass(frozen=True)
class Arm:
    """The run that a cell is timed by.

    conditional: whether only chosen experts run; None where nothing is chosen.
    """

    run: str
    spec: ImageSpec
    model: ImageModel
    conditional: bool | None


def first_finished(folders: list[Path]) -> dict[str, tuple[Path, ImageSpec]]:
    """By cell, the folder and row of the finished run with the smallest seed."""
    found: dict[str, tuple[Path, ImageSpec]] = {}
    for folder in folders:
        summary = json.loads((folder / "summary.json").read_text())
        spec = ImageSpec.model_validate(summary["spec"])
        cell = cell_name(spec)
        if not failures.reason(summary) and not (cell in found and found[cell][1].seed < spec.seed):
            found[cell] = folder, spec
    return found


def batch_of(images: ImageSet, size: int, device: str) -> Tensor:
    """image_BCHW of the test split, from its start over again where it is shorter."""
    image_NCHW = images.splits["test"].image_NCHW
    return images.normalise(image_NCHW[torch.arange(size) % len(image_NCHW)].to(device))


def timed_arms(
    finished: dict[str, tuple[Path, ImageSpec]], images: ImageSet, device: str
) -> list[Arm]:
    """The models, on the device, and after them the rival of the largest top-1 mixture."""
    arms = []
    for folder, spec in finished.values():
        model = trained_image_model(folder, spec.model, spec.shape).to(device)
        arms.append(Arm(folder.name, spec, model, True if spec.all_routing() else None))
    mixture = largest_top1(arms)
    if mixture:
        rival = without_manager(mixture.model, batch_of(images, 64, device))
        arms.append(Arm(mixture.run, mixture.spec, rival, False))
    return arms


def largest_top1(arms: list[Arm]) -> Arm | None:
    """Of those of most experts the one that the Switch loss balances, if any, else the first."""
    top1 = [arm for arm in arms for moe in arm.spec.all_routing() if moe.strategy == "top1"]

    def size(arm: Arm) -> tuple[int, float]:
        return arm.spec.all_routing()[0].num_experts, arm.spec.training.switch_coef

    return max(top1, key=size, default=None)


# of a table without a row, as where every run failed
COLUMNS = ["run", "cell", "model", "conditional", "images", "batch_size", "num_experts"]
COLUMNS += ["assignments_per_image", "flops_per_image", "images_per_s", "ms"]
COLUMNS += ["ms_lower_quartile", "ms_upper_quartile", "samples_ms", "device_name"]


def measured(arms: list[Arm], images: ImageSet, size: int, spec: dict) -> list[dict]:
    """A row an arm at one batch size, samples among them."""
    image_BCHW = batch_of(images, size, spec["device"])
    calls: dict[int, Callable[[], object]] = {
        place: inference(arm.model, image_BCHW) for place, arm in enumerate(arms)
    }
    samples = seconds_in_turn(calls, spec["repeats"], spec["device"])
    rows = []
    for place, arm in enumerate(arms):
        manager = arm if arm.conditional is not False else managed(arms, arm)
        flops, reached = measured_flops(manager.model, image_BCHW)
        if arm is not manager:
            flops = counted_flops(calls[place])
        routing = arm.spec.all_routing()
        rows.append(
            {
                "run": arm.run,
                "cell": cell_name(arm.spec),
                "model": image_model_slug(arm.spec.model),
                "conditional": arm.conditional,
                "images": images.name,
                "batch_size": size,
                "num_experts": routing[0].num_experts if routing else None,
                "assignments_per_image": reached / size,
                "flops_per_image": flops / size,
                "images_per_s": size / statistics.median(samples[place]),
                **spread_ms(samples[place]),
                "threads": spec["threads"],
                "device": spec["device"],
                "device_name": spec["device_name"],
            }
        )
    return rows


def managed(arms: list[Arm], rival: Arm) -> Arm:
    """The mixture that a rival is of."""
    return next(arm for arm in arms if arm.run == rival.run and arm.conditional)


def facts(table: pd.DataFrame, sizes: list[int]) -> pd.DataFrame:
    """What running only chosen experts gains, at the largest batch and for one image alone."""
    found = []
    for size, speedup, share in (
        (max(sizes), LARGEST, LARGEST_FLOPS),
        (1, ONE, ONE_FLOPS),
    ):
        told = f"of {size} images" if size > 1 else "of one image"
        about = f"time with every expert run over that with the chosen one alone, {told}"
        about_share = f"FLOPs with the chosen expert alone over those with every one run, {told}"
        rows = table[table.batch_size.eq(size)]
        rival = rows[rows.conditional.eq(False)]
        if rival.empty:
            why = NO_MIXTURE if size in sizes else "no batch of this size is timed"
            found.append(missing(speedup, about, "ratio", why))
            found.append(missing(share, about_share, "share", why))
            continue
        slow = rival.iloc[0]
        fast = rows[rows.run.eq(slow.run) & rows.conditional.eq(True)].iloc[0]
        device = "one GPU" if slow.device == "cuda" else f"CPU threads: {slow.threads}"
        of_what = f"{slow.num_experts:.0f} experts on {slow.images}"
        logs_R = np.log(samples_ms(slow)) - np.log(samples_ms(fast))
        found.append(of_repeats(speedup, f"{about}; {of_what}, {device}", logs_R))
        ratio = fast.flops_per_image / slow.flops_per_image
        found.append(exact(share, f"{about_share}; {of_what}", ratio, "share"))
    return fact_table(found)


def samples_ms(row: pd.Series) -> np.ndarray:
    """The samples of a row."""
    return np.array([float(sample) for sample in row.samples_ms.split()])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--spec",
        type=json.loads,
        required=True,
        help='as {"batch_sizes": [1, 256], "repeats": 15, "device": "cuda"}',
    )
    arguments.add_argument("--threads", type=int, required=True, help="of the CPU")
    arguments.add_argument("--runs", type=Path, nargs="+", required=True, help="folders")
    path_argument(arguments, "images", "out", "facts")
    given = arguments.parse_args()
    process = prepare_process(given.spec["device"], given.threads)
    spec = given.spec | {"threads": process.threads, "device_name": process.device_name}
    images = open_images(given.images)
    arms = timed_arms(first_finished(given.runs), images, spec["device"])
    sizes = spec["batch_sizes"]
    rows = [row for size in sizes for row in measured(arms, images, size, spec)] if arms else []
    table = pd.DataFrame(rows, columns=[*rows[0]] if rows else COLUMNS)
    write_atomic(given.facts, facts(table, sizes).to_csv(index=False))
    write_atomic(given.out, table.to_csv(index=False))
    print(f"{len(arms)} arms at {len(sizes)} batch sizes")


if __name__ == "__main__":
    run(main)
