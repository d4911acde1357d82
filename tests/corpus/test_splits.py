import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.corpus.splits import SPLITS, read_stories, split_of, write_splits
from moe_core.errors import StudyError

STORIES = [f"Story {i}: once a fox met {i % 7} hares.\nIt ran – home." for i in range(600)]


def write(stories: list[str], folder: Path, valid: float = 0.1, test: float = 0.2) -> dict:
    counts = write_splits(stories, folder, valid, test)
    return {split: list(read_stories(folder / f"{split}.jsonl")) for split in SPLITS} | {
        "counts": counts
    }


def test_every_story_stands_once_in_one_split(tmp_path: Path) -> None:
    split = write(STORIES, tmp_path)
    found = [s for name in SPLITS for s in split[name]]
    assert sorted(found) == sorted(STORIES)
    assert split["counts"] == {name: len(split[name]) for name in SPLITS}
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "test.jsonl",
        "train.jsonl",
        "valid.jsonl",
    ]


def test_fractions(tmp_path: Path) -> None:
    counts = write_splits((str(i) for i in range(20_000)), tmp_path, 0.05, 0.2)
    # five standard deviations of a binomial
    assert abs(counts["valid"] - 1000) < 5 * (20_000 * 0.05 * 0.95) ** 0.5
    assert abs(counts["test"] - 4000) < 5 * (20_000 * 0.2 * 0.8) ** 0.5


def test_duplicates_white_space_and_empty_stories_go(tmp_path: Path) -> None:
    doubled = [*STORIES, "", "  \n", *(f"\n {s}\t\n" for s in STORIES), *STORIES[:9]]
    split = write(doubled, tmp_path)
    assert split == write(STORIES, tmp_path / "once")
    near = write([*STORIES, *(s.upper() for s in STORIES)], tmp_path / "near")
    assert sum(near["counts"].values()) == 2 * len(STORIES)  # not exact, not removed


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 599))
def test_the_split_of_a_story_does_not_depend_on_order_or_neighbours(
    tmp_path_factory: pytest.TempPathFactory, draw: random.Random, absent: int
) -> None:
    folder = tmp_path_factory.mktemp("splits")
    some = [s for s in STORIES if s != STORIES[absent]]
    draw.shuffle(some)
    split = write(some, folder)
    for name in SPLITS:
        assert all(split_of(story, 0.1, 0.2) == name for story in split[name])
        assert split[name] == [s for s in some if s in set(split[name])]  # in the order given


def test_larger_held_out_share_only_adds() -> None:
    small = {s for s in STORIES if split_of(s, 0.05, 0.1) == "valid"}
    large = {s for s in STORIES if split_of(s, 0.10, 0.1) == "valid"}
    assert small < large


def test_a_story_keeps_its_split_in_every_process_and_version() -> None:
    places = "".join(split_of(str(i), 0.3, 0.3)[1] for i in range(40))
    assert (
        places == "raraerreerrreeeeereaaeeraarerreaaaeeeeer"
    )  # second letters: tRain, vAlid, tEst


def test_ids_are_of_the_text(tmp_path: Path) -> None:
    write(STORIES, tmp_path)
    rows = [json.loads(x) for x in (tmp_path / "test.jsonl").read_text().splitlines()]
    assert [r["id"] for r in rows] == [
        hashlib.sha256(r["text"].encode()).hexdigest()[:24] for r in rows
    ]


def test_empty_split_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    only_train = [s for s in STORIES if split_of(s, 0.1, 0.2) == "train"]
    with pytest.raises(StudyError) as error:
        write_splits(only_train, tmp_path, 0.1, 0.2)
    assert "\n" not in str(error.value)
    assert "valid" in str(error.value)
    assert str(len(only_train)) in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_failure_midway_leaves_the_old_files(tmp_path: Path, failure: type[BaseException]) -> None:
    write(STORIES, tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def broken() -> Iterator[str]:
        yield from (f"new {s}" for s in STORIES)
        raise failure

    with pytest.raises(failure):
        write_splits(broken(), tmp_path, 0.1, 0.2)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_separator_within_a_row_ends_a_story(tmp_path: Path) -> None:
    split = write([*STORIES, "One.<|endoftext|>Two.\n<|endoftext|>"], tmp_path)
    found = {s for name in SPLITS for s in split[name]}
    assert found == {*STORIES, "One.", "Two."}


def test_a_row_that_was_cut_is_told_by_file_and_line(tmp_path: Path) -> None:
    write(STORIES, tmp_path)
    path = tmp_path / "test.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StudyError, match=r"test\.jsonl, line \d+: is damaged; remove"):
        list(read_stories(path))
