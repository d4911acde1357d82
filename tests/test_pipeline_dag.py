"""The picture of the pipeline: what needs what, from left to right."""

import re
from pathlib import Path

import pytest

from moe_core.errors import StudyError
from workflow_scripts.pipeline_dag import between, columns, merged, picture, read_graph

ROOT = Path(__file__).resolve().parents[1]


def test_a_need_that_others_imply_is_left_out():
    boxes = {rule: rule for rule in "abcd"}
    edges = {("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}
    assert between(boxes, edges) == {("a", "b"), ("b", "c"), ("a", "d")}


def test_rules_of_one_box_are_one():
    boxes = {"a": "x", "b": "x", "c": "y"}
    assert between(boxes, {("a", "b"), ("a", "c"), ("b", "c")}) == {("x", "y")}


def test_files_that_need_one_another_are_one_box():
    files = {"a": "x", "b": "y", "c": "x", "d": "z"}
    edges = {("a", "b"), ("b", "c"), ("c", "d")}
    assert merged(files, edges) == {"a": "x, y", "b": "x, y", "c": "x, y", "d": "z"}


def test_a_box_stands_right_of_all_it_needs():
    edges = {("a", "b"), ("b", "c"), ("a", "d"), ("d", "c"), ("c", "e"), ("a", "e")}
    assert columns({*"abcde"}, edges) == {"a": 0, "b": 1, "d": 1, "c": 2, "e": 3}


def test_no_graph_is_told_in_one_line(tmp_path):
    (tmp_path / "graph.md").write_text("# Rule graph\n")
    with pytest.raises(StudyError, match="holds no rules"):
        read_graph(tmp_path / "graph.md")


@pytest.fixture
def files() -> dict[str, str]:
    """The file of each rule of the repository that writes something."""
    rules, _ = read_graph(ROOT / "docs/rulegraph.md")
    stands = {
        name: path.stem
        for path in (ROOT / "rules").glob("*.smk")
        for name in re.findall(r"^(?:use rule \w+ as|rule) (\w+)", path.read_text(), re.M)
    }
    return {rule: stands[rule] for rule in rules if rule in stands}


def test_the_pipelines_arrows_all_go_right_and_no_box_lies_on_another(files):
    _, edges = read_graph(ROOT / "docs/rulegraph.md")
    drawn = picture(files, {(a, b) for a, b in edges if a in files and b in files})
    node = r"\\node\[rules\] \((\w+)\) at \(([-\d.]+)mm,([-\d.]+)mm\) \{\\textbf\{([^}]*)\}"
    place = {name: (float(x), float(y)) for name, x, y, _ in re.findall(node, drawn)}
    arrows = re.findall(r"\\draw\[needs\] \((\w+)\.east\).*\((\w+)\.west\)", drawn)
    assert arrows
    assert all(place[a][0] < place[b][0] for a, b in arrows)
    assert len(set(place.values())) == len(place)
    titles = {title for *_, title in re.findall(node, drawn)}
    parts = {part.replace(r"\_", "_") for title in titles for part in title.split(", ")}
    assert parts == set(files.values())
