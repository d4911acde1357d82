"""The cost of a job: a line through measured jobs, FLOPs of a row, and jobs that share cores."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from moe_core.costs import (
    adapter_flops,
    fit,
    model_cost,
    run_flops,
    shape_flops,
    weighted_median,
)
from moe_core.model.flops import cost
from moe_core.runs import HubModel, shape_of
from moe_core.schedule import Task, makespan
from moe_core.study import load_study
from tests.configurations import DEFAULT
from workflow_scripts.costs import against_truth, costs, measured

STARTUPS = st.floats(0.01, 60)
RATES = st.floats(1e8, 1e14)
SIZES = st.lists(st.floats(1e-2, 1e3), min_size=3, max_size=40, unique=True)


@given(STARTUPS, RATES, SIZES)
def test_a_fit_recovers_what_made_the_seconds(startup, rate, sizes):
    assume(max(sizes) > 1.1 * min(sizes))
    flops = rate * np.array(sizes)  # of a hundredth of a second to a quarter of an hour
    line = fit(flops, startup + flops / rate)
    assert line.startup_s == pytest.approx(startup, rel=1e-3, abs=1e-6)
    assert line.flops_per_s == pytest.approx(rate, rel=1e-3)


@given(STARTUPS, RATES, st.integers(0, 2**32 - 1))
def test_some_odd_jobs_do_not_move_a_fit(startup, rate, seed):
    rng = np.random.default_rng(seed)
    flops = rate * rng.uniform(10, 100, 40)
    seconds = (startup + flops / rate) * rng.normal(1, 0.01, 40)
    seconds[rng.choice(40, 4, replace=False)] *= 10
    line = fit(flops, seconds)
    assert line.seconds(50 * rate) == pytest.approx(startup + 50, rel=0.05)


@given(
    st.lists(st.tuples(st.floats(1e6, 1e15), st.floats(1e-3, 1e5)), min_size=1, max_size=30),
    st.floats(1e6, 1e15),
)
def test_no_measurement_gives_a_job_no_time_or_less(jobs, flops):
    line = fit(*zip(*jobs, strict=True))
    assert line.startup_s >= 0
    assert 0 < line.flops_per_s < np.inf
    assert line.seconds(flops) > 0


def test_jobs_that_differ_much_say_more_of_the_rate_than_jobs_that_hardly_differ():
    flops = [1.0, 1.01, 1.02, 1.03, 1.04, 100.0]
    seconds = [10.0, 9.9, 9.8, 9.7, 9.6, 109.0]  # most pairs fall
    assert fit(flops, seconds).flops_per_s == pytest.approx(1, rel=0.02)


def test_jobs_of_one_size_give_a_rate_alone():
    line = fit([2e9, 2e9, 2e9], [1.0, 2.0, 8.0])
    assert (line.startup_s, line.flops_per_s) == (0.0, 1e9)


@pytest.mark.parametrize("jobs", [([], []), ([1.0], [0.0]), ([0.0], [1.0]), ([1.0, 2.0], [1.0])])
def test_a_fit_of_nothing_is_refused(jobs):
    with pytest.raises(ValueError, match="positive"):
        fit(*jobs)


def test_a_weighted_median_is_where_half_of_the_weight_is():
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0])) == 2
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([5.0, 1.0, 1.0])) == 3


def test_flops_of_a_run_are_those_of_its_tokens():
    study = load_study(DEFAULT)
    run = next(run for run in study.runs.values() if run.model.moe is None)
    training, each = run.training, cost(run.model, 64, run.training.seq_len, 1.0)
    steps = training.steps * training.batch_size * training.seq_len
    read = training.steps // training.evaluate_every * training.valid_tokens + training.test_tokens
    assert run_flops(run, 64) == pytest.approx(each.train_flops_per_token * (steps + read / 3))
    longer = training.model_copy(update={"steps": 2 * training.steps})
    twice = run_flops(run.model_copy(update={"training": longer}), 64)
    assert 1.5 < twice / run_flops(run, 64) < 2
    timing = study.scale.throughput
    blocks = timing.warmup_steps + timing.repeats * timing.steps_per_repeat
    assert shape_flops(shape_of(run, timing), 64) == pytest.approx(
        each.train_flops_per_token * blocks * training.batch_size * training.seq_len
    )


def test_flops_of_adapters_are_of_a_base_that_is_frozen_or_is_not():
    study = load_study(DEFAULT)
    of = {spec.adapter.peft_type: spec for spec in study.adapted.values()}
    frozen, full = of["perft_s"], of["full"]
    training = full.training
    each = model_cost(full.base.model, 64, training.seq_len).train_flops_per_token
    steps = training.steps * training.batch_size * training.seq_len
    assert adapter_flops(full, 64) - adapter_flops(frozen, 64) == pytest.approx(each * steps / 3)
    asked = full.model_copy(update={"task": "commonsense"})
    assert adapter_flops(asked, 64) == pytest.approx(each * steps)
    hub = HubModel(kind="hub", name="allenai/OLMoE-1B-7B-0924", revision=None)
    assert adapter_flops(full.model_copy(update={"base": hub}), 64) is None


@st.composite
def plans(draw):
    """Tasks, each after some of those before it, and what they share."""
    cores, tasks = draw(st.integers(1, 8)), []
    for place in range(draw(st.integers(1, 12))):
        after = draw(st.sets(st.integers(0, place - 1))) if place else ()
        seconds, threads = draw(st.floats(0, 100)), draw(st.integers(1, 10))
        tasks.append(Task(seconds, threads, draw(st.integers(0, 1)), tuple(after)))
    return tasks, cores, draw(st.none() | st.integers(1, 3))


@given(plans())
def test_jobs_take_no_less_than_their_cores_and_chains_and_no_more_than_one_by_one(plan):
    tasks, cores, gpus = plan
    ends: list[float] = []
    for task in tasks:
        ends.append(task.seconds + max((ends[other] for other in task.after), default=0.0))
    shared = sum(task.seconds * min(task.threads, cores) for task in tasks) / cores
    turns = sum(task.seconds * task.gpus for task in tasks) / (gpus or len(tasks))
    found = makespan(tasks, cores, gpus)
    assert found <= sum(task.seconds for task in tasks) * (1 + 1e-9)
    assert found >= max(*ends, shared, turns) * (1 - 1e-9)


def test_jobs_wait_for_cores_gpus_and_each_other():
    side_by_side = [Task(3, 1, 0, ()), Task(2, 1, 0, ()), Task(1, 2, 0, ())]
    assert makespan(side_by_side, 2, None) == 4
    assert makespan([Task(3, 1, 1, ()), Task(2, 1, 1, ())], 2, 1) == 5
    assert makespan([Task(3, 1, 0, ()), Task(2, 1, 0, (0,))], 2, None) == 5
    assert makespan([], 2, None) == 0
    with pytest.raises(ValueError, match="circle"):
        makespan([Task(1, 1, 0, (1,)), Task(1, 1, 0, (0,))], 2, None)


def left_behind(
    folder: Path, name: str, run, seconds: float, rule: str = "train", **more: object
) -> None:
    """What a training job and its benchmark leave, as far as costs read it."""
    (folder / f"results/runs/{name}/state").mkdir(parents=True)
    (folder / f"results/benchmarks/{rule}").mkdir(parents=True, exist_ok=True)
    summary = {"spec": run.model_dump(mode="json"), "status": "finished"} | more
    (folder / f"results/runs/{name}/summary.json").write_text(json.dumps(summary))
    (folder / f"results/runs/{name}/weights.safetensors").write_bytes(bytes(10**6))
    (folder / f"results/benchmarks/{rule}/{name}.jsonl").write_text(json.dumps({"s": seconds}))


def rule_files(rule: str) -> dict[str, dict]:
    """What Snakemake says of the files of a rule that trains."""
    outputs = ["results/runs/{run}/summary.json", "results/runs/{run}/weights.safetensors"]
    benchmark = f"results/benchmarks/{rule}/{{run}}.jsonl"
    return {rule: {"benchmark": benchmark, "output": outputs, "threads": None}}


def tokens_meta(folder: Path, tokens: str) -> None:
    """A vocabulary of 64."""
    meta = folder / f"results/tokens/{tokens}/meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text('{"vocab_size": 64}')


def test_jobs_that_did_all_their_work_are_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = next(iter(load_study(DEFAULT).runs.values()))
    tokens_meta(tmp_path, run.tokens)
    rules = rule_files("train")
    outputs = rules["train"]["output"]
    left_behind(tmp_path, "whole", run, 30.0)
    left_behind(tmp_path, "half", run, 1.0, status="failed")
    for name, steps in (("resumed", [0, 20]), ("anew", [0, 20, 0])):
        left_behind(tmp_path, name, run, 40.0)
        events = "".join(json.dumps({"event": "start", "step": step}) + "\n" for step in steps)
        torn = '{"event": "che'  # by a kill
        (tmp_path / f"results/runs/{name}/state/history.jsonl").write_text(events + torn)
    left_behind(tmp_path, "gone", run, 2.0)
    (tmp_path / outputs[0].format(run="gone")).unlink()
    jobs = measured(rules)
    assert sorted(jobs.seconds) == [30.0, 40.0]
    assert jobs.threads.eq(run.threads * run.world_size).all()
    table = costs(jobs).iloc[0]
    assert (table.rule, table.device, table.jobs, table.mean_s) == ("train", "cpu", 2, 35.0)
    assert table.most_flops == pytest.approx(run_flops(run, 64) / run.threads)
    size = 10**6 + (tmp_path / outputs[0].format(run="whole")).stat().st_size
    weights = 4 * model_cost(run.model, 64, run.training.seq_len).params_total
    assert table.mean_output_bytes == pytest.approx(size - weights)


def test_adapters_are_sized_but_on_a_base_that_nothing_is_known_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = next(iter(load_study(DEFAULT).adapted.values()))
    tokens_meta(tmp_path, spec.tokens)
    left_behind(tmp_path, "own", spec, 30.0, "adapt")
    table = costs(measured(rule_files("adapt"))).iloc[0]
    assert table.most_flops == pytest.approx(adapter_flops(spec, 64) / spec.threads)
    hub = HubModel(kind="hub", name="allenai/OLMoE-1B-7B-0924", revision=None)
    left_behind(tmp_path, "hub", spec.model_copy(update={"base": hub}), 10.0, "adapt")
    both = costs(measured(rule_files("adapt"))).iloc[0]
    assert (both.jobs, both.mean_s) == (2, 20.0)
    assert np.isnan(both.most_flops)


def test_an_estimate_stands_beside_the_jobs_that_ran_since(tmp_path):
    ran = tmp_path / "ran.jsonl"
    ran.write_text(json.dumps({"s": 20.0}))
    job = {"rule": "train", "benchmark": str(ran), "threads": 2, "seconds": 10.0}
    waits = job | {"benchmark": str(tmp_path / "waits.jsonl")}
    table = against_truth({"time": 0.0, "jobs": [job, waits]}).set_index("rule")
    for rule in ("train", "all"):
        row = table.loc[rule]
        assert (row.planned_jobs, row.measured_jobs, row.ratio) == (2, 1, 0.5)
        assert row.measured_core_hours == pytest.approx(40 / 3600)
    later = against_truth({"time": 1e12, "jobs": [job]})
    assert later.measured_jobs.eq(0).all()
