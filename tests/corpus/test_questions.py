import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.corpus.questions import (
    KEY,
    Question,
    file_questions,
    hub_questions,
    read_questions,
    write_questions,
)
from moe_core.corpus.splits import SPLITS, split_of
from moe_core.errors import StudyError
from workflow_scripts.questions import main

Write = Callable[[str, Any], Path]


def row(text: str, answer: str = "answer1", options: str = "answer1/answer2") -> dict[str, str]:
    instruction = f"Please choose: {text}\n\nAnswer1: a Answer2: b\n\nAnswer format: {options}"
    return {"instruction": instruction, "output": f"the correct answer is {answer}"} | {
        "answer": answer
    }


def asked(*texts: str) -> list[Question]:
    return [Question(f"made/{text}", text, ("true", "false"), 0) for text in texts]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A .jsonl of rows, or of lines as they are; a .json of one array."""

    def to_file(name: str, rows: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".json":
            path.write_text(json.dumps(rows))
        else:
            lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
            path.write_text("".join(line + "\n" for line in lines))
        return path

    return to_file


# how each task of commonsense_170k ends an instruction; WinoGrande has no line end before it
ENDS = {
    "BoolQ": ("is it?\n\nAnswer format: true/false", ("true", "false")),
    "PIQA": (
        "Solution1: x\n\nSolution2: y\n\nAnswer format: solution1/solution2",
        ("solution1", "solution2"),
    ),
    "SIQA": (
        "Answer3: z\n\nAnswer format: answer1/answer2/answer3",
        ("answer1", "answer2", "answer3"),
    ),
    "HellaSwag": (
        "Ending4: w\n\nAnswer format: ending1/ending2/ending3/ending4",
        ("ending1", "ending2", "ending3", "ending4"),
    ),
    "WinoGrande": (
        "Option1: x Option2: y Answer format: option1/option2",
        ("option1", "option2"),
    ),
    "ARC": (
        "Answer format: a?\n\nAnswer format: answer1/answer2/answer3/answer4/answer5",
        ("answer1", "answer2", "answer3", "answer4", "answer5"),
    ),
}


@pytest.mark.parametrize("task", ENDS)
@pytest.mark.parametrize("name", ["train.json", "train.jsonl"])
def test_formats_of_the_public_file(write: Write, name: str, task: str) -> None:
    text, options = ENDS[task]
    rows = [{"instruction": f"{text}\n", "input": "", "answer": answer} for answer in options]
    found = list(file_questions([write(name, rows)]))
    assert [q.options for q in found] == [options] * len(options)
    assert [q.answer for q in found] == list(range(len(options)))
    assert [q.id for q in found] == [f"train/{i + 1}" for i in range(len(options))]
    assert {q.instruction for q in found} == {text}


def test_ids_tell_files_of_one_name_apart(write: Write) -> None:
    paths = [write("boolq/test.json", [row("a")]), write("piqa/test.json", [row("b"), row("c")])]
    assert [q.id for q in file_questions(paths)] == ["boolq/test/1", "piqa/test/1", "piqa/test/2"]
    lines = write("arc.train.jsonl", [row("a"), "", row("b")])
    assert [q.id for q in file_questions([lines])] == ["arc.train/1", "arc.train/3"]  # lines


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ({"instruction": "Answer format: a/b"}, "'answer'"),
        ({"instruction": 5, "answer": "a"}, "not a JSON object with texts"),
        ({"instruction": "\ud800 Answer format: a/b", "answer": "a"}, "texts"),
        ({"instruction": "What?", "answer": "a"}, "does not end in two"),
        ({"instruction": "Answer format: a/b\n\nand more", "answer": "a"}, "does not end in two"),
        (row("x", options="answer1"), "two or more"),
        (row("x", options="answer1/answer1"), "different options"),
        (row("x", options="answer1/"), "different options"),
        (row("x", "answer3"), "'answer3' is not among the options answer1/answer2"),
        (row("x", "Answer1"), "correct the row or remove it"),
    ],
)
def test_malformed_rows(write: Write, bad: Any, words: str) -> None:
    path = write("a.jsonl", [row("fine"), bad])
    with pytest.raises(StudyError) as error:
        list(file_questions([path]))
    message = str(error.value)
    assert message.startswith(f"{KEY}: {path}, line 2: ")
    assert words in message
    assert "\n" not in message
    if not isinstance(bad, str):
        path = write("a.json", [row("fine"), bad])
        with pytest.raises(StudyError, match=r"a\.json, row 2: "):
            list(file_questions([path]))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b"", "is empty"),
        ("a.json", b'{"instruction": "x"}', "no array of rows"),
        ("a.json", b'{"a": 1}\n{"a": 2}\n', r"line 2: not JSON; .*\.jsonl"),
        ("a.jsonl", b"[\n{}]", r"line 1: not JSON; .*\.json"),
        ("a.jsonl", b"\xff\xfe", "not UTF-8"),
        ("a.jsonl", b"\x1f\x8b\x08", "gzip archive"),
        ("a.json", b"PAR1\x15", r"set experiments\.perft\.commonsense\.hub\.name"),
    ],
)
def test_files_that_hold_no_rows(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=f"^{KEY}: .*{words}"):
        list(file_questions([tmp_path / name]))


TEXTS = st.lists(st.integers(0, 60).map(str), max_size=80)


@settings(max_examples=40)
@given(train=TEXTS, test=TEXTS)
def test_no_instruction_stands_twice(
    tmp_path_factory: pytest.TempPathFactory, train: list[str], test: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("questions")
    known = set(train) - set(test)
    places = {text: split_of(text, 0.3, 0.0 if test else 0.3) for text in known}
    if {*places.values(), *(["test"] if test else [])} != set(SPLITS):
        with pytest.raises(StudyError, match="split has no question"):
            write_questions(asked(*train), asked(*test), folder, 0.3, 0.3)
        assert not list(folder.iterdir())
        return
    written = write_questions(asked(*train), asked(*test), folder, 0.3, 0.3)
    found = {s: [q.instruction for q in read_questions(folder / f"{s}.jsonl")] for s in SPLITS}
    once = [text for text in dict.fromkeys(train) if text in known]  # the first, in order
    for split in ("train", "valid"):
        assert found[split] == [text for text in once if places[text] == split]
    assert found["test"] == (
        [*dict.fromkeys(test)] if test else [text for text in once if places[text] == "test"]
    )
    assert written.questions == {split: len(texts) for split, texts in found.items()}
    assert written.held_out == sum(text in set(test) for text in train)
    assert sum(written.questions.values()) + written.repeated + written.held_out == len(
        train + test
    )


def test_rows_come_back_and_damage_is_told(tmp_path: Path) -> None:
    questions = [Question(f"é/{i}", f"What is {i}?\n", ("a", "b", "c"), i % 3) for i in range(40)]
    write_questions(questions, [], tmp_path, 0.3, 0.3)
    back = [q for split in SPLITS for q in read_questions(tmp_path / f"{split}.jsonl")]
    assert sorted(back, key=lambda q: q.instruction) == sorted(
        questions, key=lambda q: q.instruction
    )
    path = tmp_path / "test.jsonl"
    for damage in ("{", '{"id": "x"}', "3"):
        path.write_text(f"{path.read_text().splitlines()[0]}\n{damage}\n")
        with pytest.raises(StudyError, match=r"test\.jsonl, line 2: is damaged"):
            read_questions(path)


def test_hub(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = write("hub/train.jsonl", [row("a"), row("b", "answer2")]).parent
    found = list(hub_questions(str(folder), "main", "train"))
    assert [(q.id, q.answer) for q in found] == [("train/1", 0), ("train/2", 1)]
    with pytest.raises(StudyError, match=rf"^{KEY}\.hub\.name: cannot read"):
        list(hub_questions(str(folder), "main", "validation"))
    write("hub/train.jsonl", [row("a"), row("b", "b")])
    with pytest.raises(StudyError, match="split train, row 2: answer 'b'"):
        list(hub_questions(str(folder), "main", "train"))


def test_command(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    write("in/a.train.jsonl", [row(str(i)) for i in range(50)] + [row("7"), row("t")])
    write("in/a.test.json", [row("t"), row("u")])
    spec = {
        "train": [f"{tmp_path}/in/*.train.jsonl"],
        "test": [f"{tmp_path}/in/*.test.json"],
        "hub": None,
        "valid_fraction": 0.2,
        "test_fraction": 0.2,
    }
    monkeypatch.setattr(
        sys, "argv", ["questions", "--spec", json.dumps(spec), "--folder", str(tmp_path / "out")]
    )
    main()
    told = capsys.readouterr().out.splitlines()
    sizes = [len(read_questions(tmp_path / "out" / f"{split}.jsonl")) for split in SPLITS]
    assert sizes[0] + sizes[1] == 50
    assert sizes[2] == 2
    assert told == [
        f"questions: train {sizes[0]}, valid {sizes[1]}, test 2",
        "left out: 1 repeated, 1 that test has, too",
    ]
