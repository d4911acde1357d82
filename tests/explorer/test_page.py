"""The explorer in a browser, from disk: what it shows is what the files hold."""

import json
import re

import pandas as pd
import pytest

from moe_core.corpus.batches import open_corpus
from moe_core.runs import run_id
from tests.explorer.checks import cells, check_counts, check_sentences, opened
from tests.explorer.study import ARMS, FAILURE, STORIES, call, spec_of, write_page, write_run
from workflow_scripts import exported_model


def run_of(place: int) -> str:
    return run_id(spec_of(*ARMS[place]))


def test_counts_are_those_of_the_tables(browser, made):
    with opened(browser, made) as page:
        assert check_counts(page, made.parents[1] / "analysis") > 500


def test_sentences_are_routed_as_moe_core_routes_them(browser, made):
    results = made.parents[1]
    exported, run = made.with_name("model.json"), results / "runs" / run_of(0)
    with opened(browser, made) as page:
        shown = page.evaluate("data('model')")
        compared = check_sentences(page, exported, run, results / "tokens/builtin-char")
    assert shown == json.loads(exported.read_text())
    assert compared > 1000


def test_so_are_they_by_gelu_experts_and_a_head_of_its_own(browser, made, tmp_path):
    tokens, exported = made.parents[1] / "tokens/builtin-char", tmp_path / "model.json"
    spec = spec_of(*ARMS[0], activation="gelu", tied_head=False)
    write_run(tmp_path / "run", spec, open_corpus(tokens))
    options = ("--run", tmp_path / "run", "--tokens", tokens, "--out", exported)
    call(exported_model.main, *options)
    with opened(browser, made) as page:
        check_sentences(page, exported, tmp_path / "run", tokens)


def test_tokens_wear_their_first_expert_and_what_no_expert_processed_is_struck(browser, made):
    with opened(browser, made) as page:
        for place in (1, 2, 3, 4):
            path = made.parents[1] / f"routing/{run_of(place)}/trained.parquet"
            routing = pd.read_parquet(path)
            page.select_option("#arm", run_of(place))
            for story, text in enumerate(STORIES[:3]):
                page.locator(f'input[name="story"][value="{story}"]').check(force=True)
                rows = routing[
                    (routing.story == story) & (routing.layer == 0) & (routing.step == 0)
                ]
                kept = [sum(~d) for d in rows.dropped]
                fates = [
                    "lost" if k == 0 else "part" if k < len(e) else "whole"
                    for k, e in zip(kept, rows.experts, strict=True)
                ]
                firsts = [str(e[0]) if len(e) else "·" for e in rows.experts]
                assert len(text) <= len(rows)
                tokens = "#routing .tokens .token"
                assert cells(page, f"{tokens} .number") == firsts
                classes = page.locator(tokens).evaluate_all("all => all.map(t => t.className)")
                assert [c.split()[-1] for c in classes] == fates
        assert {"lost", "whole"} <= {*fates}  # coe: one choice a step


def test_weights_of_a_token_by_mouse_and_by_keyboard(browser, made):
    rows = pd.read_parquet(made.parents[1] / f"routing/{run_of(0)}/trained.parquet")
    rows = rows[(rows.story == 0) & (rows.layer == 0)]
    told = [[f"{w:.3f}" for w in weights] for weights in rows.weights]
    with opened(browser, made) as page:
        page.locator("#routing .token").nth(5).hover()
        assert cells(page, ".readout .weight") == told[5]
        page.locator("#routing .token").first.focus()
        page.keyboard.press("ArrowRight")
        assert cells(page, ".readout .weight") == told[1]
        page.keyboard.press("End")
        assert cells(page, ".readout .weight") == told[len(STORIES[0])]


def test_each_picker_changes_the_view(browser, made):
    with opened(browser, made) as page:
        seen = set()

        def look() -> None:
            numbers = (cells(page, "#routing .tokens .number"), cells(page, ".load td"))
            seen.add(json.dumps([*numbers, cells(page, ".classes td")]))

        look()
        page.locator('input[name="layer"][value="1"]').check(force=True)
        look()
        page.locator('input[name="story"][value="1"]').check(force=True)
        look()
        page.locator('input[name="measure"][value="primary"]').check(force=True)
        look()
        page.select_option("#arm", run_of(2))
        look()
        assert len(seen) == 5
        page.reload()  # the address keeps it
        look()
        assert len(seen) == 5
        colour = "getComputedStyle(document.body).backgroundColor"
        page.emulate_media(color_scheme="light")
        light = page.evaluate(colour)
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(colour) != light
        page.click("#theme")  # auto, then light
        assert page.evaluate(colour) == light


