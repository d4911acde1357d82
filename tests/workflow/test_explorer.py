"""The explorer of a study that was run, in a browser."""

import pytest
import yaml

from moe_core.study import load_study
from tests.explorer.checks import check_counts, check_sentences, opened


@pytest.fixture(scope="module")
def results(finished):
    return finished.folder / "results"


def test_what_it_counts_is_in_the_tables(browser, results):
    with opened(browser, results / "explorer/index.html") as page:
        assert check_counts(page, results / "analysis") > 100


def test_its_sentences_are_routed_as_the_exported_run_routes_them(browser, finished, results):
    study = load_study(yaml.safe_load(finished.read("config.yaml")))
    run, tokens = results / "runs" / study.exported, results / "tokens" / study.tokens
    with opened(browser, results / "explorer/index.html") as page:
        assert check_sentences(page, results / "explorer/model.json", run, tokens) > 500
