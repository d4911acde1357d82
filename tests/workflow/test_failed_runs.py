"""A study whose runs failed goes on, and shows its holes with their reasons."""

import json
import shutil

import pandas as pd
import pytest
import yaml

from moe_core.study import load_study
from tests.workflow.conftest import Workspace

# by the beginning of its name and its seed: a cell that keeps a seed, one that loses both and
# whose first run is the audited one, a dense model, a recorded router, and runs of sweeps
FAILED = {
    "unified": [("top1", 1), ("expert_choice", 0), ("expert_choice", 1), ("dense-f64", 1)],
    "learning_rate": [("softk", 100)],
    "router_nets": [("softk-e8k2-cf1.25-cosine", 0)],
    "balance": [("softk", 0)],
}
DETAIL = "loss 6.1 nats, above 1.5 x its least & 100 % of ln_V"  # all that TeX minds
REASON = f"divergence at step 12: {DETAIL}"


def fail(workspace: Workspace, run: str) -> None:
    """Rewrite the files of a run as those of one that failed."""
    folder = workspace.folder / "results/runs" / run
    summary = json.loads((folder / "summary.json").read_text())
    failure = {"step": 12, "cause": "divergence", "detail": DETAIL, "checkpoint_step": 10}
    summary |= {"status": "failed", "failure": failure, "test": None}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "metrics.jsonl").write_text("")
    (folder / "stories.csv").write_text("story,bytes,nats,nats_train_mode\n")


@pytest.fixture(scope="module")
def study(finished):
    return load_study(yaml.safe_load(finished.read("config.yaml")))


@pytest.fixture(scope="module")
def failed(study):
    """Ids of the runs that are to fail: one of each pair above, the recorded router of E 16, and
    the first mixture of images."""
    runs = [study.capacity[16], next(iter(study.vision))]
    for experiment, pairs in FAILED.items():
        for prefix, seed in pairs:
            own = (run for run in study.experiments[experiment] if run.startswith(f"{prefix}-"))
            runs.append(next(run for run in own if study.runs[run].seed == seed))
    return runs


@pytest.fixture(scope="module")
def holed(finished, failed, tmp_path_factory):
    """The finished study, some of its runs failed, and all that follows made again."""
    folder = tmp_path_factory.mktemp("failed") / "repository"
    workspace = Workspace(shutil.copytree(finished.folder, folder))
    for run in failed:
        fail(workspace, run)
    target = "report/report.pdf" if shutil.which("latexmk") else "report_inputs"
    done = workspace.snakemake("--cores", "2", "report_inputs", target)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "rule train:" not in done.stdout
    return workspace


def table(workspace: Workspace, name: str) -> pd.DataFrame:
    return pd.read_csv(workspace.folder / "results" / name)


def test_a_failed_run_is_a_row_with_its_reason_and_no_measures(holed, failed):
    runs = table(holed, "unified/summary.csv").set_index("run")
    lost = runs[runs.status == "failed"]
    assert {*lost.index} == {*failed} & {*runs.index}
    assert (lost.failure == REASON).all()
    assert (lost.failed_at_step == 12).all()
    measures = ["bits_per_byte", "load_cv", "valid_bits_per_byte", "steps_to_target"]
    assert lost[measures].isna().all(axis=None)
    assert lost[["tokens_sha256", "params_total", "seed"]].notna().all(axis=None)
    assert runs[runs.status == "finished"].bits_per_byte.notna().all()


def test_a_cell_is_of_its_finished_seeds_and_names_the_others(finished, holed):
    before, cells = (table(w, "unified/aggregate.csv").set_index("cell") for w in (finished, holed))
    runs = table(holed, "unified/summary.csv").set_index("seed")
    top1 = cells[cells.strategy == "top1"].iloc[0]
    assert (top1.n, top1.n_failed) == (1, 1)
    assert top1.failures == "seed 1: divergence at step 12"
    own = runs[runs.strategy == "top1"].bits_per_byte[0]
    assert top1.bits_per_byte == pytest.approx(own)
    assert pd.isna(top1.bits_per_byte_low)
    gone = cells[cells.strategy == "expert_choice"].iloc[0]
    assert (gone.n, gone.n_failed) == (0, 2)
    assert pd.isna(gone.bits_per_byte)
    assert pd.isna(gone.bits_per_byte_minus_dense)
    # its dense model lost a seed, and so did the pairs
    softk = cells[cells.strategy.eq("softk") & cells.shared_hidden.eq(0)].iloc[0]
    assert (softk.n, softk.n_failed) == (2, 0)
    assert (softk.bits_per_byte_minus_dense_n, softk.bits_per_byte_minus_dense_n_failed) == (1, 1)
    untouched = cells[cells.n_failed.eq(0) & ~(cells.bits_per_byte_minus_dense_n_failed > 0)]
    same = [c for c in before if c != "failures" and not c.endswith("_holm")]
    pd.testing.assert_frame_equal(
        untouched[same], before.loc[untouched.index, same], check_dtype=False
    )


