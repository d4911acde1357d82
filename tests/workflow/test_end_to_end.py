"""One study from stories to PDF."""

import json
import math
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import torch
import yaml

from moe_core.claims.facts import read_facts
from moe_core.claims.rules import Measured, leaves
from moe_core.claims.schema import load_claims
from moe_core.runs import cell_name
from moe_core.study import load_study

needs_tex = pytest.mark.skipif(shutil.which("latexmk") is None, reason="TeX is not installed")


@pytest.fixture(scope="module")
def study(finished):
    return load_study(yaml.safe_load(finished.read("config.yaml")))


def test_one_row_a_run_and_the_ngram(finished, study):
    summary = pd.read_csv(finished.folder / "results/unified/summary.csv")
    assert set(summary.run.dropna()) == set(study.unified)
    assert list(summary[summary.run.isna()].strategy) == ["ngram"]
    assert (summary.bits_per_byte > 0).all()
    assert summary.mfu.dropna().between(0, 1).all()


def test_one_row_a_cell_with_interval_and_n(finished, study):
    aggregate = pd.read_csv(finished.folder / "results/unified/aggregate.csv")
    cells = aggregate[aggregate.strategy != "ngram"]
    assert (cells.n == len(study.scale.seeds)).all()
    assert (cells.bits_per_byte_low < cells.bits_per_byte).all()
    assert (cells.bits_per_byte_high > cells.bits_per_byte).all()
    assert len(cells) * len(study.scale.seeds) == len(study.unified)


def test_difference_to_dense_is_paired_by_seed_at_equal_flops(finished):
    runs = pd.read_csv(finished.folder / "results/unified/summary.csv").set_index("cell")
    aggregate = pd.read_csv(finished.folder / "results/unified/aggregate.csv").set_index("cell")
    twins = runs[runs.strategy == "dense"].set_index("ffn_hidden")
    for name, cell in aggregate[aggregate.capacity_factor.notna()].iterrows():
        own = runs.loc[name].set_index("seed")
        dense = twins.loc[cell.dense_width].set_index("seed")
        expected = (own.bits_per_byte - dense.bits_per_byte).mean()
        assert cell.bits_per_byte_minus_dense == pytest.approx(expected)
        # the routed model adds its router, and capacity takes assignments away
        assert own.train_flops_per_token.max() < 1.05 * dense.train_flops_per_token.max()


def test_summary_holds_what_made_it(finished, study):
    run = study.unified[0]
    summary = json.loads(finished.read(f"results/runs/{run}/summary.json"))
    meta = json.loads(finished.read(f"results/tokens/{study.tokens}/meta.json"))
    assert summary["spec"] == study.runs[run].model_dump(mode="json")
    assert summary["tokens_sha256"]["train"] == meta["splits"]["train"]["sha256"]
    assert re.fullmatch("[0-9a-f]{64}", summary["code"])
    assert summary["environment"]["packages"]["torch"]


def test_an_evaluation_a_line_of_metrics(finished, study):
    run = next(r for r in study.unified if r.startswith("softk"))
    rows = [json.loads(x) for x in finished.read(f"results/runs/{run}/metrics.jsonl").splitlines()]
    assert [row["step"] for row in rows] == [15, 30]
    wanted = {"loss", "perplexity", "bits_per_byte", "drop_rate", "token_drop_rate", "load_cv"}
    wanted |= {"max_vio", "router_entropy_nats", "switch_loss", "z_loss", "router_grad_norm"}
    assert wanted <= set(rows[0])
    assert rows[-1]["router_grad_norm"] > 0


def test_quality_is_by_a_decoders_rule_and_the_premium_its_difference(finished):
    runs = pd.read_csv(finished.folder / "results/unified/summary.csv")
    routed = runs[runs.leak_premium.notna()]
    difference = routed.bits_per_byte - routed.bits_per_byte_train_mode
    assert difference.to_numpy() == pytest.approx(routed.leak_premium.to_numpy(), abs=1e-12)
    assert (routed[routed.causal].leak_premium == 0).all()
    assert (routed[~routed.causal].leak_premium != 0).all()


def test_nats_by_story_add_up_to_the_loss(finished, study):
    for run in study.unified:
        summary = json.loads(finished.read(f"results/runs/{run}/summary.json"))["test"]
        stories = pd.read_csv(finished.folder / f"results/runs/{run}/stories.csv")
        assert len(stories) == summary["stories"]
        bits = stories.nats.sum() / math.log(2) / stories["bytes"].sum()
        assert bits == pytest.approx(summary["bits_per_byte"])


