"""The built-in corpus: size, diversity, spelling, and the closure of its grammar."""

import os
import re
import subprocess
import sys
import time
import zlib
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.corpus import builtin_vocabulary as lexicon
from moe_core.corpus.builtin_stories import (
    builtin_stories,
    gerund,
    participle,
    past,
    with_articles,
)

COUNT = 3500
ROWS = re.compile(r"\n\s+")


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower().replace("'s", ""))


@pytest.fixture(scope="module")
def stories() -> list[str]:
    return list(builtin_stories(seed=0, count=COUNT))


@pytest.fixture(scope="module")
def paragraphs(stories: list[str]) -> list[str]:
    return [paragraph for story in stories for paragraph in story.split("\n\n")]


# ---------------------------------------------------------------- size and speed


def test_corpus_exceeds_two_megabytes_without_a_repeated_story(stories: list[str]) -> None:
    assert sum(map(len, stories)) > 2_000_000
    assert len(set(stories)) == COUNT


def test_stories_are_short_ascii_and_in_paragraphs(stories: list[str]) -> None:
    for story in stories:
        assert story.isascii()
        assert 80 <= len(story.split()) <= 250
        assert 3 <= len(story.split("\n\n")) <= 20


def test_two_and_a_half_megabytes_take_less_than_five_seconds() -> None:
    start, size = time.process_time(), 0
    for story in builtin_stories(seed=1, count=10**6):
        size += len(story)
        if size > 2_500_000:
            break
    assert time.process_time() - start < 5


# ---------------------------------------------------------------- determinism


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), count=st.integers(0, 6), more=st.integers(0, 6))
def test_a_prefix_does_not_depend_on_the_count(seed: int, count: int, more: int) -> None:
    assert list(builtin_stories(seed, count + more))[:count] == list(builtin_stories(seed, count))


def test_seeds_give_different_stories(stories: list[str]) -> None:
    assert not set(stories) & set(builtin_stories(seed=1, count=200))


def test_stories_do_not_depend_on_the_hash_seed(stories: list[str]) -> None:
    script = (
        "from moe_core.corpus.builtin_stories import builtin_stories\n"
        "print('\\n\\n'.join(builtin_stories(0, 40)), end='')"
    )
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()}
        output = subprocess.check_output([sys.executable, "-c", script], env=environment, text=True)
        assert output == "\n\n".join(stories[:40])


# ---------------------------------------------------------------- diversity


def test_vocabulary_is_that_of_a_small_child(stories: list[str]) -> None:
    assert 1300 <= len({word for story in stories for word in words(story)}) <= 2500


def test_no_eight_words_recur_in_two_percent_of_the_stories(stories: list[str]) -> None:
    grams: Counter[tuple[str, ...]] = Counter()
    for story in stories:
        tokens = words(story)
        grams.update(set(zip(*(tokens[i:] for i in range(8)), strict=False)))
    assert grams.most_common(1)[0][1] < 0.02 * COUNT


def test_text_compresses_little_better_than_natural_stories(stories: list[str]) -> None:
    text = "\n\n".join(stories).encode()
    assert len(zlib.compress(text, 9)) / len(text) > 0.28  # TinyStories: 0.298


def test_next_word_stays_open_after_five_words(stories: list[str]) -> None:
    """At least two fifths of the six-word windows of new stories are new too."""

    def windows(part: list[str]) -> list[tuple[str, ...]]:
        tokens = [words(story) for story in part]
        return [w for t in tokens for w in zip(*(t[i:] for i in range(6)), strict=False)]

    seen = set(windows(stories[:3000]))
    fresh = windows(stories[3000:])
    assert sum(window not in seen for window in fresh) / len(fresh) > 0.4


# ---------------------------------------------------------------- spelling


def test_articles_agree_with_the_sound_that_follows(stories: list[str]) -> None:
    text = "\n".join(stories)
    consonant_sound = {"useless", "unicorn", "useful"}
    vowel_sound = {"hour", "honest"}
    for article, word in re.findall(r'\b([Aa]n?) "?(\w+)', text):
        vowel = (word[0].lower() in "aeiou" and word not in consonant_sound) or word in vowel_sound
        assert article.lower() == ("an" if vowel else "a"), word


def test_nothing_of_the_notation_is_left(stories: list[str]) -> None:
    for story in stories:
        assert not re.search(r"[{}<>()|*^~#/=_]|endoftext", story)
        assert not re.search(r"  |\n\n\n| \n|\n | [.,!?]|,,|\.\.|[,.][,.!?]", story)


def test_no_word_is_doubled(stories: list[str]) -> None:
    for story in stories:
        assert not re.search(r"\b(\w+) \1\b", story), story


