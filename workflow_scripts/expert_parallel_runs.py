"""Train one row with 1, 2 and 4 processes that share out its experts, and model a step's time.

Losses against those of one process, bytes sent against the formula, times against the model.
"""

import os
import statistics
from collections.abc import Iterator
from itertools import product
from typing import Any

import pandas as pd
import torch

from moe_core.corpus.batches import open_corpus
from moe_core.dispatch.expert_parallel import LEGS
from moe_core.measure.facts import exact, fact_table, missing
from moe_core.measure.scaling import Shape, StepModel, fitted
from moe_core.provenance import write_atomic
from moe_core.runs import RunSpec
from moe_core.training.side_by_side import side_by_side
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.expert_parallel_work import Found, work

PROCESSES = (1, 2, 4)
DRAWN_TO = 10  # doublings: 1,024 devices
MODEL = (
    "a model: each process on a core or device of its own, as many experts as processes or more, "
    "load even, nothing overlapped"
)

SCALING = [
    "scaling",
    "devices",
    "tokens_per_device",
    "processes_per_core",
    "predicted_step_s",
    "predicted_efficiency",
    "measured_step_s",
    "measured_efficiency",
    "source",
]

Ranks = dict[int, list[Found]]  # by number of processes


def can_share(spec: RunSpec) -> list[int]:
    """Numbers of processes that this row and machine allow."""
    experts = spec.model.moe.num_experts if spec.model.moe else 1
    most = min(experts, spec.training.batch_size)
    if spec.device == "cuda":
        most = min(most, torch.cuda.device_count())
    return [n for n in PROCESSES if n <= most]


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sharing(spec: RunSpec, processes: int) -> float:
    """Processes to a core, 1 where each has its own."""
    return max(1.0, processes * spec.threads / cores()) if spec.device == "cpu" else 1.0


def losses(found: Ranks) -> pd.DataFrame:
    """A row a step, seed and number of processes, and how far it is from one process."""
    rows = pd.DataFrame(
        [
            {"processes": size, "seed": seed, "step": step, "loss": loss}
            for size, ranks in found.items()
            for seed, trial in ranks[0].trials.items()
            for step, loss in enumerate(trial.losses)
        ],
        columns=["processes", "seed", "step", "loss"],
    )
    alone = rows[rows.processes == 1].drop(columns="processes")
    rows = rows.merge(alone, on=["seed", "step"], suffixes=("", "_alone"), how="left")
    return rows.assign(difference=rows.loss - rows.loss_alone).drop(columns="loss_alone")


def communication(found: Ranks) -> pd.DataFrame:
    """Bytes that all processes of a run sent to one another, counted and by the formula."""
    return pd.DataFrame(
        [
            {
                "processes": size,
                "seed": seed,
                "leg": leg,
                "bytes_counted": sum(rank.trials[seed].counted[leg] for rank in ranks),
                "bytes_predicted": ranks[0].trials[seed].foreseen[leg],
            }
            for size, ranks in found.items()
            if size > 1
            for seed, leg in product(ranks[0].trials, LEGS)
        ],
        columns=["processes", "seed", "leg", "bytes_counted", "bytes_predicted"],
    )


def timing(found: Ranks, spec: RunSpec) -> pd.DataFrame:
    """A row a thing timed, as the first process saw it: a step of a batch, or an all-to-all."""

    def rows() -> Iterator[dict[str, Any]]:
        for size, (first, *_) in found.items():
            steps = dict(first.steps)
            if size > 1:  # alone it was timed with the others that the fit needs
                trained = [s for trial in first.trials.values() for s in trial.seconds]
                steps |= {spec.training.batch_size: trained} if first.steps else {}
            for batch, seconds in sorted(steps.items()):
                tokens = batch * spec.training.seq_len / size
                yield {"what": "step", "processes": size, "tokens_per_process": tokens} | spread(
                    seconds
                )
            for sent, seconds in first.exchanges.items():
                yield {"what": "all_to_all", "processes": size, "bytes_sent": sent} | spread(
                    seconds
                )

    columns = ["what", "processes", "tokens_per_process", "bytes_sent", *spread([0.0, 0.0])]
    return pd.DataFrame(rows(), columns=columns)


def spread(seconds: list[float]) -> dict[str, float]:
    """Median, quartiles and number."""
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {
        "seconds": middle,
        "seconds_lower_quartile": low,
        "seconds_upper_quartile": high,
        "samples": len(seconds),
    }


def fit(times: pd.DataFrame, spec: RunSpec) -> StepModel:
    """Compute by steps of one process, communication by exchanges of several."""
    steps = times[(times.what == "step") & (times.processes == 1)]
    exchanges = times[times.what == "all_to_all"]
    own_core = exchanges.seconds / exchanges.processes.map(lambda n: sharing(spec, n))
    return fitted(
        list(zip(steps.tokens_per_process, steps.seconds, strict=True)),
        list(zip(exchanges.processes - 1, exchanges.bytes_sent, own_core, strict=True)),
    )


