"""A small study, run once from stories to PDF in a copy of the repository."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GENERATED = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".snakemake",
    "results",
    "report.pdf",
    "slides.pdf",
    "__pycache__",
    ".*_cache",
    "tests",
)


def not_copied(folder: str, names: list[str]) -> set[str]:
    """What a clone lacks; the results of benchmarks are stored with the code."""
    return GENERATED(folder, names) - ({"results"} if Path(folder).name == "benchmarks" else set())


def small_config() -> dict:
    """The default configuration with everything made small."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config |= {"scale": "quick", "device": "cpu"}
    config["corpus"]["source"], config["tokenizer"]["kind"] = "builtin", "char"
    experiments = config["experiments"]
    experiments["unified"] |= {
        "strategies": ["top1", "softk", "expert_choice", "position_hash", "as_published_top1"],
        "headline": [],
        "shared_expert": ["softk"],
    }
    for name in ("capacity_sweep", "router_nets", "larger", "subword", "balance", "learning_rate"):
        experiments[name]["strategies"] = ["softk"]
    experiments["capacity_sweep"]["capacity_factors"] = [1.0, 1.25]
    experiments["router_nets"]["routers"] = ["linear", "cosine"]
    experiments["balance"]["switch_coefs"] = [0.0, 0.01]
    config["tokenizer"]["bpe"]["vocab_size"] = 300
    config["corpus"]["builtin"]["stories"] = 200
    config["corpus"]["valid_fraction"] = config["corpus"]["test_fraction"] = 0.1
    experiments["capacity"] |= {"num_experts": [8, 16], "capacity_factors": [1.0, 1.25]}
    scale = config["scales"]["quick"]
    scale["seeds"] = scale["other_seeds"] = [0, 1]
    scale["audit_trials"] = 8
    scale["sweep"] = {"seeds": [0], "steps": 15, "max_strategies": None, "timed": []}
    scale["model"] |= {"dim": 32, "layers": 1, "expert_hidden": 32}
    scale["training"] |= {
        "batch_size": 4,
        "seq_len": 64,
        "steps": 30,
        "warmup_steps": 5,
        "evaluate_every": 15,
        "valid_tokens": 2048,
        "test_tokens": 8192,
    }
    experiments["perft"] |= {"methods": ["perft_r", "perft_s", "full"]}
    scale["adapters"] |= {"steps": 6, "warmup_steps": 1, "evaluate_every": 3, "seq_len": 64}
    experiments["perft"]["telegrams"]["stories"] = 120
    mixture = {"strategy": "top1", "num_experts": 4, "top_k": 1}
    experiments["vision"] |= {
        "mixtures": [mixture, {"strategy": "soft_moe", "num_experts": 2, "top_k": 1}],
        "balanced": mixture,
        "balances": [{"by": "none", "weight": 0.0}, {"by": "switch", "weight": 0.01}],
    }
    config["images"]["digits"]["size"] = 8
    scale["vision"] |= {
        "seeds": [0],
        "channels": [4, 8],
        "gate_channels": [4],
        "patch": 4,
        "resnet_width": 2,
        "cost": {"batch_sizes": [1, 8], "repeats": 2},
    }
    scale["vision"]["training"] |= {"steps": 6, "warmup_steps": 1, "evaluate_every": 3}
    scale["throughput"] = {"warmup_steps": 1, "repeats": 3, "steps_per_repeat": 2}
    scale["capacity"] |= {"tokens": 2048, "dim": 32, "repeats": 2, "trained_steps": 10}
    scale["kernels"] |= {"tokens": [128], "num_experts": [2, 4], "dim": 16, "expert_hidden": 16}
    config["scales"] = {"quick": scale}
    return config


class Workspace:
    """A copy of the repository to run snakemake in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run snakemake there; output and errors in one text."""
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            env=os.environ
            | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
            # compiling takes half a minute, and tests/measure does it
            | {"CXX": "none"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def configure(self, config: dict) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)


def copy_of_repository(folder: Path) -> Workspace:
    shutil.copytree(ROOT, folder, ignore=not_copied)
    return Workspace(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The small study after one complete run, PDF included where TeX is installed."""
    workspace = copy_of_repository(tmp_path_factory.mktemp("study") / "repository")
    workspace.configure(small_config())
    targets = [] if shutil.which("latexmk") else ["report_inputs"]
    done = workspace.snakemake("--cores", "2", *targets)
    assert done.returncode == 0, done.stdout[-4000:]
    return workspace


@pytest.fixture
def edited(finished):
    """Context manager: a file of the workspace with one replacement, restored afterwards."""

    @contextmanager
    def edit(path: str, old: str, new: str) -> Iterator[None]:
        text = finished.read(path)
        assert old in text
        try:
            finished.write(path, text.replace(old, new, 1))
            yield
        finally:
            finished.write(path, text)

    return edit


@pytest.fixture
def reconfigured(finished):
    """Context manager: the configuration after a change, restored afterwards."""

    @contextmanager
    def change(mutate) -> Iterator[None]:
        text = finished.read("config.yaml")
        config = yaml.safe_load(text)
        mutate(config)
        try:
            finished.configure(config)
            yield
        finally:
            finished.write("config.yaml", text)

    return change
