"""Tables of experiments that never ran, so that the truth is known."""

import math
import zlib

import numpy as np
import pandas as pd
import pytest

from moe_core.claims.evidence import Evidence
from moe_core.claims.facts import Fact

STORIES, BYTES_PER_TOKEN = 60, 3.0


class World:
    """Adds arms run by run; ``evidence`` is what the workflow would have written of them.

    shared_sd: deviation of bits per byte that all arms of a seed have in common.
    """

    shared_sd = 0.004

    def __init__(self) -> None:
        self.rows: dict[str, list[dict]] = {}
        self.stories: dict[str, pd.DataFrame] = {}
        self.audits: list[dict] = []
        self.facts: dict[str, Fact] = {}
        rng = np.random.default_rng(0)
        self.bytes_N = rng.integers(300, 1200, STORIES)
        self.hard_N = rng.normal(0, 0.1, STORIES)
        self.hard_N -= np.average(self.hard_N, weights=self.bytes_N)

    def add(
        self,
        strategy: str,
        bits: float = 1.0,
        noise: float = 0.002,
        seeds: tuple[int, ...] = (0, 1, 2, 3, 4),
        experiment: str = "unified",
        audited: bool = True,
        dense_width: float = 256,
        dim: int = 128,
        **columns: object,
    ) -> "World":
        """One arm: ``bits`` per byte on average over its seeds exactly, noise its deviation.

        A column given as a list has a value a seed.
        """
        settings = {k: v for k, v in columns.items() if not isinstance(v, list)}
        cell = "-".join([experiment, strategy, *(f"{k}{v}" for k, v in sorted(settings.items()))])
        cell += f"-d{dim}-f{dense_width}"
        rng = np.random.default_rng(zlib.crc32(f"{cell} {bits}".encode()))
        shared = np.array([np.random.default_rng(s).normal(0, self.shared_sd) for s in seeds])
        own = rng.normal(0, 1, len(seeds))
        own = noise * (own - own.mean()) / (own.std(ddof=1) if len(seeds) > 1 else 1.0)
        experts = 1 if strategy == "dense" else 2
        for place, seed in enumerate(seeds):
            mean = bits + own[place] + shared[place] - shared.mean()
            nats_N = math.log(2) * self.bytes_N * (mean + self.hard_N)
            run = f"{cell}-s{seed}"
            self.stories[run] = pd.DataFrame(
                {"story": range(STORIES), "bytes": self.bytes_N, "nats": nats_N}
            )
            values = {k: v[place] if isinstance(v, list) else v for k, v in columns.items()}
            row = {"cell": cell, "run": run, "strategy": strategy, "seed": seed, "dim": dim}
            row |= {"status": "finished", "failure": None}
            row |= {"capacity_factor": 1.25, "shared_hidden": 0, "num_experts": 8}
            row |= {"matmul_peak_flops": 1e9}
            row |= {"dense_width": dense_width, "ffn_hidden": dense_width / experts}
            row |= {"bits_per_byte": mean, "perplexity": 2 ** (mean * BYTES_PER_TOKEN)}
            self.rows.setdefault(experiment, []).append(row | values)
        if audited:
            self.audit(cell, strategy)
        return self

    def fail(self, strategy: str, *seeds: int, cause: str = "divergence") -> "World":
        """Turn the runs of a strategy's seeds into ones that failed at step 8."""
        for row in (row for rows in self.rows.values() for row in rows):
            if row["strategy"] == strategy and row["seed"] in seeds:
                measures = ("bits_per_byte", "perplexity", "load_cv", "tokens_per_s")
                row |= dict.fromkeys(measures)
                row |= {"status": "failed", "failure": f"{cause} at step 8: 9 nats, above 6"}
                self.stories[row["run"]] = self.stories[row["run"]].iloc[:0]
        return self

    def audit(self, cell: str, strategy: str, declared: bool = True, passed: bool = True) -> None:
        self.audits.append(
            {"cell": cell, "strategy": strategy, "audit": "suffix", "router": "skewed"}
            | {"mode": "train", "declared": declared, "passed": passed}
        )

    @property
    def evidence(self) -> Evidence:
        columns = ["cell", "strategy", "audit", "router", "mode", "declared", "passed"]
        columns += ["not_audited"]
        return Evidence(
            {name: pd.DataFrame(rows) for name, rows in self.rows.items()},
            self.stories,
            pd.DataFrame(self.audits, columns=columns),
            self.facts,
        )


@pytest.fixture
def world() -> World:
    return World()
