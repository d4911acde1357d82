"""The papers of the timeline: what is refused, and where a paper is drawn."""

import re
from pathlib import Path

import pytest
import yaml

from moe_core.errors import StudyError
from workflow_scripts.timeline import load_papers, timeline

REPORT = Path(__file__).resolve().parents[1] / "report"
REFERENCES = """@misc{switch,
  title = {{Switch} Transformers}, year = {2021}, eprint = {2101.03961}
}
@article{holm,
  title = {A Simple Procedure}, year = {1979}
}
"""


def paper(**changes) -> dict:
    plain = {
        "name": "Switch",
        "year": 2021,
        "month": 1,
        "arxiv": "2101.03961",
        "cite": "switch",
        "trend": "gates",
        "brought": "one expert a token",
    }
    return {key: value for key, value in (plain | changes).items() if value is not None}


@pytest.fixture
def load(tmp_path):
    """Function: papers of a file with the two trends gates and choice."""

    def loaded(*papers: dict):
        content = {"trends": {"gates": "To soft", "choice": "To experts"}, "papers": [*papers]}
        (tmp_path / "papers.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        (tmp_path / "references.bib").write_text(REFERENCES)
        return load_papers(tmp_path / "papers.yaml", tmp_path / "references.bib")

    return loaded


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"month": 2}, "2021-01"),
        ({"year": 2020}, "2021-01"),
        ({"arxiv": None}, "arXiv or at a venue"),
        ({"venue": "JMLR"}, "arXiv or at a venue"),
        ({"arxiv": "2101.039"}, "arxiv"),
        ({"trend": "gate"}, "Switch: unknown trend 'gate'"),
        ({"cite": None}, "cite: switch"),
        ({"cite": "swich"}, "no key 'swich'"),
        ({"cite": "holm"}, "cite: switch"),
        ({"arxiv": "2101.00001"}, "switch is arXiv 2101.03961"),
        ({"brought": "x" * 41}, "brought"),
        ({"month": 13}, "month"),
        ({"author": "Fedus"}, "author"),
    ],
)
def test_a_mistake_is_told_in_one_line(load, changes, told):
    with pytest.raises(StudyError) as error:
        load(paper(**changes))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_paper_stands_there_once(load):
    with pytest.raises(StudyError, match="Switch: stands there twice"):
        load(paper(), paper())


def test_a_paper_that_is_nowhere_else_names_no_reference(load):
    assert load(paper(), paper(name="New", arxiv="2101.00001", cite=None)).papers[1].cite is None


def test_no_yaml_is_told_in_one_line(tmp_path):
    path = tmp_path / "papers.yaml"
    path.write_text("papers: [")
    with pytest.raises(StudyError, match="is not YAML"):
        load_papers(path, path)


def cells(picture: str) -> list[list[str]]:
    """Rows of the drawn matrix."""
    body = picture[picture.index(r"[matrix of nodes] {") :].partition("\n")[2].partition("\n};")[0]
    return [line.removesuffix(r" \\").split(r" \pgfmatrixnextcell ") for line in body.splitlines()]


def test_a_paper_is_drawn_in_its_year_and_trend(load):
    later = paper(name="Later & co", year=2022, month=None, arxiv=None, venue="JMLR", cite=None)
    early = paper(name="Early", month=3, arxiv="2103.00001", cite=None, trend="choice")
    earlier = paper(name="Earlier", month=2, arxiv="2102.00001", cite=None, trend="choice")
    head, gates, choice = cells(timeline(load(later, paper(), early, earlier)))
    assert [re.sub(r"\D", "", cell) for cell in head[1:]] == ["2021", "2022"]
    assert "Switch" in gates[1]
    assert r"Later \& co" in gates[2]
    assert "(JMLR)" in gates[2]
    assert choice[1].index("Earlier") < choice[1].index("{Early}")
    assert choice[2] == "{}"


def test_the_papers_of_the_talk_are_in_order():
    found = load_papers(REPORT / "papers.yaml", REPORT / "references.bib")
    drawn = timeline(found)
    assert all(rf"{{{paper.name}}}" in drawn for paper in found.papers)
    assert {paper.year for paper in found.papers} >= {2017, 2025}
