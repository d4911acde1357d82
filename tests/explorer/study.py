"""A small study, as the pipeline's own code writes it, for the page to show."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.torch import save_file
from tokenizers import Tokenizer

from moe_core.analysis.record import record, record_nothing, story_of_tokens, token_texts
from moe_core.corpus.batches import TokenCorpus, evaluation_windows, open_corpus
from moe_core.corpus.splits import SPLITS
from moe_core.corpus.tokenization import character_tokenizer, encode_stories, vocabulary_size
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer, build
from moe_core.random_streams import stream
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.runs import RunSpec, cell_name, run_id
from moe_core.study import load_study
from moe_core.training.evaluation import routing_steps
from tests.configurations import DEFAULT, ROOT
from tests.conftest import moe_of
from workflow_scripts import explorer, explorer_stories, exported_model, routing_tables

STORIES = [
    "The fox ran home. </script><b>He</b> was glad.",
    "A hare saw the sea & 3 boats; it was happy.",
    'Mia said: "Look, Łódź!" and then she sang to them.',
    "One day, it rained.\n\nThen the sun came out again.",
    "The end came soon, and all of them slept until ten.",
    "Every one of the hares ran home that day, and so did he.",
]
# strategy, changes of its routing; the first one is exported
ARMS: list[tuple[str, dict[str, Any]]] = [
    ("softk", {"num_experts": 8}),
    ("softk", {"num_experts": 40, "top_k": 3, "capacity_factor": 1.25}),
    ("top1", {"num_experts": 4}),
    ("expert_choice", {"num_experts": 4}),
    ("coe", {"num_experts": 4}),
    ("remoe", {"num_experts": 4}),  # stands for a run that failed
]
FAILURE = "divergence at step 7: loss <9> nats"


def write_tokens(folder: Path, tokenizer: Tokenizer | None = None) -> None:
    """Every split has all stories. tokenizer: of their characters unless given."""
    folder.mkdir(parents=True)
    tokenizer = tokenizer or character_tokenizer(STORIES)
    tokenizer.save(str(folder / "tokenizer.json"))
    splits = {}
    for name in SPLITS:
        split = encode_stories(tokenizer, STORIES, folder / f"{name}.bin")
        splits[name] = {
            "counts": split.counts_V.tolist(),
            "tokens_per_story": split.tokens_per_story.tolist(),
            "bytes_per_story": split.bytes_per_story.tolist(),
            "sha256": split.sha256,
        }
    meta = {"vocab_size": vocabulary_size(tokenizer), "splits": splits}
    (folder / "meta.json").write_text(json.dumps(meta))


@cache
def usual_row() -> RunSpec:
    """The run that the default study exports."""
    study = load_study(DEFAULT)
    return study.runs[study.exported]


def spec_of(
    strategy: str, moe: dict[str, Any], activation: str = "swiglu", tied_head: bool = True
) -> RunSpec:
    """A row of a tiny model."""
    model = TransformerConfig(
        dim=32,
        layers=2,
        heads=2,
        ffn_hidden=24,
        activation=activation,
        tied_head=tied_head,
        moe=moe_of(strategy, **moe),
    )
    row = usual_row()
    training = row.training.model_copy(update={"seq_len": 64, "test_tokens": 256})
    return row.model_copy(update={"model": model, "training": training})


def write_run(folder: Path, spec: RunSpec, corpus: TokenCorpus) -> Transformer:
    """Initial weights stand for trained ones: larger, so that the choice is no tie."""
    folder.mkdir(parents=True)
    model = build(spec.model, corpus.counts_V, spec.seed).eval()
    save_file(model.stored_tensors(), folder / "weights.safetensors")
    failed = spec.model.moe and spec.model.moe.strategy == "remoe"
    cause, _, detail = FAILURE.partition(" at step 7: ")
    summary = {
        "run": run_id(spec),
        "status": "failed" if failed else "finished",
        "failure": {"cause": cause, "step": 7, "detail": detail} if failed else None,
        "spec": spec.model_dump(mode="json"),
        "test": None if failed else {"bits_per_byte": 8.0},
        "tokens_sha256": corpus.sha256,
        "vocab_size": corpus.counts_V.numel(),
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return model


def write_routing(folder: Path, spec: RunSpec, model: Transformer, tokens: Path) -> None:
    """What rule `routing` writes."""
    folder.mkdir(parents=True)
    assert spec.model.moe
    if spec.model.moe.strategy == "remoe":
        record_nothing(FAILURE, folder / "trained.parquet")
        return
    split = open_corpus(tokens).splits["test"]
    windows = evaluation_windows(split, 64, 256, "test")
    story_NS = story_of_tokens(split, windows.inputs_NS.numel()).reshape(windows.inputs_NS.shape)
    texts = token_texts(Tokenizer.from_file(str(tokens / "tokenizer.json")))
    for router in ("trained", "untrained"):
        record(
            model,
            windows,
            story_NS,
            texts,
            2,
            routing_steps(spec.model.moe),
            Draws(stream(0, "drops")),
            folder / f"{router}.parquet",
        )


def summary_row(place: int, spec: RunSpec) -> dict[str, Any]:
    """A row of results/unified/summary.csv: what the page and the analysis read of it."""
    moe = spec.model.moe
    strategy = moe.strategy if moe else "dense"
    failed = strategy == "remoe"
    measures = {
        "bits_per_byte": 2 + place / 7,
        "tokens_per_s": 20000 + 1500 * place,
        "drop_rate": place / 100,
        "load_cv": 0.25 + place,
        "router_entropy_nats": None if place == 3 else 1.5 + place / 9,
    }
    declared = registry.declaration(strategy) if moe else {}
    return {
        "run": run_id(spec),
        "cell": cell_name(spec),
        "strategy": strategy,
        "label": declared.get("label", "dense"),
        "control": not moe,
        "causal": declared.get("causal", True),
        "shared_hidden": 0,
        "capacity_factor": moe.capacity_factor if moe else None,
        "num_experts": moe.num_experts if moe else None,
        "top_k": moe.top_k if moe else None,
        "ffn_hidden": spec.model.ffn_hidden,
        "tokens": spec.tokens,
        "seed": spec.seed,
        "status": "failed" if failed else "finished",
        "failure": FAILURE if failed else None,
        **({} if failed else measures),
        **({"tokens_per_s": None} if strategy == "coe" else {}),  # one that was not timed
    }


def write_tables(results: Path, specs: list[RunSpec]) -> None:
    """The tables that the page reads."""
    for folder in ("unified", "claims", "analysis", "explorer"):
        (results / folder).mkdir()
    dense = specs[0].model_copy(update={"model": specs[0].model.model_copy(update={"moe": None})})
    rows = [summary_row(place, spec) for place, spec in enumerate([*specs, dense])]
    ngram = {"strategy": "ngram", "label": "5-gram", "control": True, "status": "finished"}
    table = pd.DataFrame([*rows, {**ngram, "bits_per_byte": 2.31}])
    for name in ("tokens_per_s_min", "tokens_per_s_max"):
        table[name] = table.tokens_per_s
    table.to_csv(results / "unified/summary.csv", index=False)
    folder = results / "runs" / run_id(dense)
    folder.mkdir()
    row = {"run": run_id(dense), "spec": dense.model_dump(mode="json")}
    (folder / "summary.json").write_text(json.dumps(row))
    claim = dict.fromkeys(["effect", "low", "high", "unit", "n", "reason"])
    claims = [
        {
            **claim,
            "id": f"C{i:02}",
            "sentence": f"Claim {i} of </script> {word}.",
            "source": "outline",
            "verdict": verdict,
        }
        for i, (word, verdict) in enumerate(
            [("hash", "SUPPORTED"), ("dropping", "REFUTED"), ("hash again", "REFUTED")], 1
        )
    ]
    claims[0] |= {"effect": -0.25, "low": -0.5, "high": -0.125, "unit": "bits_per_byte", "n": 5}
    pd.DataFrame(claims).to_csv(results / "claims/ledger.csv", index=False)


def call(main: Any, *options: object) -> None:
    """A command in this process."""
    before, sys.argv = sys.argv, ["command", *map(str, options)]
    try:
        main()
    finally:
        sys.argv = before


def write_page(results: Path, runs: list[str], tokens: Path) -> Path:
    """What the rules routing_tables, explorer_stories, exported_model and explorer run."""
    summary, routing = results / "unified/summary.csv", results / "routing"
    stories, model = results / "explorer/stories.json", results / "explorer/model.json"
    page, tables = results / "explorer/index.html", results / "analysis"
    options = ["--summary", summary, "--routing", routing, "--folder", tables]
    call(routing_tables.main, *options, "--runs", *runs, "--excerpts", runs[0], "--subword")
    named = [f"{run}={routing}/{run}/trained.parquet" for run in runs]
    call(explorer_stories.main, "--routing", *named, "--out", stories)
    call(
        exported_model.main, "--run", results / "runs" / runs[0], "--tokens", tokens, "--out", model
    )
    call(
        explorer.main,
        *("--source", *sorted((ROOT / "report/explorer").iterdir())),
        *("--runs", *sorted(results.glob("runs/*/summary.json"))),
        *("--scale", "quick", "--smoke", "true", "--stories", stories, "--model", model),
        *("--load", tables / "expert_load.csv", "--classes", tables / "class_preference.csv"),
        *("--summary", summary, "--ledger", results / "claims/ledger.csv", "--out", page),
    )
    return page


def write_study(results: Path) -> Path:
    """A folder like results/ with all that the page is made from; the path of the page."""
    tokens = results / "tokens/builtin-char"
    write_tokens(tokens)
    corpus = open_corpus(tokens)
    specs = [spec_of(*arm) for arm in ARMS]
    for spec in specs:
        model = write_run(results / "runs" / run_id(spec), spec, corpus)
        write_routing(results / "routing" / run_id(spec), spec, model, tokens)
    write_tables(results, specs)
    return write_page(results, [run_id(spec) for spec in specs], tokens)
