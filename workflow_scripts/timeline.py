"""Draw the papers of report/papers.yaml by year and trend, after checking the file."""

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator

from moe_core.errors import StudyError
from moe_core.figures.typeset import escape
from moe_core.provenance import write_atomic
from moe_core.strict import Strict
from workflow_scripts.command import parser, path_argument, run

Text = Annotated[str, Field(min_length=1)]
ENTRY = re.compile(r"^@\w+\{([^,\s]+),(.*?)^\}", re.M | re.S)
EPRINT = re.compile(r"\beprint\s*=\s*\{([\d.]+)\}")


class Paper(Strict):
    """One paper; cite: its key in references.bib, None where it is not there."""

    name: Text
    year: Annotated[int, Field(ge=1990, le=2100)]
    month: Annotated[int, Field(ge=1, le=12)] | None = None
    arxiv: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}$")] | None = None
    venue: Text | None = None
    brought: Annotated[str, Field(min_length=1, max_length=40)]
    trend: Text
    cite: Text | None = None

    @model_validator(mode="after")
    def _found_and_dated(self) -> "Paper":
        if (self.arxiv is None) == (self.venue is None):
            raise ValueError("a paper is on arXiv or at a venue: one of the two keys belongs here")
        if self.arxiv:
            date = (2000 + int(self.arxiv[:2]), int(self.arxiv[2:4]))
            if date != (self.year, self.month):
                raise ValueError(f"arXiv's id is of {date[0]}-{date[1]:02}")
        return self


class Papers(Strict):
    """The file: trends by key with their titles, in the order of rows, and the papers."""

    trends: dict[str, Text] = Field(min_length=1)
    papers: list[Paper] = Field(min_length=1)


def load_papers(path: Path, references: Path) -> Papers:
    """Read and check the file. Raises StudyError: one line with the paper and what is wrong."""
    try:
        found = Papers.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise StudyError(str(path), f"is not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join([str(path), *map(str, first["loc"])])
        raise StudyError(where, f"{first['input']!r} is wrong: {first['msg']}") from None
    entries = ENTRY.findall(references.read_text(encoding="utf-8"))
    eprints = {key: match[1] for key, body in entries if (match := EPRINT.search(body))}
    key_of = {eprint: key for key, eprint in eprints.items()}
    keys = {key for key, _ in entries}
    names = [paper.name for paper in found.papers]
    for paper in found.papers:
        where = f"{path}: {paper.name}"
        if names.count(paper.name) > 1:
            raise StudyError(where, "stands there twice")
        if paper.trend not in found.trends:
            raise StudyError(where, f"unknown trend {paper.trend!r}", "add it to trends")
        if paper.cite is not None and paper.cite not in keys:
            raise StudyError(where, f"{references} has no key {paper.cite!r}")
        expected = key_of.get(paper.arxiv, paper.cite) if paper.arxiv else paper.cite
        if paper.cite != expected:
            raise StudyError(where, f"is {expected!r} in {references}", f"cite: {expected}")
        if paper.cite in eprints and eprints[paper.cite] != paper.arxiv:
            raise StudyError(where, f"{paper.cite} is arXiv {eprints[paper.cite]} in {references}")
    return found


def entry(paper: Paper) -> str:
    """Name, with a link, and what it brought."""
    name = escape(paper.name)
    linked = rf"\href{{https://arxiv.org/abs/{paper.arxiv}}}{{{name}}}" if paper.arxiv else name
    where = "" if paper.arxiv else f" ({escape(str(paper.venue))})"
    return rf"\paper{{{linked}}}{{{escape(paper.brought)}{where}}}"


def timeline(found: Papers) -> str:
    """A TikZ picture: a column a year, a row a trend."""
    years = sorted({paper.year for paper in found.papers})
    head = [r"|[trend]| {}", *(f"|[year]| {{{year}}}" for year in years)]
    rows = [head]
    for key, title in found.trends.items():
        cells = [rf"|[trend]| {{{escape(title)}}}"]
        for year in years:
            here = [p for p in found.papers if (p.trend, p.year) == (key, year)]
            here.sort(key=lambda paper: paper.month or 0)
            cells.append("{" + r"\par ".join(map(entry, here)) + "}")
        rows.append(cells)
    last = len(years) + 1
    return "\n".join(
        [
            r"\begin{tikzpicture}[timeline]",
            r"\matrix (papers) [matrix of nodes] {",
            *(r" \pgfmatrixnextcell ".join(cells) + r" \\" for cells in rows),
            "};",
            r"\draw[time axis] (papers-1-2.south west) -- "
            rf"(papers-1-{last}.south east) -- ++(2mm,0);",
            *(
                rf"\draw[lane] (papers-{row}-1.north west) -- "
                rf"(papers-{row}-1.north west -| papers-1-{last}.east);"
                for row in range(3, len(rows) + 1)
            ),
            r"\end{tikzpicture}",
            "",
        ]
    )


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "papers", "references", "out")
    given = arguments.parse_args()
    write_atomic(given.out, timeline(load_papers(given.papers, given.references)))


if __name__ == "__main__":
    run(main)
