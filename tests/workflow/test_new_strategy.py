"""The example of CONTRIBUTING.md: one file, and the workflow takes the strategy up."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_one_file_is_a_strategy(finished):
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    assert re.search(r"`moe_core/routing/strategies/\w+\.py`", guide)
    # a name of the test's own: the reader of the guide may have used the guide's
    name = "example_of_the_guide"
    path = f"moe_core/routing/strategies/{name}.py"
    example = re.search(r"```python\n(.*?)```", guide, re.S)[1]
    config = yaml.safe_load(finished.read("config.yaml"))
    before = finished.read("config.yaml")
    config["experiments"]["unified"]["strategies"].append(name)
    try:
        finished.write(path, example)
        finished.configure(config)
        planned = finished.snakemake("-n", "unified").stdout
        runs = set(re.findall(rf"results/runs/({name}-\S+?)/metrics\.jsonl", planned))
        assert len(runs) == 2  # two seeds
        assert set(re.findall(r"output: results/runs/(\w+?)-", planned)) == {name}
        run = sorted(runs)[0]
        done = finished.snakemake("--cores", "1", f"results/runs/{run}/summary.json")
        assert done.returncode == 0, done.stdout[-2000:]
    finally:
        finished.write("config.yaml", before)
        (finished.folder / path).unlink()
    summary = json.loads(finished.read(f"results/runs/{run}/summary.json"))
    assert summary["spec"]["model"]["moe"]["strategy"] == name
    assert summary["test"]["bits_per_byte"] > 0
