"""What must hold of any explorer page, held against the files that it was made from."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from playwright.sync_api import Browser, Page
from tokenizers import Tokenizer

from moe_core.corpus.batches import open_corpus
from moe_core.model.moe_layer import CAUSAL
from moe_core.runs import RunSpec
from moe_core.training.trained import trained_model

MEGABYTES = 15
SENTENCES = [
    "Once upon a time there was a little fox.",
    "The hare ran home.",
    "a",
    "  two spaces  ",
    "Then it rained, and rained, and rained.",
    'She said: "Look!"',
    "one\ntwo\n\nthree",
    "12 boats & 3 ships",
    "Unknown: é ß 漢 🦊!",
    "<unk> is four characters and more",
    "</script>",
    "MIXED Case LETTERS",
    "zzzzzzzzzzzzzzzz",
    "tab\there",
    "He was glad; they were not.",
    "constructor",  # a name that every JavaScript object knows
    "toString()",
    "The sun came out again. " * 2,
    "...",
    "and so did he, until ten",
]


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """The page, opened from disk. Fails if it is large, logs a word or asks for more."""
    assert path.stat().st_size < MEGABYTES * 1e6
    page, address = browser.new_page(**options), path.resolve().as_uri()
    page.set_default_timeout(5000)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    own = (address, "data:")
    page.on("request", lambda asked: asked.url.startswith(own) or faults.append(asked.url))
    page.goto(address)
    try:
        yield page
        assert not faults
    finally:
        page.close()


def cells(page: Page, selector: str) -> list[str]:
    """Texts of all that a selector finds, thousands joined."""
    texts: list[str] = page.locator(selector).all_text_contents()
    return [text.replace("\u202f", "") for text in texts]


def check_counts(page: Page, analysis: Path) -> int:
    """The load and class counts of every arm and layer are those of the tables; cells compared."""
    load = pd.read_csv(analysis / "expert_load.csv")
    classes = pd.read_csv(analysis / "class_preference.csv")
    load, classes = (table[table.router.eq("trained")] for table in (load, classes))
    compared = 0
    for run in page.locator("#arm option").evaluate_all("all => all.map(one => one.value)"):
        page.select_option("#arm", run)
        for layer in load[load.run.eq(run)].layer.unique():
            label = page.locator("#routing .choices label", has_text=re.compile(rf"^{layer:.0f}\b"))
            label.locator('input[name="layer"]').first.check(force=True)
            own = load[load.run.eq(run) & load.layer.eq(layer)].sort_values("expert")
            assert cells(page, ".load td.kept") == [str(int(n)) for n in own.kept]
            dropped = own.assignments - own.kept
            assert cells(page, ".load td.gone") == [str(int(n)) for n in dropped]
            cv = own.assignments.std(ddof=0) / own.assignments.mean()
            assert page.text_content("#load-cv") == f"{cv:.3f}"
            for measure in ("assignments", "primary"):
                page.locator(f'input[name="measure"][value="{measure}"]').check(force=True)
                shown = page.locator(".classes td[data-count]").evaluate_all(
                    "all => all.map(one => Number(one.dataset.count))"
                )
                table = classes[classes.run.eq(run) & classes.layer.eq(layer)].pivot_table(
                    index="token_class", columns="expert", values=measure, sort=False, fill_value=0
                )
                expected = table[sorted(table.columns)].to_numpy().ravel()
                assert shown == expected.tolist()
                compared += len(shown)
    return compared


@torch.no_grad()
def check_sentences(page: Page, exported: Path, run: Path, tokens: Path) -> int:
    """What the page decides is what moe_core decides by a decoder's rule; assignments compared.

    exported: what the rule exported_model wrote of the run.
    """
    spec = RunSpec.model_validate(json.loads((run / "summary.json").read_text())["spec"])
    model = trained_model(run, spec.model, open_corpus(tokens).counts_V)
    tokenizer = Tokenizer.from_file(str(tokens / "tokenizer.json"))
    assert spec.model.moe
    top_k, compared = spec.model.moe.top_k, 0
    page.evaluate(
        "text => { globalThis.exported = loadModel(JSON.parse(text)); }", exported.read_text()
    )
    for text in SENTENCES:
        ids = tokenizer.encode(text).ids
        found = page.evaluate(
            "text => { const t = tokenised(exported, text); "
            "return { ids: t.ids, ...routed(exported, t.ids) }; }",
            text,
        )
        assert found["ids"] == ids
        logits, layers = model(torch.tensor([ids]), CAUSAL)
        torch.testing.assert_close(
            torch.tensor(found["logits"]), logits[0, -1], atol=1e-3, rtol=1e-3
        )
        for theirs, layer in zip(found["layers"], layers, strict=True):
            weights = layer.routing.weight_A.view(-1, top_k)
            experts = layer.routing.expert_A.view(-1, top_k)
            mine = torch.tensor([[one["weight"] for one in token] for token in theirs])
            torch.testing.assert_close(mine, weights, atol=1e-4, rtol=0)
            ranked, _ = layer.logits_TE.sort(-1, descending=True)
            clear = (ranked[:, :top_k] - ranked[:, 1 : top_k + 1] > 1e-4).all(-1)
            chosen = torch.tensor([[one["expert"] for one in token] for token in theirs])
            assert (chosen[clear] == experts[clear]).all()
            compared += int(clear.sum()) * top_k
    return compared
