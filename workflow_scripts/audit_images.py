"""Audit image models, a run a cell: neighbours, order, gradients and conservation.

Of a run that failed there is one row, without trials, that says why it is not audited. Stops where
a model breaks what its strategy declares.
"""

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from moe_core import failures
from moe_core.audits.images import audit_images
from moe_core.images.image_set import open_images
from moe_core.provenance import write_atomic
from moe_core.runs import ImageSpec, cell_name
from moe_core.training.process import prepare_process
from moe_core.vision.routed import trained_image_model
from workflow_scripts.audit import no_audit
from workflow_scripts.audits import refuse_breaches
from workflow_scripts.command import parser, path_argument, run


def audited(folder: Path, image_NCHW: Tensor) -> pd.DataFrame:
    """The audits of one run."""
    summary = json.loads((folder / "summary.json").read_text())
    spec = ImageSpec.model_validate(summary["spec"])
    cell, moe = cell_name(spec), spec.model.kind == "cnn" and spec.model.moe
    reason = failures.reason(summary)
    if reason:
        rows = [no_audit(cell, moe.strategy if moe else "dense")]
    else:
        model = trained_image_model(folder, spec.model, spec.shape)
        rows = audit_images(model, cell, image_NCHW)
    return pd.DataFrame([asdict(row) for row in rows]).assign(not_audited=reason)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--runs", type=Path, nargs="+", required=True, help="folders")
    arguments.add_argument("--trials", type=int, required=True, help="N, images of an audit")
    path_argument(arguments, "images", "out")
    given = arguments.parse_args()
    prepare_process("cpu", threads=1)
    images = open_images(given.images)
    test_NCHW = images.splits["test"].image_NCHW
    place_N = torch.linspace(0, len(test_NCHW) - 1, min(given.trials, len(test_NCHW))).long()
    image_NCHW = images.normalise(test_NCHW[place_N])
    table = pd.concat([audited(folder, image_NCHW) for folder in given.runs])
    refuse_breaches(table)
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