def test_a_failed_run_is_not_audited_and_says_so(holed):
    audits = table(holed, "audits/audits.csv")
    row = audits[audits.strategy == "expert_choice"].iloc[0]
    assert (row.audit, row.trials, row.not_audited) == ("none", 0, REASON)
    assert audits[audits.strategy == "softk"].not_audited.isna().all()
    tex = holed.read("results/report/audit_table.tex")
    assert "divergence at step 12" in tex


def test_decisions_of_a_failed_run_are_its_reason(holed):
    load = table(holed, "analysis/expert_load.csv")
    lost = load[load.strategy == "expert_choice"]
    assert list(lost.failure) == [REASON, REASON]
    assert lost.assignments.isna().all()
    assert load[load.strategy == "softk"].failure.isna().all()
    agreed = table(holed, "analysis/stability.csv")
    lost = agreed[agreed.strategy_a == "expert_choice"]
    assert (lost.failure == REASON).all()
    assert lost.run_b.isna().all()
    assert "expert_choice" not in {*agreed.strategy_b}
    summary = table(holed, "analysis/summary.csv")
    assert (summary[summary.strategy == "expert_choice"].status == "failed").all()


def test_a_router_that_failed_is_not_recorded(holed):
    cells = table(holed, "capacity/microbench.csv")
    holes = cells[cells.drop_rate.isna()]
    assert {*zip(holes.assignments, holes.num_experts, strict=True)} == {("recorded", 16)}
    assert (holes.not_recorded == REASON).all()
    assert (cells.groupby(["assignments", "num_experts"]).size() == 6).all()


def test_a_learning_rate_that_failed_is_not_chosen(finished, holed):
    before, after = (
        table(w, "learning_rate/choice.csv").set_index("strategy") for w in (finished, holed)
    )
    assert before.loc["dense"].equals(after.loc["dense"])
    assert after.failures["softk"].endswith("seed 100: divergence at step 12")
    lost = float(after.failures["softk"].split()[1].rstrip(","))
    assert after.best_learning_rate["softk"] != lost


def test_claims_on_failed_runs_say_so(holed):
    ledger = table(holed, "claims/ledger.csv").set_index("id")
    reason = ledger.reason["C02"]  # expert choice and soft top-k
    assert "every run of expert_choice (unified" in reason
    assert "failed: seed 0: divergence at step 12; seed 1: divergence at step 12" in reason
    assert "; runs that failed and do not count: 3, expert_choice seed 0 (divergence" in reason
    assert reason.endswith(", dense seed 1 (divergence at step 12)")


def test_the_report_lists_them(holed, failed, study):
    tex = holed.read("results/report/failures_table.tex")
    assert f"Of the {len(study.all_runs)} runs of the study {len(failed)} failed" in tex
    for run in failed:
        assert run.replace("_", r"\_") in tex
    assert r"12 of 30 & divergence: loss 6.1 nats, above 1.5 x its least \& 100 \%" in tex
    unified = holed.read("results/report/unified_table.tex")
    assert "top-1, CF 1.25 (seed 1: divergence at step 12)" in unified
    assert "1 of 2" in unified


def test_without_failures_the_report_says_none(finished, study):
    tex = finished.read("results/report/failures_table.tex")
    assert tex == f"None of the {len(study.all_runs)} runs of the study failed.\n"
    assert "ddagger" not in finished.read("results/report/unified_table.tex")


def test_a_study_whose_every_run_failed_has_its_tables_and_figures(finished, study, tmp_path):
    workspace = Workspace(shutil.copytree(finished.folder, tmp_path / "repository"))
    for run in study.all_runs:
        fail(workspace, run)
    done = workspace.snakemake("--cores", "2", "report_inputs")
    assert done.returncode == 0, done.stdout[-4000:]
    numbers = json.loads(workspace.read("results/report/numbers.json"))["numbers"]
    assert numbers["unified/best/label"]["value"] == "none"