def test_arrow_keys_move_in_pickers_and_tabs(browser, made):
    with opened(browser, made) as page:
        page.focus('input[name="layer"]')
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.value") == "1"
        assert "layer 1" in (page.text_content(".aside h2") or "")
        page.focus("#tab-routing")
        page.keyboard.press("End")
        assert page.is_visible("#ledger")
        assert not page.is_visible("#routing")


def test_a_failed_run_and_a_smoke_test_say_so(browser, made):
    with opened(browser, made) as page:
        assert "smoke test" in (page.text_content("#scale") or "")
        page.select_option("#arm", run_of(5))
        assert FAILURE in (page.text_content("#routing .missing") or "")
        page.click("#tab-frontier")
        notes = " ".join(cells(page, "#frontier .missing"))
        assert FAILURE in notes
        assert "Not timed" in notes


def test_a_brush_selects_runs_and_leads_to_their_configuration(browser, made):
    with opened(browser, made) as page:
        page.click("#tab-frontier")
        page.wait_for_selector(".point")
        assert page.locator(".point").count() == len(ARMS) - 2 + 1  # failed, not timed; dense
        box = page.locator(f'.point[data-run="{run_of(1)}"]').bounding_box()
        assert box
        page.mouse.move(box["x"] - 3, box["y"] - 3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] + 3, box["y"] + box["height"] + 3, steps=3)
        page.mouse.up()
        rows = "#selection tbody tr"
        assert page.locator(rows).evaluate_all("all => all.map(r => r.dataset.run)") == [run_of(1)]
        page.click("#selection a")
        spec = json.loads(page.text_content("#run pre") or "")
        assert spec == spec_of(*ARMS[1], activation="swiglu", tied_head=True).model_dump(
            mode="json"
        )
        address = page.url
        page.keyboard.press("Escape")
        page.wait_for_url(lambda url: "run=" not in url)  # the browser tells of a close later
        assert not page.is_visible("#run")
        page.goto(address)
        page.wait_for_selector("#run pre")
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        page.locator(".point").first.focus()
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowRight")
        page.keyboard.press(" ")
        assert page.locator('.point[aria-selected="true"]').count() == 1
        assert page.locator(rows).count() == 1


def test_claims_narrow_by_verdict_and_words(browser, made):
    with opened(browser, made) as page:
        page.click("#tab-ledger")
        assert page.locator(".claim").count() == 3
        assert "−0.250 (95 % interval −0.500 to −0.125) bits per byte, n = 5" in cells(
            page, ".effect"
        )
        page.fill("#words", "HASH")
        assert cells(page, ".claim header b") == ["C01", "C03"]
        page.locator('input[value="REFUTED"]').uncheck(force=True)
        assert cells(page, ".claim header b") == ["C01"]


def test_what_is_typed_is_drawn_and_unknown_characters_are_told(browser, made):
    with opened(browser, made) as page:
        page.click("#tab-sentence")
        page.fill("#typed", "he ran é")
        for layer in ("0", "1"):
            glyphs = cells(page, f'[data-layer="{layer}"] .token .glyph')
            assert glyphs == [*"he␣ran␣é"]
        assert "“é”" in (page.text_content("#remarks") or "")
        page.fill("#typed", "")
        assert page.locator("#routed .token").count() == 0


def test_no_sentence_where_the_exported_run_failed(browser, made, tmp_path):
    exported = json.dumps({"run": "one", "failure": FAILURE}).replace("<", "\\u003c")
    start = '<script type="application/json" id="model">'
    page_text = re.sub(
        f"{start}.*?</script>", lambda _: start + exported + "</script>", made.read_text()
    )
    path = tmp_path / "index.html"
    path.write_text(page_text)
    with opened(browser, path) as page:
        page.click("#tab-sentence")
        assert FAILURE in (page.text_content("#sentence .missing") or "")


@pytest.mark.parametrize("view", ["routing", "sentence", "frontier", "ledger"])
def test_a_phone_never_scrolls_sideways(browser, made, view):
    with opened(browser, made, viewport={"width": 360, "height": 700}) as page:
        page.select_option("#arm", run_of(1))  # 40 experts
        page.click(f"#tab-{view}")
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_equal_inputs_give_equal_bytes(made):
    before, results = made.read_bytes(), made.parents[1]
    write_page(results, [run_of(i) for i in range(len(ARMS))], results / "tokens/builtin-char")
    assert made.read_bytes() == before


def test_pointing_at_an_expert_dims_the_tokens_of_others(browser, made):
    with opened(browser, made) as page:
        page.locator(".load tbody tr").first.focus()
        page.keyboard.press("ArrowDown")
        expert = page.evaluate("document.activeElement.dataset.expert")
        lit = cells(page, "#routing .tokens .token:not(.dim) .number")
        assert lit == [n for n in cells(page, "#routing .tokens .number") if n == expert]
        assert page.locator("#routing .tokens .dim").count() > 0
