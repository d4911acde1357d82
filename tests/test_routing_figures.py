"""Figures of routing: experts are sorted where seeds are averaged, and what is missing is said."""

import importlib
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from moe_core.figures.excerpts import choices
from moe_core.figures.panels import by_load, panels, read
from moe_core.figures.token_text import UNKNOWN_GLYPH, drawn, visible
from workflow_scripts.coactivation import matrix, mean_share
from workflow_scripts.routing_stability import both_ways, compared
from workflow_scripts.token_routing import flow
from workflow_scripts.vocabulary import reached

TEXT = "builtin-char"
COLUMNS = {
    "expert_load": ["expert", "assignments", "kept", "share"],
    "routing_heatmap_summary": ["expert", "assignments", "kept", "share"],
    "routing_heatmap": ["place", "text", "experts", "weights", "dropped"],
    "token_routing": ["place", "text", "experts", "weights", "dropped"],
    "class_preference": ["token_class", "num_tokens", "expert", "primary", "primary_share"],
    "specialisation": ["of", "mutual_information_nats", "null_mean_nats", "null_high_nats"],
    "coactivation": ["expert", "with_expert", "num_tokens", "share"],
    "vocabulary": ["text", "num_tokens", "expert", "share", "expert_share"],
}


def identity(strategy="softk", seed=0, failure="", capacity_factor=1.25, shared_hidden=0) -> dict:
    run = f"{strategy}-{capacity_factor}-s{seed}"
    return {
        "run": run,
        "strategy": strategy,
        "capacity_factor": capacity_factor,
        "shared_hidden": shared_hidden,
        "num_experts": 2,
        "top_k": 2,
        "tokens": TEXT,
        "seed": seed,
        "failure": failure or np.nan,
    }


def rows(values: list[dict], router="trained", layer=0, **run) -> list[dict]:
    return [identity(**run) | {"router": router, "layer": layer} | value for value in values]


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """A figure as its script draws it from rows; a missing glyph is an error."""

    def drawn_by(script: str, table: list[dict], strategies=("softk",)):
        columns = [*identity(), "router", "layer", *COLUMNS[script]]
        path = tmp_path / "table.csv"
        pd.DataFrame(table, columns=columns).to_csv(path, index=False)
        module = importlib.import_module(f"workflow_scripts.{script}")
        options = [f"--{kind}={tmp_path / kind}" for kind in ("pdf", "png")]
        options += [f"--table={path}", f"--tokens={TEXT}", "--strategies", *strategies]
        monkeypatch.setattr("sys.argv", [script, *options])
        figures = []
        monkeypatch.setattr(module, "save", lambda figure, *_: figures.append(figure))
        module.main()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figures[0].canvas.draw()
        return figures[0]

    yield drawn_by
    plt.close("all")


def words(figure) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))


@pytest.mark.parametrize("script", COLUMNS)
def test_a_figure_of_failed_runs_says_so(draw, script):
    failed = [identity(seed=seed, failure="divergence at step 8: loss 9") for seed in (0, 1)]
    told = words(draw(script, failed))
    assert "soft top-k 2 of 2" in told
    assert "divergence at step 8" in told or "no run to draw" in told


@pytest.mark.parametrize("script", COLUMNS)
def test_a_figure_of_an_empty_table_says_so(draw, script):
    assert "no run to draw" in words(draw(script, []))


def load(shares: list[float], dropped: list[float]) -> list[dict]:
    return [
        {"expert": i, "assignments": 100 * s, "kept": 100 * (s - d), "share": s}
        for i, (s, d) in enumerate(zip(shares, dropped, strict=True))
    ]


def test_bars_are_means_of_sorted_shares_with_what_was_dropped_on_top(draw):
    table = rows(load([0.7, 0.3], [0.2, 0]), seed=0) + rows(load([0.1, 0.9], [0, 0.4]), seed=1)
    table += rows(load([0.5, 0.5], [0, 0]), router="untrained", seed=0)
    figure = draw("expert_load", table)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([0.5, 0.2, 0.3, 0.0])
    assert "load CV 0.60 dropped 30.0% 2 seeds" in words(figure)


def test_experts_have_whole_numbers_where_runs_failed(draw):
    sizes = {"token_class": "space", "num_tokens": 4}
    shares = [
        sizes | {"expert": e, "primary": p, "primary_share": p / 4} for e, p in ((0, 1), (7, 3))
    ]
    table = rows(shares) + rows(shares, router="untrained")
    figure = draw("class_preference", [*table, identity(seed=1, failure="divergence at step 1: x")])
    told = [text.get_text() for text in figure.axes[0].findobj(Text)]
    assert told.index("7") < told.index("0")
    assert "space (4)" in told