def scaling(times: pd.DataFrame, spec: RunSpec, shape: Shape) -> pd.DataFrame:
    """Steps predicted beside those measured, then the model alone, drawn to many devices.

    Nothing where no exchange between processes was timed.

    weak: each process has the whole batch of the row; strong: they share it. Efficiency: tokens a
    second and process, as a share of one process's with the same batch.
    """
    if "all_to_all" not in set(times.what):
        return pd.DataFrame(columns=SCALING)
    model = fit(times, spec)
    steps = times[times.what == "step"].set_index(["processes", "tokens_per_process"]).seconds
    whole = spec.training.batch_size * spec.training.seq_len

    def row(devices: int, tokens: float, kind: str, shared: float) -> dict[str, Any]:
        predicted = model.step_s(shape, devices, tokens, shared)
        alone = model.step_s(shape, 1, whole)
        return {
            "scaling": kind,
            "devices": devices,
            "tokens_per_device": tokens,
            "processes_per_core": shared,
            "predicted_step_s": predicted,
            "predicted_efficiency": tokens / predicted / (whole / alone),
            "measured_step_s": None,
            "measured_efficiency": None,
            "source": MODEL,
        }

    rows = []
    place = "gloo on CPU" if spec.device == "cpu" else "NCCL on GPU"
    for kind, devices in product(("weak", "strong"), sorted(times.processes.unique())):
        tokens = whole if kind == "weak" else whole / devices
        measured = steps.get((devices, tokens))
        alone = steps[(1, whole)]
        rows.append(
            row(devices, tokens, kind, sharing(spec, devices))
            | {
                "measured_step_s": measured,
                "measured_efficiency": tokens / measured / (whole / alone),
                "source": f"measured here: {place}, {devices} processes"
                + (f" on {cores()} cores" if spec.device == "cpu" else ""),
            }
        )
    rows += [row(2**n, whole, "weak", 1.0) for n in range(DRAWN_TO + 1)]
    return pd.DataFrame(rows, columns=SCALING)


def facts(tables: dict[str, pd.DataFrame], spec: RunSpec, sick: str) -> pd.DataFrame:
    """What claims are judged by; each exact, so that its interval is the value."""
    several = tables["losses"][tables["losses"].processes > 1]
    checked, sent = tables["scaling"], tables["communication"]
    checked = checked[checked.measured_step_s.notna() & (checked.devices > 1)]
    error = (checked.predicted_step_s / checked.measured_step_s - 1).abs()
    away = (sent.bytes_counted - sent.bytes_predicted).abs()
    on_devices = checked[checked.scaling == "weak"].tail(1)
    sizes = " and ".join(map(str, sorted(several.processes.unique())))
    place = "by NCCL" if spec.device == "cuda" else "by gloo on one machine's cores"
    why = sick or ("" if len(several) else "not measured here: a single process has its place")
    no_gpus = why if spec.device == "cuda" else "not measured here: no GPUs"
    values = [
        (
            "loss_difference",
            f"largest difference of a step's loss from one process's, {sizes} processes {place}",
            several.difference.abs().max(skipna=False),
            "error",
            why,
        ),
        ("bytes_off_formula", "bytes sent off the formula", away.sum(), "count", why),
        ("error_of_model", "largest error of the model of a step", error.max(), "ratio", why),
        (
            "efficiency_on_gpus",
            "weak efficiency on GPUs",
            on_devices.measured_efficiency.max(),
            "share",
            no_gpus,
        ),
    ]
    return fact_table(
        [
            missing(f"expert_parallel_{name}", about, unit, why)
            if why
            else exact(f"expert_parallel_{name}", about, value, unit)
            for name, about, value, unit, why in values
        ]
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", required=True, help="canonical JSON of a RunSpec")
    arguments.add_argument("--seeds", type=int, nargs="+", required=True)
    path_argument(arguments, "tokens", "folder")
    given = arguments.parse_args()
    spec = RunSpec.model_validate_json(given.spec)
    open_corpus(given.tokens)  # what is wrong with it is told here, in one line
    found = {
        size: side_by_side(size, work, size, given.spec, given.seeds, given.tokens)
        for size in can_share(spec)
    }
    trials = [trial for ranks in found.values() for trial in ranks[0].trials.values()]
    times = timing(found, spec)
    tables = {"losses": losses(found), "communication": communication(found), "timing": times}
    tables["scaling"] = scaling(times, spec, trials[0].shape)
    tables["facts"] = facts(tables, spec, "; ".join({t.sick for t in trials if t.sick}))
    for name, table in tables.items():
        write_atomic(given.folder / f"{name}.csv", table.to_csv(index=False))
    for _, fact in tables["facts"].iterrows():
        print(f"{fact.fact}: {fact.not_measured or f'{fact.value:.3g} {fact.unit}'}")


if __name__ == "__main__":
    run(main)