def test_paragraphs_open_and_close_properly(paragraphs: list[str]) -> None:
    for paragraph in paragraphs:
        assert paragraph.count('"') % 2 == 0
        assert re.match(r'"?[A-Z]', paragraph)
        assert re.search(r'[.!?]"?$', paragraph)


def test_sentences_and_quotations_begin_with_a_capital(paragraphs: list[str]) -> None:
    for paragraph in paragraphs:
        spoken = paragraph.split('"')[1::2]
        narrated = re.sub(r'"[^"]*[!?,]"', "Q", re.sub(r'"[^"]*[.]"', "Q.", paragraph))
        assert all(quote[0].isupper() for quote in spoken), paragraph
        for text in (*spoken, narrated):
            assert not re.search(r"[.!?] [a-z]", text), paragraph


def test_a_comma_or_mark_joins_each_quotation_to_its_tag(paragraphs: list[str]) -> None:
    for paragraph in paragraphs:
        for quote, after in pairwise(paragraph.split('"')[1:]):
            if after.startswith(" ") and after[1:2].islower():
                assert quote[-1] in ",!?"


@pytest.mark.parametrize(
    ("lemma", "forms"),
    [
        ("hop", ("hopped", "hopped", "hopping")),
        ("carry", ("carried", "carried", "carrying")),
        ("play", ("played", "played", "playing")),
        ("tie", ("tied", "tied", "tying")),
        ("free", ("freed", "freed", "freeing")),
        ("visit", ("visited", "visited", "visiting")),
        ("unwrap", ("unwrapped", "unwrapped", "unwrapping")),
        ("go", ("went", "gone", "going")),
        ("give", ("gave", "given", "giving")),
        ("sit", ("sat", "sat", "sitting")),
    ],
)
def test_verbs_inflect(lemma: str, forms: tuple[str, str, str]) -> None:
    assert (past(lemma), participle(lemma), gerund(lemma)) == forms


def test_articles_follow_sound() -> None:
    text = "a apple, a hour, a useful egg, a one-eyed owl, A old unicorn"
    assert with_articles(text) == "an apple, an hour, a useful egg, a one-eyed owl, An old unicorn"


# ---------------------------------------------------------------- the grammar


def productions() -> dict[str, list[str]]:
    blocks = re.split(r"^= ", lexicon.PRODUCTIONS, flags=re.MULTILINE)[1:]
    parts = (block.strip().split("\n", 1) for block in blocks)
    return {name: ROWS.sub(" ", body).split("\n") for name, body in parts}


def table(name: str) -> list[list[str]]:
    return [row.split(" / ") for row in ROWS.sub(" ", lexicon.TABLES[name].strip("\n")).split("\n")]


def test_every_rule_is_defined_once_and_used() -> None:
    names = re.findall(r"^= (.+)$", lexicon.PRODUCTIONS, flags=re.MULTILINE)
    assert len(names) == len(set(names))
    columns = {f"{name}.{column}" for name in lexicon.TABLES for column in table(name)[0]}
    shared = set.intersection(*(set(setting) for setting in lexicon.SETTINGS))
    source = lexicon.PRODUCTIONS + str(lexicon.TABLES) + str(lexicon.SETTINGS)
    used = {name for name, _ in re.findall(r"<([\w.]+)(:\w+)?>", source)}
    assert used <= set(names) | columns | shared | {"home", "moral"}
    by_plots = {cell for row in table("plots") for cell in (row[0], f"{row[0]}.moral", row[3])}
    by_code = {"open", "end", "trait", "boast", "elder.people", "elder.animals"}
    prefixes = ("say.", "manner.", "gesture.")
    assert {n for n in names if not n.startswith(prefixes)} <= used | by_plots | by_code


def test_every_mood_has_verbs_manners_and_gestures() -> None:
    text = lexicon.PRODUCTIONS
    moods = set(re.findall(r"\b[hfgesrk]/(\w+):", text)) | {"ask", "cry", "say"}
    names = set(productions())
    assert {f"{kind}.{mood}" for kind in ("say", "manner", "gesture") for mood in moods} <= names


@pytest.mark.parametrize("name", lexicon.TABLES)
def test_tables_are_rectangular(name: str) -> None:
    head, *rows = table(name)
    assert rows
    assert all(len(row) == len(head) for row in rows)


def test_every_story_ends_on_a_moral_of_its_grammar(stories: list[str]) -> None:
    morals = {
        moral
        for name, lines in productions().items()
        if name.endswith(".moral")
        for moral in lines
        if "<" not in moral
    } | {row[table("boon")[0].index("lesson")] for row in table("boon")[1:]}
    for story in stories:
        ending = " ".join(story.split("\n\n")[-2:]).lower()
        assert any(moral.lower() in ending for moral in morals), story
