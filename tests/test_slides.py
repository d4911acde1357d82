"""The deck: the outline's pages in order, all claims of the talk, nothing that no rule makes."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from moe_core.errors import StudyError
from moe_core.figures.routing_example import (
    CAPACITY_FACTOR,
    EXPERTS,
    TOKENS,
    example_steps,
    example_top_k,
)
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from moe_core.routing.slots import slots_per_expert
from workflow_scripts.report import compiled
from workflow_scripts.slides_settings import settings
from workflow_scripts.token_dropping import STRATEGY, picture

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "report"
# of the talk's outline, after its title page
OUTLINE = """The Routing Bottleneck: Why MoE Performance is a Balancing Act
MoE Evolution Timeline
MoE Architecture
Routing Strategies Comparison
Token Dropping Mechanism
Bench Setup
Capacity Factor Sweep
Unified Router Frontier
Unified Convergence
Router Architecture
Larger Scale \\& Subword
PERFT Architecture Variants
PERFT Frontier (Adapter Routing)
Load Balance vs Quality
Expert Load Distribution
Token-Expert Routing Patterns
Token-Expert Routing Heatmaps
Annotated Pareto Frontier
Expert Specialization by Character Type
Token Routing Colored Visualization
Implications (Systems / PERFT / Serving)
Conclusion \\& Next Steps
Thank You""".splitlines()


def frames(form: str) -> list[str]:
    """Names of the files of the full or the short form, in order."""
    text = (REPORT / "slides.tex").read_text()
    short, full = re.search(r"\\ifshort\n(.*?)\\else\n(.*?)\\fi", text, re.S).groups()
    return re.findall(r"\\input\{(\w+(?:/\w+)?)\}", {"short": short, "full": full}[form])


def title(name: str) -> str:
    found = re.search(r"\\begin\{frame\}\{(.*)\}$", (REPORT / f"{name}.tex").read_text(), re.M)
    return found[1] if found else ""


def sources() -> dict[str, str]:
    """Text of the slides' sources by name."""
    paths = [
        REPORT / "slides.tex",
        *(REPORT / "slides").glob("*"),
        *(REPORT / "schematics").glob("*"),
    ]
    return {path.relative_to(REPORT).with_suffix("").as_posix(): path.read_text() for path in paths}


def test_the_outlines_pages_are_there_in_order():
    titles = [title(name) for name in frames("full") if name.startswith("slides/")]
    assert titles[0] == ""  # the title page
    ours = iter(titles)
    for wanted in OUTLINE:
        assert any(found.startswith(wanted) for found in ours), f"{wanted}: missing, or too early"


def test_every_page_is_used_and_the_short_form_is_short():
    pages = {f"slides/{path.stem}" for path in (REPORT / "slides").glob("*.tex")}
    assert pages - {"slides/look"} == {f for f in frames("full") if f.startswith("slides/")}
    assert 8 <= len(frames("short")) <= 12
    assert set(frames("short")) < set(frames("full"))


def test_every_claim_of_the_talk_is_stated_on_a_page_and_no_other():
    claims = yaml.safe_load((ROOT / "claims.yaml").read_text())["claims"]
    stated = set(re.findall(r"\\claim(?:line|brief)\{(C\d\d)\}", "".join(sources().values())))
    assert stated <= {claim["id"] for claim in claims}
    assert {claim["id"] for claim in claims if "Slides outline" in claim["source"]} <= stated


def test_what_a_page_takes_a_rule_makes():
    text = sources()
    rules = (ROOT / "rules/report.smk").read_text()
    needs = rules[rules.index("use rule report as slides with:") :]
    for name in {n for t in text.values() for n in re.findall(r"\\input\{([\w/]+)\}", t)}:
        made = name.removeprefix("report/")  # the folder that generated files lie in
        assert name in text or name == "values" or f'"{made}"' in needs, name
    for figure in {n for t in text.values() for n in re.findall(r"\\fig\{[^}]*\}\{([\w/]+)\}", t)}:
        folder, _, name = figure.rpartition("/")
        assert f"{figure}.pdf" in needs or f'"{name}"' in needs or f'"{folder}"' in needs, figure


