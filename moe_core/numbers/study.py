"""Numbers of the study as it is configured, and of where it ran."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from moe_core.numbers.number import Number, finite, sequence
from moe_core.routing.slots import random_drop_law, slots_per_expert

LOW_FACTOR = 1.1  # of claim C07


def study_numbers(spec: dict[str, Any], meta: dict[str, Any]) -> Iterator[Number]:
    """Configuration and corpus."""
    corpora = {
        "builtin": "the built-in generator's stories",
        "hub": f"the data set {spec['hub_name']}",
        "files": "stories read from files",
    }
    tokenizers = {"char": "characters", "bpe": "byte-level BPE", "pretrained": "pretrained"}
    yield Number("study/scale", spec["scale"], "text", "config")
    yield Number("study/seeds", len(spec["seeds"]), "count", "config")
    yield Number("study/other_seeds", len(spec["other_seeds"]), "count", "config")
    yield Number("sweep/seeds", len(spec["sweep"]["seeds"]), "count", "config")
    yield Number("sweep/steps", spec["sweep"]["steps"], "count", "config")
    yield Number("unified/runs", spec["runs"], "count", "config")
    yield Number("study/corpus", corpora[spec["corpus"]], "text", "config")
    yield Number("study/tokenizer", tokenizers[spec["tokenizer"]], "text", "config")
    yield Number("study/vocabulary", meta["vocab_size"], "count", "meta")
    for split, counts in meta["splits"].items():
        yield Number(f"study/{split}_stories", counts["stories"], "count", "meta")
        yield Number(f"study/{split}_tokens", counts["tokens"], "count", "meta")
    train = meta["splits"]["train"]
    yield Number("study/train_bytes", train["bytes"], "count", "meta")
    yield Number("study/bytes_per_token", train["bytes"] / train["tokens"], "ratio", "meta")
    factors = spec["capacity_factors"]
    yield Number("unified/capacity_factors", sequence(factors), "text", "config")
    yield Number("unified/usual_factor", max(factors), "setting", "config")
    rates = "".join(f", {rate:g} for {name}" for name, rate in spec["learning_rates"].items())
    yield Number("train/other_rates", rates, "text", "config")
    yield Number("unified/drop_policy", spec["drop_policy"], "text", "config")
    yield Number("capacity/trained_top_k", spec["trained_top_k"], "count", "config")
    shape, training = spec["model"], spec["training"]
    for name, top_k in (("one", 1), ("k", shape["top_k"])):
        slots = slots_per_expert(LOW_FACTOR, top_k, training["seq_len"], shape["num_experts"])
        chance = random_drop_law(slots, training["seq_len"], top_k, shape["num_experts"])
        yield Number(f"chance/drop_of_{name}", chance, "share", "config")
    yield Number("chance/capacity_factor", LOW_FACTOR, "setting", "config")
    for key in ("dim", "layers", "heads", "top_k", "expert_hidden"):
        yield Number(f"model/{key}", shape[key], "count", "config")
    yield Number("model/experts", shape["num_experts"], "count", "config")
    names = {"swiglu": "SwiGLU", "gelu": "GELU"}
    yield Number("model/activation", names[shape["activation"]], "text", "config")
    yield Number("model/seq_len", training["seq_len"], "count", "config")
    for key in ("batch_size", "steps", "warmup_steps"):
        yield Number(f"train/{key}", training[key], "count", "config")
    batch_tokens = training["batch_size"] * training["seq_len"]
    yield Number("train/tokens", training["steps"] * batch_tokens, "count", "config")
    yield Number("train/batch_tokens", batch_tokens, "count", "config")
    yield Number("train/valid_tokens", training["valid_tokens"], "count", "config")
    for key in ("learning_rate", "weight_decay", "grad_clip", "switch_coef", "z_coef"):
        yield Number(f"train/{key}", training[key], "setting", "config")
    precisions = {"fp32": "single precision", "bf16": "bfloat16 autocast"}
    yield Number("train/precision", precisions[training["precision"]], "text", "config")


def environment_numbers(
    runs: pd.DataFrame, run: dict[str, Any], timed: dict[str, Any]
) -> Iterator[Number]:
    """Commits, versions and machines of all runs; threads and peak of the timing."""
    trained = runs[runs.run.notna()]
    commits = trained.commit.fillna("none").str[:10] + trained.dirty.map(
        lambda dirty: " (modified)" if dirty is True else ""
    )
    yield Number("study/commit", _distinct(commits), "text", "summary")
    yield Number("environment/python", run["environment"]["python"], "text", "run")
    yield Number("environment/torch", _distinct(trained.torch), "text", "summary")
    yield Number("environment/device", _distinct(trained.device_name), "text", "summary")
    yield Number("environment/threads", run["process"]["threads"], "count", "run")
    yield Number("test/stories", finite(trained.test_stories.max()), "count", "summary")
    yield Number("test/bytes", finite(trained.test_bytes.max()), "count", "summary")
    yield Number("throughput/threads", timed["process"]["threads"], "count", "throughput")
    yield Number("throughput/matmul_peak", timed["matmul_peak_flops"] / 1e9, "gflops", "throughput")


def _distinct(values: pd.Series) -> str:
    return " and ".join(sorted(values.astype(str).unique()))
