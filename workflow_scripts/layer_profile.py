"""Profile layers: time by stage, memory by the allocator, and that of a whole training step."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from moe_core.corpus.batches import open_corpus
from moe_core.dispatch.kinds import Backend
from moe_core.measure.allocator import peak_bytes
from moe_core.measure.clock import seconds_in_turn, spread_ms
from moe_core.measure.facts import exact, fact_table, of_repeats
from moe_core.measure.layer_profile import FORWARD, ProfiledLayer
from moe_core.measure.router_kernels import DTYPES, Shape
from moe_core.model.transformer import build
from moe_core.provenance import write_atomic
from moe_core.runs import RunSpec
from moe_core.training.loop import Trainer
from moe_core.training.process import prepare_process
from workflow_scripts.command import parser, path_argument, run

BACKENDS: tuple[Backend, ...] = ("auto", "padded")


def times(spec: dict, device_name: str) -> pd.DataFrame:
    """A row a shape and stage; backward is what the whole takes beyond forward."""
    rows = []
    for tokens, *shape in product(spec["tokens"], spec["num_experts"], spec["top_k"]):
        layer = ProfiledLayer(
            Shape(tokens, *shape, spec["dim"], DTYPES[spec["precision"]]),
            spec["expert_hidden"],
            spec["device"],
            "auto",
        )
        seconds = seconds_in_turn(layer.calls(), spec["repeats"], spec["device"])
        backward = np.subtract(seconds["whole"], seconds["forward"]).tolist()
        stages = {name: seconds[name] for name in FORWARD} | {"backward": backward}
        for stage, samples in {**stages, "whole": seconds["whole"]}.items():
            rows.append(
                {
                    "tokens": tokens,
                    "num_experts": shape[0],
                    "top_k": shape[1],
                    "dim": spec["dim"],
                    "expert_hidden": spec["expert_hidden"],
                    "precision": spec["precision"],
                    "device": device_name,
                    "stage": stage,
                }
                | spread_ms(samples)
            )
    return pd.DataFrame(rows)


def step_bytes(row: RunSpec, capacity_factor: float, backend: Backend, tokens: Path) -> int:
    """Most bytes of a training step: weights, optimiser, gradients and all that it allocates."""
    assert row.model.moe is not None
    moe = row.model.moe.model_copy(update={"capacity_factor": capacity_factor})
    corpus = open_corpus(tokens)
    trainer = Trainer(
        build(row.model.model_copy(update={"moe": moe}), corpus.counts_V, row.seed),
        corpus.splits["train"].tokens,
        row.training.model_copy(update={"dispatch": backend}),
        row.seed,
        row.device,
    )
    trainer.step(0)
    trainer.optimiser.zero_grad()
    kept = sum(tensor.nbytes for tensor in trainer.tensors().values())
    return kept + peak_bytes(lambda: trainer.step(1), row.device)


def memory(spec: dict, row: RunSpec, tokens: Path) -> pd.DataFrame:
    """Peaks by capacity factor and backend, of a layer and of a training step of the study."""
    rows = []
    of_layer = spec["tokens"][0], spec["num_experts"][0], spec["top_k"][-1]
    for factor, backend in product(spec["capacity_factors"], BACKENDS):
        layer = ProfiledLayer(
            Shape(*of_layer, spec["dim"], DTYPES[spec["precision"]], factor),
            spec["expert_hidden"],
            spec["device"],
            backend,
        )
        layer.whole()
        peaks = {
            "layer": peak_bytes(layer.whole, spec["device"]),
            "training step": step_bytes(row, factor, backend, tokens),
        }
        rows += [
            {"of": of, "capacity_factor": factor, "dispatch": backend, "peak_bytes": peak}
            for of, peak in peaks.items()
        ]
    return pd.DataFrame(rows)


def growth_R(whole: pd.DataFrame, axis: str) -> np.ndarray:
    """Logarithm of how much a layer's time grows where an axis doubles, one a repeat.

    From the axis' smallest to its largest value, the mean over all that the other axes hold.
    """
    least, most = whole[axis].min(), whole[axis].max()
    others = [name for name in ("tokens", "num_experts", "top_k") if name != axis]
    by_others = whole.set_index(others)
    samples = {
        end: np.log(
            [
                np.fromstring(line, sep=" ")
                for line in by_others[by_others[axis] == end].sort_index().samples_ms
            ]
        )
        for end in (least, most)
    }
    return (samples[most] - samples[least]).mean(0) / np.log2(most / least)


def facts(profile: pd.DataFrame, peaks: pd.DataFrame) -> pd.DataFrame:
    """How time grows with experts and choices, and memory with capacity."""
    whole = profile[profile.stage == "whole"]
    found = [
        of_repeats(
            f"time_per_doubled_{name}",
            f"growth of a layer's time where its {name} double",
            growth_R(whole, axis),
        )
        for name, axis in (("experts", "num_experts"), ("choices", "top_k"))
    ]
    steps = peaks[peaks["of"] == "training step"]
    for backend, of_backend in steps.groupby("dispatch"):
        peak = of_backend.set_index("capacity_factor").peak_bytes.sort_index()
        least = peak.index[0]
        for factor in peak.index[1:]:
            name = f"memory_of_capacity_{factor:g}_over_{least:g}_{backend}".replace(".", "_")
            about = f"peak memory at capacity factor {factor:g} over {least:g}, dispatch {backend}"
            found.append(exact(name, about, peak[factor] / peak[least], "ratio"))
    return fact_table(found)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True)
    arguments.add_argument("--run", required=True, help="canonical JSON of a RunSpec")
    arguments.add_argument("--threads", type=int, required=True)
    path_argument(arguments, "tokens", "profile", "memory", "facts")
    given = arguments.parse_args()
    process = prepare_process(given.spec["device"], given.threads)
    profile = times(given.spec, process.device_name)
    peaks = memory(given.spec, RunSpec.model_validate_json(given.run), given.tokens)
    write_atomic(given.facts, facts(profile, peaks).to_csv(index=False))
    write_atomic(given.memory, peaks.to_csv(index=False))
    write_atomic(given.profile, profile.to_csv(index=False))


if __name__ == "__main__":
    run(main)