def test_no_name_alone_could_be_of_two_files():
    """TeX takes whichever folder the disk lists first, and a page that takes itself never ends."""
    text = sources()
    rules = (ROOT / "rules/report.smk").read_text()
    slides = rules[rules.index("use rule report as slides with:") :]
    files = [name.rpartition("/")[2] for name in text] + re.findall(r'"(\w+)"', slides)
    for name in {n for t in text.values() for n in re.findall(r"\\input\{(\w+)\}", t)}:
        assert name == "values" or files.count(name) == 1, name


def test_names_and_course_are_printed_as_they_are_and_nothing_by_default():
    given = {"form": "short", "authors": ["A & B", "C"], "course": "50 %"}
    said = settings(given, {"repository-code": "https://x.org/a_b"})
    assert r"\shorttrue" in said
    assert r"\talkauthors{A \& B, C}" in said
    assert r"\talkcourse{50 \%}" in said
    assert r"\talklink{https://x.org/a_b}" in said
    default = yaml.safe_load((ROOT / "config.yaml").read_text())["slides"]
    said = settings(default, {})
    assert r"\shortfalse" in said
    assert re.findall(r"\\def\\talk\w+\{\}", said) == [
        r"\def\talkauthors{}",
        r"\def\talkcourse{}",
        r"\def\talklink{}",
    ]


@pytest.mark.parametrize("name", registry.names())
def test_a_strategys_panel_is_its_rule_within_capacity(name):
    strategy, top_k = registry.load(name), example_top_k(name)
    steps = example_steps(name)
    assert len(steps) == (top_k if strategy.sequential else 1)
    capacity = slots_per_expert(CAPACITY_FACTOR, top_k // len(steps), TOKENS, EXPERTS)
    for routing in steps:
        if not strategy.steers_k and strategy.group != "batch":
            assert routing.kept_per_expert_E().max() <= capacity


def test_each_token_of_the_drawing_has_a_slot_or_is_dropped():
    (routing,) = example_steps(STRATEGY)
    drawn = picture()
    lost = [int(t) - 1 for t in re.findall(r"\\node\[slot lost\] at \([^)]*\) \{(\d+)\}", drawn)]
    placed = re.findall(r"\\node\[slot token\] at \([^)]*\) \{(\d+)\}", drawn)
    assert lost == routing.token_A[~routing.kept_A].tolist()
    assert lost, "an example of dropping drops"
    assert sorted(map(int, placed)) == sorted(
        t + 1 for t in routing.token_A[routing.kept_A].tolist()
    )


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="TeX is not installed")
def test_files_of_one_name_are_told_apart_by_their_folder(tmp_path):
    top = tmp_path / "report"
    for folder in ("report", "unified", "larger"):
        (tmp_path / folder).mkdir()
    (top / "paper.tex").write_text(
        r"\documentclass{article}\begin{document}\input{only}"
        r"\input{unified/one}\input{larger/one}\end{document}"
    )
    write_atomic(tmp_path / "unified/one.tex", "first")
    write_atomic(tmp_path / "larger/one.tex", "second")
    write_atomic(tmp_path / "larger/only.tex", "alone")
    generated = [
        tmp_path / name for name in ("unified/one.tex", "larger/one.tex", "larger/only.tex")
    ]
    compiled("paper", [top / "paper.tex"], generated, tmp_path / "log")
    log = (tmp_path / "log").read_text()
    for name in ("./larger/only.tex", "./unified/one.tex", "./larger/one.tex"):
        assert name in log
    (top / "paper.tex").write_text(r"\documentclass{article}\begin{document}\nothing\end{document}")
    with pytest.raises(StudyError, match="TeX stopped"):
        compiled("paper", [top / "paper.tex"], generated, tmp_path / "log")
