"""Tables of a hand-made layer, against counts made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.analysis.conditional import conditional_specialisation
from moe_core.analysis.recording import RecordedLayer
from moe_core.analysis.tables import (
    class_of_tokens,
    class_preference,
    coactivation,
    excerpt,
    expert_load,
    information,
    vocabulary,
)
from moe_core.analysis.token_class import CLASSES, token_class
from workflow_scripts.routing_tables import TABLES

TEXTS = {0: "<|endoftext|>", 1: " ", 2: "a", 3: "b"}
# tokens a b space a; expert choice leaves the space with none
LAYER = RecordedLayer(
    layer=0,
    num_experts=3,
    token_T=np.array([2, 3, 1, 2]),
    story_T=np.array([0, 0, 0, 1]),
    row_A=np.array([0, 0, 1, 3, 3]),
    expert_A=np.array([1, 0, 0, 1, 2]),
    weight_A=np.array([0.75, 0.25, 1.0, 0.5, 0.5], dtype=np.float32),
    dropped_A=np.array([False, True, False, False, False]),
    first_T=np.array([1, 0, 3, 1]),
)
CLASS_T = class_of_tokens(LAYER.token_T, TEXTS)


def test_tables_have_the_columns_that_their_script_declares():
    made = {
        "expert_load": expert_load(LAYER),
        "class_preference": class_preference(LAYER, CLASS_T),
        "specialisation": information(LAYER, CLASS_T, with_stories=False),
        "coactivation": coactivation(LAYER),
        "vocabulary": vocabulary(LAYER, TEXTS),
        "excerpt": excerpt(LAYER, TEXTS, 3),
    }
    assert {name: {*table} for name, table in made.items()} == {
        name: {*columns} for name, columns in TABLES.items()
    }


def test_load_counts_what_was_asked_and_what_was_kept():
    load = expert_load(LAYER)
    assert load.assignments.tolist() == [2, 2, 1]
    assert load.kept.tolist() == [1, 2, 1]
    assert load.share.sum() == pytest.approx(1)


def test_preference_of_a_class_counts_all_and_first_choices():
    table = class_preference(LAYER, CLASS_T).set_index(["token_class", "expert"])
    assert table.loc["vowel"].assignments.tolist() == [1, 2, 1]
    assert table.loc["vowel"].primary.tolist() == [0, 2, 0]
    assert table.loc["vowel"].share.tolist() == [0.25, 0.5, 0.25]
    assert table.loc["space"].num_tokens.tolist() == [1, 1, 1]
    assert table.loc["space"].primary_share.isna().all()
    assert "consonant" in table.index
    assert "digit" not in table.index


def test_company_counts_tokens_with_both():
    share = coactivation(LAYER).set_index(["expert", "with_expert"])
    assert share.num_tokens[1, 0] == share.num_tokens[0, 1] == 1
    assert share.share[0, 1] == 0.5
    assert share.share[2, 1] == 1
    assert share.num_tokens[1, 1] == 2
    alone = replace(LAYER, row_A=np.arange(5), token_T=np.ones(5, int))
    assert coactivation(alone).empty


def test_vocabulary_names_the_favourite_beside_its_share_of_all():
    table = vocabulary(LAYER, TEXTS).set_index("text")
    assert table.expert["a"] == 1
    assert table.share["a"] == 1
    assert table.expert_share["a"] == 0.5
    assert table.share[" "] == 0
    assert table.num_tokens.to_dict() == {" ": 1, "a": 2, "b": 1}


def test_an_excerpt_lists_all_assignments():
    rows = excerpt(LAYER, TEXTS, 3)
    assert rows.experts.tolist() == ["1 0", "0", ""]
    assert rows.dropped.tolist() == ["0 1", "0", ""]
    assert rows.weights.tolist() == ["0.75 0.25", "1", ""]
    assert rows.token_class.tolist() == ["vowel", "consonant", "space"]
    assert len(excerpt(LAYER, TEXTS, 99)) == 4


def test_information_where_the_class_says_all():
    token_T = np.tile([2, 3], 200)
    layer = RecordedLayer(
        0, 2, token_T, np.zeros(400, int), np.arange(400), token_T - 2,
        np.ones(400, np.float32), np.zeros(400, bool), token_T - 2,
    )  # fmt: skip
    rows = information(layer, class_of_tokens(token_T, TEXTS), with_stories=False).set_index("of")
    assert rows.mutual_information_nats["class"] == pytest.approx(np.log(2))
    assert rows.expert_entropy_nats["class"] == pytest.approx(np.log(2))
    assert rows.p_value.max() == pytest.approx(0.01)
    assert list(rows.index) == ["class", "token"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<|endoftext|>", "separator"),
        (" ", "space"),
        ("\n", "space"),
        (",", "punctuation"),
        ('."', "punctuation"),
        ("7", "digit"),
        (" 12", "digit"),
        ("A", "uppercase"),
        (" Tom", "uppercase"),
        ("e", "vowel"),
        ("t", "consonant"),
        (" the", "function word"),
        ("The", "function word"),
        (" dog", "word start"),
        ("ing", "word piece"),
        ("he", "word piece"),
        ("n't", "other"),
        ("", "space"),
    ],
)
def test_class_of_a_token(text, kind):
    assert token_class(text) == kind
    assert kind in CLASSES


def draw(seed: int, dependent: bool):
    rng = np.random.default_rng(seed)
    token_T, story_T = rng.integers(0, 5, 4000), np.repeat(np.arange(8), 500)
    noise_T = rng.integers(0, 4, 4000)
    return story_T, token_T, (story_T % 4 if dependent else (token_T + noise_T % 2) % 4)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_story_where_the_token_decides(seed):
    found = conditional_specialisation(*draw(seed, dependent=False))
    assert found.mutual_information_nats > 0  # the bias
    assert abs(found.corrected_nats) < 0.005


def test_all_of_the_story_where_it_decides():
    found = conditional_specialisation(*draw(0, dependent=True))
    assert found.mutual_information_nats == pytest.approx(np.log(4), abs=0.01)
    assert found.corrected_nats > 1.3
    assert found.p_value == pytest.approx(1 / 21)


def test_the_order_of_tokens_does_not_matter():
    story_T, token_T, expert_T = draw(3, dependent=True)
    order = np.random.default_rng(0).permutation(len(token_T))
    one = conditional_specialisation(story_T, token_T, expert_T)
    other = conditional_specialisation(story_T[order], token_T[order], expert_T[order])
    assert one.mutual_information_nats == pytest.approx(other.mutual_information_nats)
    assert pd.notna(other.null_high_nats)