def test_every_routed_cell_is_audited_and_keeps_its_word(finished, study):
    audits = pd.read_csv(finished.folder / "results/audits/audits.csv")
    cells = {cell_name(study.runs[run]) for run in study.audited}
    assert set(audits.cell) == cells
    assert audits[audits.declared].passed.all()
    leak = audits[(audits.strategy == "expert_choice") & (audits.audit == "suffix")]
    assert not leak[leak["mode"] == "train"].declared.any()
    assert not leak[leak["mode"] == "train"].passed.any()
    assert leak[leak["mode"] == "decode"].passed.all()


def test_an_undeclared_leak_stops_the_workflow(finished):
    path = "moe_core/routing/strategies/expert_choice.py"
    text = finished.read(path)
    try:
        finished.write(path, text.replace("causal=False", "causal=True"))
        done = finished.snakemake("--cores", "2", "results/audits/audits.csv")
    finally:
        finished.write(path, text)
    assert done.returncode != 0
    assert re.search(r"error: audits?.*expert_choice.*suffix", done.stdout), done.stdout[-2000:]
    assert finished.snakemake("--cores", "2", "claims").returncode == 0


def test_ledger_has_every_claim_and_says_smoke(finished):
    ledger = pd.read_csv(finished.folder / "results/claims/ledger.csv")
    claims = yaml.safe_load((finished.folder / "claims.yaml").read_text())["claims"]
    assert list(ledger.id) == [claim["id"] for claim in claims]
    assert set(ledger.verdict) == {"NOT TESTABLE"}
    assert ledger.reason.str.contains("smoke").all()


@pytest.mark.parametrize(
    ("experiment", "column"),
    [("capacity_sweep", "capacity_factor"), ("router_nets", "router"), ("larger", "num_experts")],
)
def test_an_experiment_has_a_cell_a_level(finished, experiment, column):
    cells = pd.read_csv(finished.folder / f"results/{experiment}/aggregate.csv")
    routed = cells[cells.strategy == "softk"]
    assert routed[column].nunique() == 2
    assert routed.bits_per_byte.notna().all()
    assert (finished.folder / f"results/{experiment}/{experiment}.png").stat().st_size > 5_000


def test_recorded_decisions_are_those_of_the_summary(finished, study):
    load = pd.read_csv(finished.folder / "results/analysis/expert_load.csv")
    runs = pd.read_csv(finished.folder / "results/unified/summary.csv").set_index("run")
    trained = load[load.router.eq("trained") & load.tokens.eq(study.tokens)]
    assert set(trained.run) == set(study.analysed) & set(study.unified)
    layers = trained.groupby(["run", "layer"])
    cv = (layers.assignments.std(ddof=0) / layers.assignments.mean()).groupby("run").mean()
    drops = (1 - layers.kept.sum() / layers.assignments.sum()).groupby("run").mean()
    own = runs.loc[cv.index]
    assert cv.to_numpy() == pytest.approx(own.load_cv.to_numpy(), abs=1e-12)
    assert drops.to_numpy() == pytest.approx(own.drop_rate.to_numpy(), abs=1e-12)
    assert own.drop_rate.max() > 0.01


def test_learning_rates_are_checked_against_their_neighbours(finished):
    choice = pd.read_csv(finished.folder / "results/learning_rate/choice.csv")
    rates = pd.read_csv(finished.folder / "results/learning_rate/summary.csv")
    softk = choice[choice.strategy == "softk"].iloc[0]
    own = rates[rates.strategy == "softk"].set_index("learning_rate").valid_bits_per_byte
    assert softk.best_valid_bits_per_byte == own.min()
    assert softk.learning_rate == sorted(own.index)[1]
    assert softk.best_on_edge == (own.idxmin() in (own.index.min(), own.index.max()))
    drawn = pd.read_csv(finished.folder / "results/learning_rate/aggregate.csv")
    drawn = drawn[drawn.strategy == "softk"].set_index("learning_rate").valid_bits_per_byte
    assert drawn.sort_index().equals(own.sort_index())


