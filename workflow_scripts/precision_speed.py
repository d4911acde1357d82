"""Time the products of a router in each precision, with the machine to itself."""

import json

import pandas as pd
import torch

from moe_core.measure.precision_bench import time_precisions
from moe_core.provenance import write_atomic
from moe_core.training.process import prepare_process
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True, help="shapes and repeats")
    arguments.add_argument("--threads", type=int, required=True)
    path_argument(arguments, "out")
    given = arguments.parse_args()
    spec = given.spec
    process = prepare_process(spec["device"], given.threads)
    rows = time_precisions(**spec)
    table = pd.DataFrame(rows).assign(
        device=process.device,
        device_name=process.device_name,
        threads=process.threads,
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        fp32_matmul=process.fp32_matmul,
        torch=torch.__version__,
    )
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
