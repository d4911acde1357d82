"""Collect every number the report's text may cite: value, unit, interval, n, source digests."""

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from moe_core.numbers.adapters import adapter_cost_numbers, adapter_numbers
from moe_core.numbers.analysis import analysis_numbers
from moe_core.numbers.capacity import capacity_numbers
from moe_core.numbers.facts import fact_numbers
from moe_core.numbers.judgements import audit_numbers, claim_numbers
from moe_core.numbers.number import Number
from moe_core.numbers.precision import precision_numbers
from moe_core.numbers.rates import rate_numbers
from moe_core.numbers.study import environment_numbers, study_numbers
from moe_core.numbers.unified import failed_numbers, unified_numbers
from moe_core.numbers.vision import image_numbers, vision_numbers
from moe_core.provenance import file_sha256, write_atomic
from workflow_scripts.command import parser, path_argument, run

FACTS = ("kernel_facts", "layer_facts", "expert_parallel_facts", "vision_facts")
VISION = ("vision_arms", "vision_summary", "vision_specialisation", "vision_cost")
SOURCES = (
    "aggregate",
    "summary",
    "microbench",
    "ngram",
    "meta",
    "run",
    "throughput",
    "ledger",
    "audits",
    "choice",
    "adapters",
    "costs_of_adapters",
    "analysis",
    "precision_flips",
    "precision_speed",
    "image_meta",
    *VISION,
    *FACTS,
)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", required=True, help="canonical JSON of the configuration")
    path_argument(arguments, *SOURCES, "out")
    given = arguments.parse_args()
    paths: dict[str, Path] = {name: getattr(given, name) for name in SOURCES}
    read = {
        n: json.loads(paths[n].read_text())
        for n in ("meta", "run", "throughput", "ngram", "costs_of_adapters", "image_meta")
    }
    summary, spec = pd.read_csv(given.summary), json.loads(given.spec)
    numbers = [
        *study_numbers(spec, read["meta"]),
        *environment_numbers(summary, read["run"], read["throughput"]),
        Number("ngram/train_tokens", read["ngram"]["train_tokens"], "count", "ngram"),
        *failed_numbers(summary),
        *unified_numbers(pd.read_csv(given.aggregate), summary),
        *capacity_numbers(pd.read_csv(given.microbench)),
        *claim_numbers(pd.read_csv(given.ledger)),
        *audit_numbers(pd.read_csv(given.audits)),
        *rate_numbers(pd.read_csv(given.choice)),
        *adapter_numbers(pd.read_csv(given.adapters)),
        *adapter_cost_numbers(read["costs_of_adapters"]),
        *analysis_numbers(pd.read_csv(given.analysis)),
        *precision_numbers(pd.read_csv(given.precision_flips), pd.read_csv(given.precision_speed)),
        *image_numbers(spec, read["image_meta"]),
        *vision_numbers(spec["vision"], *(pd.read_csv(paths[name]) for name in VISION)),
        *fact_numbers({name: pd.read_csv(paths[name]) for name in FACTS}),
    ]
    table = {
        "sources": {n: {"path": str(p), "sha256": file_sha256(p)} for n, p in paths.items()},
        "numbers": {
            number.key: {k: v for k, v in asdict(number).items() if k != "key"}
            for number in numbers
        },
    }
    write_atomic(given.out, json.dumps(table, indent=1, allow_nan=False, default=_plain))


def _plain(value: object) -> object:
    """numpy scalars as Python's."""
    return value.item()  # type: ignore[attr-defined]


if __name__ == "__main__":
    run(main)