def test_random_assignments_follow_the_law(finished):
    table = pd.read_csv(finished.folder / "results/capacity/microbench.csv")
    assert set(table.assignments) == {"random", "zipf", "recorded"}
    random = table[table.assignments == "random"]
    # one draw of 2,048 tokens: three standard errors of a share near 0.1
    assert (random.drop_rate - random.drop_rate_law).abs().max() < 0.02
    assert (table[table.assignments == "zipf"].drop_rate > 0.05).all()


def test_no_wall_clock_in_what_should_repeat(finished, study):
    run = study.unified[0]
    before = {
        name: finished.read(f"results/runs/{run}/{name}")
        for name in ("metrics.jsonl", "summary.json")
    }
    target = f"results/runs/{run}/summary.json"
    shutil.rmtree(finished.folder / f"results/runs/{run}/state")  # or nothing would be trained
    done = finished.snakemake("--cores", "1", target, "--forcerun", target)
    assert done.returncode == 0, done.stdout[-2000:]
    after = {name: finished.read(f"results/runs/{run}/{name}") for name in before}
    assert after == before


def test_numbers_name_their_sources(finished):
    numbers = json.loads(finished.read("results/report/numbers.json"))
    assert {n["source"] for n in numbers["numbers"].values()} - {"config"} <= set(
        numbers["sources"]
    )
    best = numbers["numbers"]["unified/best/bits_per_byte"]
    assert best["low"] < best["value"] < best["high"]
    assert best["n"] == 2


@needs_tex
def test_pdf_repeats_byte_for_byte(finished):
    pdf = finished.folder / "report/report.pdf"
    before = pdf.read_bytes()
    assert before.startswith(b"%PDF")
    done = finished.snakemake("--cores", "1", "--forcerun", "report", "--", "report/report.pdf")
    assert done.returncode == 0, done.stdout[-2000:]
    assert pdf.read_bytes() == before


@needs_tex
def test_a_missing_number_stops_the_report(finished):
    source = "report/sections/limits.tex"
    text = finished.read(source)
    before = (finished.folder / "report/report.pdf").read_bytes()
    try:
        finished.write(source, text + "\n\\val{no/such/key}\n")
        done = finished.snakemake("--cores", "1", "report/report.pdf")
    finally:
        finished.write(source, text)
    assert done.returncode != 0
    assert "error: report: TeX stopped: ! Package report Error: no value for the key" in done.stdout
    restored = finished.folder / "report/report.pdf"
    assert not restored.exists() or restored.read_bytes() == before
    assert finished.snakemake("--cores", "1", "report/report.pdf").returncode == 0


def test_one_seed_has_no_interval_and_still_a_report(finished, tmp_path):
    numbers = json.loads(finished.read("results/report/numbers.json"))
    for number in numbers["numbers"].values():
        if number["n"]:
            number |= {"n": 1, "low": None, "high": None}
    (tmp_path / "numbers.json").write_text(json.dumps(numbers))
    command = ["-m", "workflow_scripts.numbers_tex", "--json", tmp_path / "numbers.json"]
    command += ["--smoke", "true", "--out", tmp_path / "numbers.tex"]
    subprocess.run([sys.executable, *command], cwd=finished.folder, check=True)
    keys = r"val@(\S+?)\\endcsname"
    text = (tmp_path / "numbers.tex").read_text()
    several = finished.read("results/report/numbers.tex")
    assert set(re.findall(keys, text)) == set(re.findall(keys, several))
    assert r"bits_per_byte_minus_dense/interval\endcsname{(none: one seed)}" in text


def test_every_fact_that_a_claim_asks_for_is_told(finished):
    claims = load_claims(finished.folder / "claims.yaml")
    asked = {
        leaf.fact
        for claim in claims
        if claim.rule
        for leaf in leaves(claim.rule)
        if isinstance(leaf, Measured)
    }
    facts = read_facts(
        finished.folder / "results" / f"{name}.csv"
        for name in ("kernels/kernel_facts", "kernels/layer_facts", "expert_parallel/facts")
    )
    assert asked
    assert asked <= {*facts}
    assert facts["expert_parallel_loss_difference"].interval.mean <= 1e-5
    assert facts["expert_parallel_bytes_off_formula"].interval.mean == 0
    compiled = facts["compiled_mismatches"]
    assert compiled.interval.mean == 0 or compiled.not_measured
    if not torch.cuda.is_available():
        assert "need a GPU" in facts["triton_router_speedup"].not_measured
        assert "need a GPU" in finished.read("results/report/kernels_table.tex")
