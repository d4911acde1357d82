"""What a GPU asks of jobs, by dry runs."""

import json
import re

import pytest

from moe_core.study import load_study
from tests.workflow.conftest import ROOT, Workspace, small_config

CONFIG = {"cpu": small_config()}
CONFIG["cuda"] = small_config() | {"device": "cuda"}
CONFIG["cuda"]["execution"] |= {"runs_per_gpu": 3}


SHARE = "python -m moe_core.devices --shares 3 --count 1 -- "
WHOLE = "python -m moe_core.devices --whole -- "


@pytest.mark.parametrize(
    ("device", "gpu", "train", "throughput"),
    [
        ("cpu", 4, (0, ""), (0, "")),
        ("cuda", 4, (1, SHARE), (3, WHOLE)),
        ("cuda", 2, (1, SHARE), (2, WHOLE)),  # 2 is all there is
    ],
)
def test_a_run_takes_a_share_of_a_gpu_and_a_timing_all(tmp_path, device, gpu, train, throughput):
    configuration, study = tmp_path / "config.yaml", load_study(CONFIG[device])
    configuration.write_text(json.dumps(CONFIG[device]))
    run, shape = study.unified[0], next(iter(study.shapes))
    told = Workspace(ROOT).snakemake(
        *("-n", "-p", f"results/throughput/{shape}.json", f"results/runs/{run}/summary.json"),
        *(
            "--forceall",
            "--nolock",
            "--configfile",
            str(configuration),
            "--resources",
            f"gpu={gpu}",
        ),
    )
    for rule, (count, prefix) in {"train": train, "throughput": throughput}.items():
        job = re.search(rf"^rule {rule}:.*?^Shell command: .*?$", told.stdout, flags=re.M | re.S)
        assert job, told.stdout[-2000:]
        assert f" gpu={count}," in job[0]
        assert re.search(f"(command:|;) {prefix}python -m workflow_scripts.{rule} ", job[0])
