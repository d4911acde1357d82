"""What a change reruns, and what it does not."""

import os
import re
import shutil

import pytest

SUMMARISING = {"summary", "aggregate", "frontier", "load_quality", "numbers", "numbers_tex"}
SUMMARISING |= {"tables", "report", "all", "ranking", "published_table", "manifest"}
SUMMARISING |= {"failures_table", "slides", "load_table", "specialisation_table"}
SUMMARISING |= {"slide_heatmap", "slide_token_routing", "frontier_annotated", "gate_balance"}
ADAPTING = {"adapt", "perft_runs", "perft_arms", "perft_frontier", "perft_table"}
JUDGING = {"audit", "audits", "audit_table", "ledger", "ledger_table", "causality_table"}
JUDGING |= {"claim_lines", "claim_pages"}
ROUNDING = {"router_precision", "precision_runs", "precision_arms", "precision_flips"}
ROUNDING |= {"precision_table"}
IMAGING = {"train_images", "audit_images", "vision_summary", "vision_arms", "vision_table"}
IMAGING |= {"vision_routing", "vision_tables", "vision_usage", "vision_losses", "vision_classes"}
IMAGING |= {"vision_nearest", "vision_cost", "vision_frontier", "vision_verdicts"}
IMAGING |= {"vision_balance_table"}
DRAWN_BY_RULE = {"strategy_panels", "token_dropping"}  # schematics that run a strategy
ANALYSING = {"routing", "routing_tables", "stability", "analysis_summary", "routing_stability"}
ANALYSING |= {"expert_load", "routing_heatmap", "routing_heatmap_summary", "token_routing"}
ANALYSING |= {"class_preference", "specialisation", "saturation", "coactivation", "vocabulary"}
ANALYSING |= {"explorer_stories", "explorer"}


@pytest.fixture
def stale(finished):
    """Function: the (rule, output) pairs that a dry run would make."""

    def jobs() -> set[tuple[str, str]]:
        done = finished.snakemake("-n", "all")
        assert done.returncode == 0, done.stdout[-3000:]
        blocks = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", done.stdout, re.M)
        if not blocks:
            assert "Nothing to be done" in done.stdout
        found = set()
        for rule, body in blocks:
            output = re.search(r"^    output: ([^,\n]*)", body, re.M)
            found.add((rule, output[1] if output else ""))
        return found

    return jobs


def rules(jobs):
    return {rule for rule, _ in jobs}


def test_nothing_changed_nothing_runs(stale):
    assert stale() == set()


def test_touched_files_rerun_nothing(finished, stale):
    for path in finished.folder.glob("**/*"):
        if path.suffix in {".py", ".smk", ".yaml", ".tex", ".bib"}:
            os.utime(path)
    assert stale() == set()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("moe_core/routing/strategies/top1.py", '"""i = argmax p', '"""We take i = argmax p'),
        (
            "moe_core/training/loop.py",
            "    config = self.config\n",
            "    config = self.config  # why\n",
        ),
        ("workflow_scripts/train.py", "def main", "# the command itself\ndef main"),
        ("moe_core/model/experts.py", "import torch\n", "import torch\n\n\n\n"),
    ],
)
def test_comment_docstring_and_layout_rerun_nothing(stale, edited, path, old, new):
    with edited(path, old, new):
        assert stale() == set()


def test_a_router_reruns_its_own_runs(stale, edited):
    with edited("moe_core/routing/strategies/top1.py", "softmax(-1)", "sigmoid()"):
        jobs = stale()
    made = {output for rule, output in jobs if rule in ("train", "throughput")}
    assert made
    assert all(re.match(r"results/(runs|throughput)/top1-", output) for output in made)
    retrained = {"train", "throughput", "overlay"} | DRAWN_BY_RULE
    retrained |= ADAPTING  # softk_pre is made of top1's rule
    assert rules(jobs) == SUMMARISING | ANALYSING | JUDGING | ROUNDING | IMAGING | retrained


def test_shared_code_reruns_all_runs_but_not_the_data(stale, edited):
    with edited("moe_core/model/transformer.py", "std *= depth_scale", "std *= 2 * depth_scale"):
        jobs = stale()
    assert {"train", "throughput", "router_logits", "microbench"} <= rules(jobs)
    assert not rules(jobs) & {"corpus", "tokenizer", "tokens", "ngram"}


def test_a_figure_script_reruns_the_figure(stale, edited):
    with edited("workflow_scripts/frontier.py", "markersize=5", "markersize=6"):
        assert rules(stale()) == {
            "frontier",
            "sweep_frontier",
            "frontier_annotated",
            "report",
            "slides",
            "manifest",
            "all",
        }


def test_one_experiments_parameter_reruns_its_jobs_alone(stale, reconfigured):
    def steeper(config):
        config["experiments"]["capacity"]["zipf_exponent"] = 1.5

    with reconfigured(steeper):
        jobs = rules(stale())
    assert jobs == {
        "microbench",
        "capacity_drop_rate",
        "capacity_tokens_per_s",
        "numbers",
        "numbers_tex",
        "report",
        "slides",
        "manifest",
        "all",
    }


def test_a_new_seed_trains_that_seed_alone(stale, reconfigured):
    with reconfigured(lambda config: config["scales"]["quick"]["seeds"].append(7)):
        jobs = stale()
    trained = [output for rule, output in jobs if rule == "train"]
    assert trained
    assert all("-s7-" in output for output in trained)
    assert "throughput" not in rules(jobs)


def test_the_learning_rate_trains_but_does_not_time(stale, reconfigured):
    def faster(config):
        config["scales"]["quick"]["training"]["learning_rate"] = 0.01

    with reconfigured(faster):
        jobs = rules(stale())
    assert "train" in jobs
    assert "throughput" not in jobs
    assert "tokens" not in jobs


def test_swapped_values_are_seen(stale, reconfigured):
    def swap(config):
        corpus = config["corpus"]
        corpus["valid_fraction"], corpus["test_fraction"] = 0.1, 0.11

    with reconfigured(swap):
        assert "corpus" in rules(stale())


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="TeX is not installed")
def test_the_reports_text_reruns_the_report(stale, edited):
    with edited("report/sections/limits.tex", "\\section{", "% a thought\n\\section{"):
        assert rules(stale()) == {"report", "manifest", "all"}


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="TeX is not installed")
def test_the_form_of_the_slides_reruns_them_alone(stale, reconfigured):
    with reconfigured(lambda config: config["slides"].update(form="short")):
        assert rules(stale()) == {"slides_settings", "slides", "manifest", "all"}


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="TeX is not installed")
def test_a_page_of_the_slides_reruns_them_alone(stale, edited):
    with edited("report/slides/thanks.tex", "\\begin{frame}", "% a thought\n\\begin{frame}"):
        assert rules(stale()) == {"slides", "manifest", "all"}