def test_experts_are_ranked_within_their_run_and_layer():
    table = rows(load([0.1, 0.9], [0, 0]), layer=0) + rows(load([0.8, 0.2], [0, 0]), layer=1)
    assert by_load(pd.DataFrame(table))["rank"].to_list() == [1, 0, 0, 1]


def test_panels_are_of_the_largest_capacity_factor_without_shared_experts():
    table = rows([{}], seed=0) + rows([{}], seed=1, failure="divergence at step 3: inf")
    table += rows([{}], seed=2, capacity_factor=1.0) + rows([{}], seed=3, shared_hidden=64)
    table += rows([{}], strategy="hash") + rows([{}], strategy="top1")
    found = panels(pd.DataFrame(table), ["softk", "hash"], TEXT)
    assert [(p.strategy, p.n, p.n_failed) for p in found] == [("hash", 1, 0), ("softk", 1, 1)]
    assert found[1].failure == "divergence at step 3"
    assert found[1].rows.seed.to_list() == [0]


ODD = ["a", "\n", "$", "$", "中", "NA", "", " "]


def quote() -> list[dict]:
    texts = [text for text in ODD if text]
    chosen = {"experts": "1 0", "weights": "0.7 0.3", "dropped": "1 1"}
    table = [{"place": i, "text": text, **chosen} for i, text in enumerate(texts)]
    return rows([*table[:-1], table[-1] | dict.fromkeys(chosen, np.nan)])


@pytest.mark.parametrize("script", ["routing_heatmap", "token_routing"])
def test_any_token_can_be_written(draw, script):
    texts = [text.get_text() for text in draw(script, quote()).findobj(Text)]
    for sign in ("a", "↵", "$", UNKNOWN_GLYPH, "NA", "␣"):
        assert sign in texts


def test_a_token_that_no_expert_has_is_marked(draw):
    assert "–" in [text.get_text() for text in draw("token_routing", quote()).findobj(Text)]


def test_choices_of_a_token(tmp_path):
    path = tmp_path / "excerpt.csv"
    pd.DataFrame(quote()).to_csv(path, index=False)
    first, *_, last = (choices(token) for _, token in read(path).iterrows())
    assert [(c.expert, c.weight, c.dropped) for c in first] == [(1, 0.7, True), (0, 0.3, True)]
    assert last == []


def test_unseen_characters_have_signs():
    assert visible("<|endoftext|>a b\n") == "¶a␣b↵"
    assert drawn("\N{BRAILLE PATTERN DOTS-1}\U0001f9ff").endswith(UNKNOWN_GLYPH)


def test_a_text_flows_into_lines_and_no_token_is_cut():
    assert flow([40, 24, 1, 63, 2]) == [(0, 0), (0, 40), (1, 0), (1, 1), (2, 0)]


def company(together: np.ndarray) -> pd.DataFrame:
    own = together.diagonal()
    table = [
        {
            "expert": i,
            "with_expert": j,
            "num_tokens": n,
            "share": n / own[i],
            "num_experts": len(own),
        }
        for (i, j), n in np.ndenumerate(together)
    ]
    return pd.DataFrame(table)


def test_company_of_experts_is_sorted_by_load_without_the_diagonal():
    table = company(np.array([[4, 1, 3], [1, 6, 5], [3, 5, 8]]))
    shares = matrix(table)
    assert shares.index.to_list() == shares.columns.to_list() == [2, 1, 0]
    assert np.isnan(shares.to_numpy().diagonal()).all()
    assert shares.loc[0, 2] == pytest.approx(3 / 4)
    assert mean_share(table) == pytest.approx(1 / 2)  # K - 1 = 1 of E - 1 = 2 others


def test_agreement_is_told_apart_by_arm():
    pairs = pd.DataFrame(
        [("a0", "a", "a1", "a", 0.4), ("a0", "a", "b1", "b", 0.1), ("b0", "b", "a1", "a", 0.3)],
        columns=["run_a", "cell_a", "run_b", "cell_b", "adjusted_mutual_information"],
    )
    both = both_ways(pairs)
    assert len(both) == 6
    assert compared(both) == "same arm 40 (1 pairs), others 20 (2 pairs)"


def test_vocabulary_counts_occurrences():
    tokens = pd.DataFrame(
        {"share": [0.5, 1.0, 0.6], "expert_share": [0.25, 0.25, 0.5], "num_tokens": [6, 1, 3]}
    )
    excess, reach = reached(tokens)
    assert excess == pytest.approx([0.75, 0.25, 0.1])
    assert reach == pytest.approx([0.1, 0.7, 1.0])
