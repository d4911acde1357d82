"""A study is a table of runs: ``config.yaml`` in, checked, out come ``RunSpec`` rows.

A row is all that its training job needs, as one canonical JSON; its id is a readable slug with a
short hash of that JSON, so that equal rows of two experiments are one run. Free of torch.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_core.configuration import (
    CorpusConfig,
    Scale,
    StudyConfig,
    TokenizerConfig,
    arm_top_k,
    check,
)
from moe_core.errors import StudyError
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.provenance import canonical_json, data_digest
from moe_core.runs import RunSpec, ShapeSpec, dense_width, run_id, shape_id, shape_of


@dataclass(frozen=True)
class Study:
    """A checked configuration and its table of runs.

    runs: by id. unified: ids of the unified experiment. capacity: by E, the id of the run whose
    router the capacity microbenchmark records. shapes: by id; shape_of: run id to shape id.
    """

    config: StudyConfig
    scale: Scale
    corpus: str
    tokens: str
    runs: dict[str, RunSpec]
    unified: list[str]
    capacity: dict[int, str]
    shapes: dict[str, ShapeSpec]
    shape_of: dict[str, str]


def load_study(config: dict[str, Any]) -> Study:
    """Check a configuration and expand it.

    Raises StudyError: one line with the key, the value, what is allowed and the nearest spelling.
    """
    checked = check(config)
    scale = checked.scales[checked.scale]
    corpus = checked.corpus.source
    tokens = f"{corpus}-{tokenizer_name(checked.tokenizer)}"
    table = {run_id(spec): spec for spec in _unified_runs(checked, scale, tokens)}
    unified = list(table)
    capacity = {}
    for num_experts in checked.experiments.capacity.num_experts:
        spec = _capacity_run(checked, scale, tokens, num_experts)
        capacity[num_experts] = run_id(spec)
        table[run_id(spec)] = spec
    shapes = {run: shape_of(table[run], scale.throughput) for run in unified}
    return Study(
        config=checked,
        scale=scale,
        corpus=corpus,
        tokens=tokens,
        runs=table,
        unified=unified,
        capacity=capacity,
        shapes={shape_id(s): s for s in shapes.values()},
        shape_of={run: shape_id(s) for run, s in shapes.items()},
    )


def corpus_spec(corpus: CorpusConfig) -> str:
    """All that the stories depend on, as canonical JSON."""
    options = getattr(corpus, corpus.source).model_dump()
    return canonical_json(
        {
            "source": corpus.source,
            "valid_fraction": corpus.valid_fraction,
            "test_fraction": corpus.test_fraction,
            "options": options,
        }
    )


def tokenizer_spec(tokenizer: TokenizerConfig) -> str:
    """All that the vocabulary depends on besides the stories, as canonical JSON."""
    options = None if tokenizer.kind == "char" else getattr(tokenizer, tokenizer.kind).model_dump()
    return canonical_json({"kind": tokenizer.kind, "options": options})


def local_tokenizer(tokenizer: TokenizerConfig) -> list[str]:
    """The file that a pretrained tokenizer is read from, if it is one.

    Raises StudyError for the name of a .json file that does not exist.
    """
    name = tokenizer.pretrained.name
    if tokenizer.kind != "pretrained":
        return []
    if Path(name).is_file():
        return [name]
    if name.endswith(".json"):
        raise StudyError("tokenizer.pretrained.name", f"no file {name!r}")
    return []


def ngram_spec(study: Study) -> str:
    """What the n-gram control depends on, as canonical JSON."""
    training = study.scale.training
    return canonical_json(
        {
            **study.config.ngram.model_dump(),
            "seq_len": training.seq_len,
            "test_tokens": training.test_tokens,
        }
    )


def microbench_spec(study: Study) -> str:
    """Grid and size of the capacity microbenchmark, as canonical JSON."""
    size = study.scale.capacity
    return canonical_json(
        {
            **study.config.experiments.capacity.model_dump(exclude={"trained_top_k"}),
            "tokens": size.tokens,
            "dim": size.dim,
            "repeats": size.repeats,
        }
    )


def report_spec(study: Study) -> str:
    """What the report says of the configuration, as canonical JSON."""
    config, scale = study.config, study.scale
    return canonical_json(
        {
            "scale": config.scale,
            "seeds": scale.seeds,
            "corpus": config.corpus.source,
            "hub_name": config.corpus.hub.name,
            "tokenizer": config.tokenizer.kind,
            "runs": len(study.unified),
            "capacity_factors": scale.capacity_factors,
            "drop_policy": config.experiments.unified.drop_policy,
            "trained_top_k": config.experiments.capacity.trained_top_k,
            "model": scale.model.model_dump(),
            "training": scale.training.model_dump(),
        }
    )


def tokenizer_name(tokenizer: TokenizerConfig) -> str:
    """Folder name of a tokenizer."""
    if tokenizer.kind == "bpe":
        return f"bpe{tokenizer.bpe.vocab_size}"
    if tokenizer.kind == "pretrained":
        slug = re.sub(r"[^A-Za-z0-9]+", "_", tokenizer.pretrained.name).strip("_")[-40:]
        return f"pretrained_{slug}_{data_digest(tokenizer.pretrained.model_dump())[:6]}"
    return "char"


def _model(scale: Scale, ffn_hidden: int, moe: MoEConfig | None) -> TransformerConfig:
    shape = scale.model
    return TransformerConfig(
        dim=shape.dim,
        layers=shape.layers,
        heads=shape.heads,
        ffn_hidden=ffn_hidden,
        activation=shape.activation,
        tied_head=shape.tied_head,
        moe=moe,
    )


def _unified_runs(config: StudyConfig, scale: Scale, tokens: str) -> Iterable[RunSpec]:
    experiment, shape = config.experiments.unified, scale.model
    top_ks = {s: arm_top_k(s, shape.top_k) for s in experiment.strategies}
    models = [
        _model(
            scale,
            shape.expert_hidden,
            MoEConfig(
                strategy=strategy,
                router="linear",
                num_experts=shape.num_experts,
                top_k=top_k,
                capacity_factor=capacity_factor,
                drop_policy=experiment.drop_policy,
                shared_hidden=0,
                jitter=0.0,
                bias_rate=0.0,
            ),
        )
        for strategy, top_k in top_ks.items()
        for capacity_factor in scale.capacity_factors
    ]
    # a dense model for each active width, so that no arm is compared with twice its FLOPs
    models += [_model(scale, width, None) for width in sorted({dense_width(m) for m in models})]
    for model in models:
        for seed in scale.seeds:
            yield RunSpec(
                tokens=tokens,
                seed=seed,
                device=config.device,
                threads=scale.threads,
                model=model,
                training=scale.training,
            )


def _capacity_run(config: StudyConfig, scale: Scale, tokens: str, num_experts: int) -> RunSpec:
    experiment, size = config.experiments.capacity, scale.capacity
    moe = MoEConfig(
        strategy="softk",
        router="linear",
        num_experts=num_experts,
        top_k=experiment.trained_top_k,
        capacity_factor=1.25,
        shared_hidden=0,
        jitter=0.0,
        bias_rate=0.0,
        drop_policy="none",  # what the router wants, not what a capacity taught it
    )
    return RunSpec(
        tokens=tokens,
        seed=scale.seeds[0],
        device=config.device,
        threads=scale.threads,
        model=_model(scale, size.trained_expert_hidden, moe),
        training=scale.training.model_copy(
            update={"steps": size.trained_steps, "evaluate_every": size.trained_steps}
        ),
    )
