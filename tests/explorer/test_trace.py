"""A trace that the command generate wrote, opened in the page."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moe_core.__main__ import main
from moe_core.analysis.packed import packed
from moe_core.runs import run_id
from tests.explorer.checks import cells, opened
from tests.explorer.study import ARMS, spec_of

TOKENS = "#traced .token:not(.key .token)"


@pytest.fixture(scope="module", params=[0, 4], ids=["softk", "coe"])
def trace(request: Any, made: Path, tmp_path_factory: Any) -> Path:
    """Of two texts."""
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    results, before = made.parents[1], sys.argv
    run = run_id(spec_of(*ARMS[request.param]))
    options = ["--run", run, "--results", results, "--prompt", "The fox", "He", "--tokens", 20]
    drawn = ["--temperature", 1.5, "--trace", path]
    sys.argv = ["moe_core", "generate", *map(str, [*options, *drawn])]
    try:
        main()
    finally:
        sys.argv = before
    return path


def told(packed_text: dict[str, str], kind: str, of: str) -> list[list[Any]]:
    """Numbers of each token of a packed text."""
    counts = np.frombuffer(base64.b64decode(packed_text["count"]), "<u1")
    numbers = np.frombuffer(base64.b64decode(packed_text[of]), kind)
    return [part.tolist() for part in np.split(numbers, counts.cumsum()[:-1])]


def test_each_token_of_each_text_wears_what_the_trace_says(browser, made, trace):
    written = json.loads(trace.read_text())
    parts = written["arms"][0]["parts"]
    with opened(browser, made) as page:
        page.click("#tab-trace")
        page.set_input_files("#trace-file", trace)
        page.wait_for_selector(TOKENS)
        assert written["arms"][0]["run"] in (page.text_content("#traced .caption") or "")
        for place, part in enumerate(parts):
            page.locator(f'input[name="trace-layer"][value="{place}"]').check(force=True)
            for row, story in enumerate(written["stories"]):
                page.locator(f'input[name="trace-text"][value="{row}"]').check(force=True)
                experts = told(part["stories"][row], "<u2", "experts")
                weights = told(part["stories"][row], "<u2", "weights")
                assert len(experts) == len(story["tokens"]) > 3
                shown = cells(page, f"{TOKENS} .number")
                assert shown == [str(own[0]) for own in experts]
                glyphs = cells(page, f"{TOKENS} .glyph")
                assert glyphs[:3] == ["¶", *story["tokens"][1:3]]
                page.locator(TOKENS).nth(2).hover()
                weighed = [f"{weight / 1000:.3f}" for weight in weights[2]]
                assert cells(page, "#traced .readout .weight") == weighed
                chips = cells(page, "#traced .readout .chip")
                assert chips == [str(expert) for expert in experts[2]]


def test_a_dropped_file_is_opened_as_a_chosen_one_is(browser, made, trace):
    with opened(browser, made) as page:
        page.click("#tab-trace")
        page.evaluate(
            """text => {
                const data = new DataTransfer();
                data.items.add(new File([text], "t.json"));
                const how = { dataTransfer: data, bubbles: true, cancelable: true };
                const drop = new DragEvent("drop", how);
                document.querySelector("#trace .card").dispatchEvent(drop);
            }""",
            trace.read_text(),
        )
        page.wait_for_selector(TOKENS)
        assert len(json.loads(trace.read_text())["stories"][0]["tokens"]) == len(
            cells(page, f"{TOKENS} .number")
        )


def test_of_two_files_opened_at_once_the_later_is_shown(browser, made):
    with opened(browser, made) as page:
        page.click("#tab-trace")
        page.evaluate(
            """texts => texts.forEach((text, place) => {
                const file = new File([text], `${place}.json`), data = { files: [file] };
                file.text = () => new Promise((told) => setTimeout(told, 300 - 200 * place, text));
                const drop = new Event("drop", { bubbles: true, cancelable: true });
                document.querySelector("#trace .card").dispatchEvent(
                    Object.assign(drop, { dataTransfer: data }));
            })""",
            ["{", of(["a"], PART)],
        )
        page.wait_for_timeout(500)
        assert page.text_content("#trace-remark") == ""
        assert cells(page, f"{TOKENS} .glyph") == ["a"]


def test_a_file_can_be_chosen_again(browser, made, tmp_path):
    path = tmp_path / "t.json"
    with opened(browser, made) as page:
        page.click("#tab-trace")
        for content in ("{", of(["a"], PART)):
            path.write_text(content)
            with page.expect_file_chooser() as chooser:
                page.click("#trace-file")
            assert page.input_value("#trace-file") == ""
            chooser.value.set_files(path)
            page.wait_for_selector(f"#trace-remark:not(:empty), {TOKENS}")
        page.wait_for_selector(TOKENS)


ONE = packed([[1]], [[0.5]], [[False]])
PART = {"layer": 0, "step": 0, "stories": [ONE]}


def of(tokens: object, part: object) -> str:
    """A file with one text and one layer."""
    return json.dumps({"stories": [{"tokens": tokens}], "arms": [{"run": "r", "parts": [part]}]})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "it is not JSON"),
        ("null", "it has no texts with a run"),
        ("[1, 2]", "it has no texts with a run"),
        ('{"stories": [], "arms": []}', "it has no texts with a run"),
        (of([3], PART), "it has no texts with a run"),
        (of(["a", "b"], PART), "experts of layer 0 and tokens of text 1 do not fit"),
        (of(["a"], PART | {"stories": []}), "experts of layer 0 and tokens of text 1 do not fit"),
        (
            of(["a"], PART | {"stories": [ONE | {"experts": "!"}]}),
            "experts of layer 0 and tokens of text 1 do not fit",
        ),
        (
            of(["a"], PART | {"stories": [ONE | {"count": "Ag=="}]}),  # two choices, one expert
            "experts of layer 0 and tokens of text 1 do not fit",
        ),
        (of(["a"], PART | {"layer": "<b>"}), "do not fit"),
        (of(["a"], None), "it has no texts with a run"),
    ],
)
def test_what_is_no_trace_is_told_in_one_line(browser, made, tmp_path, content, said):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with opened(browser, made) as page:
        page.click("#tab-trace")
        page.set_input_files("#trace-file", path)
        page.wait_for_function("document.getElementById('trace-remark').textContent")
        line = page.text_content("#trace-remark") or ""
        assert line.startswith("bad.json cannot be shown: ")
        assert said in line
        assert "\n" not in line
        assert page.locator("#traced *").count() == 0


def test_a_trace_never_scrolls_sideways_on_a_phone(browser, made, trace):
    with opened(browser, made, viewport={"width": 360, "height": 700}) as page:
        page.click("#tab-trace")
        page.set_input_files("#trace-file", trace)
        page.wait_for_selector(TOKENS)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
