"""What each experiment trains: arms, which differ from the usual one in one thing, x seeds.

Free of torch.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from moe_core.configuration import (
    SWEEPS,
    Experiments,
    Scale,
    StudyConfig,
    TokenizerConfig,
    arm_top_k,
)
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.provenance import data_digest
from moe_core.routing import registry
from moe_core.runs import RunSpec, dense_width


class Arms:
    """The rows of every experiment of a checked configuration at one scale."""

    def __init__(self, config: StudyConfig, scale: Scale) -> None:
        experiments = capped(config.experiments, scale.sweep.max_strategies)
        self.config, self.scale = config.model_copy(update={"experiments": experiments}), scale
        self.usual_factor = max(scale.capacity_factors)
        self.subword_tokenizer = config.tokenizer.model_copy(update={"kind": "bpe"})
        self.tokens, self.subword_tokens = (
            f"{config.corpus.source}-{tokenizer_name(t)}"
            for t in (config.tokenizer, self.subword_tokenizer)
        )

    def experiments(self) -> dict[str, list[RunSpec]]:
        """Rows by experiment."""
        return {
            "unified": list(self.unified()),
            "capacity_sweep": list(self.capacity_sweep()),
            "router_nets": list(self.router_nets()),
            "larger": list(self.larger()),
            "subword": list(self.subword()),
            "balance": list(self.balance()),
            "learning_rate": list(self.learning_rate()),
        }

    def unified(self) -> Iterator[RunSpec]:
        """Strategies x capacity factors; dense models of equal active FLOPs, and of equal size."""
        experiment, shape = self.config.experiments.unified, self.scale.model
        models = [
            self.model(strategy, capacity_factor=factor)
            for strategy in experiment.strategies
            for factor in self.scale.capacity_factors
        ]
        headline = [m for m in models if m.moe and m.moe.strategy in experiment.headline]
        models += [self.with_shared_expert(strategy) for strategy in experiment.shared_expert]
        # a dense model for each active width, so that no arm is compared with twice its FLOPs
        widths = {dense_width(model) for model in models}
        widths.add(shape.num_experts * shape.expert_hidden)
        headline += [self.dense(width) for width in sorted(widths)]
        for model in headline:
            yield from self.rows(model, self.scale.seeds)
        for model in models:
            if model not in headline:
                yield from self.rows(model, self.scale.other_seeds)

    def capacity_sweep(self) -> Iterator[RunSpec]:
        """Capacity factors of trained routers."""
        experiment = self.config.experiments.capacity_sweep
        for strategy in experiment.strategies:
            for factor in experiment.capacity_factors:
                yield from self.sweep(self.model(strategy, capacity_factor=factor))

    def router_nets(self) -> Iterator[RunSpec]:
        """Router networks x strategies."""
        experiment = self.config.experiments.router_nets
        for strategy in experiment.strategies:
            for router in experiment.routers:
                yield from self.sweep(self.model(strategy, router=router))

    def larger(self) -> Iterator[RunSpec]:
        """The usual size, more experts, a wider model; each with dense models of equal FLOPs."""
        experiment, shape = self.config.experiments.larger, self.scale.model
        sizes = [{}, {"num_experts": shape.num_experts * experiment.num_experts_factor}]
        if experiment.dim_factor:
            wider = ("dim", "heads", "expert_hidden")
            sizes.append({key: getattr(shape, key) * experiment.dim_factor for key in wider})
        for changes in sizes:
            size = {"model": shape.model_copy(update=changes)}
            arms = Arms(self.config, self.scale.model_copy(update=size))
            models = [arms.model(strategy) for strategy in experiment.strategies]
            models += [arms.dense(width) for width in sorted({dense_width(m) for m in models})]
            for model in models:
                yield from arms.sweep(model)

    def subword(self) -> Iterator[RunSpec]:
        """The usual arms on BPE tokens, with their dense models."""
        models = [self.model(s) for s in self.config.experiments.subword.strategies]
        models += [self.dense(width) for width in sorted({dense_width(m) for m in models})]
        for model in models:
            yield from self.sweep(model, tokens=self.subword_tokens)

    def balance(self) -> Iterator[RunSpec]:
        """The weight of the Switch loss and its scope; a bias, or jitter, instead of it."""
        experiment = self.config.experiments.balance
        for strategy in experiment.strategies:
            usual = self.model(strategy)
            for coefficient in experiment.switch_coefs:
                yield from self.sweep(usual, switch_coef=coefficient)
            for sequences in experiment.balance_sequences:
                yield from self.sweep(usual, balance_sequences=sequences)
            for rate in experiment.bias_rates:
                yield from self.sweep(self.model(strategy, bias_rate=rate), switch_coef=0.0)
            for jitter in experiment.jitters:
                yield from self.sweep(self.model(strategy, jitter=jitter), switch_coef=0.0)

    def learning_rate(self) -> Iterator[RunSpec]:
        """The same factors on each arm's own rate, on tuning seeds, at the study's own length."""
        experiment = self.config.experiments.learning_rate
        models = [self.model(strategy) for strategy in experiment.strategies]
        models += [self.dense(width) for width in sorted({dense_width(m) for m in models})]
        for model in models:
            for factor in experiment.factors:
                yield from self.rows(
                    model,
                    experiment.seeds,
                    learning_rate=float(f"{factor * self.rate_of(model):.6g}"),
                )

    def recorded(self, num_experts: int) -> RunSpec:
        """The run whose router the capacity microbenchmark records."""
        size = self.scale.capacity
        model = self.model(
            "softk",
            num_experts=num_experts,
            top_k=self.config.experiments.capacity.trained_top_k,
            drop_policy="none",  # what the router wants, not what a capacity taught it
        ).model_copy(update={"ffn_hidden": size.trained_expert_hidden})
        steps = size.trained_steps
        (row,) = self.rows(model, self.scale.seeds[:1], steps=steps, evaluate_every=steps)
        return row

    def model(self, strategy: str, **changes: Any) -> TransformerConfig:
        """The scale's model with the usual routing of a strategy, but for the changes."""
        experiment, shape = self.config.experiments.unified, self.scale.model
        balanced_by = registry.declaration(strategy)["balanced_by"]
        usual: dict[str, Any] = {
            "strategy": strategy,
            "router": "linear",
            "num_experts": shape.num_experts,
            "top_k": arm_top_k(strategy, shape.top_k),
            "capacity_factor": self.usual_factor,
            "drop_policy": experiment.drop_policy,
            "shared_hidden": 0,
            "jitter": 0.0,
            "bias_rate": experiment.bias_rate if balanced_by == "bias" else 0.0,
        }
        return self.dense(shape.expert_hidden).model_copy(
            update={"moe": MoEConfig(**(usual | changes))}
        )

    def with_shared_expert(self, strategy: str) -> TransformerConfig:
        """One of K + 1 narrower experts is used by every token, at equal active FLOPs."""
        top_k = arm_top_k(strategy, self.scale.model.top_k)
        active = top_k * self.scale.model.expert_hidden
        narrow = active // (top_k + 1)
        model = self.model(strategy, shared_hidden=active - top_k * narrow)
        return model.model_copy(update={"ffn_hidden": narrow})

    def dense(self, width: int) -> TransformerConfig:
        """The scale's model with a dense feed-forward layer of some width."""
        shape = self.scale.model
        return TransformerConfig(
            dim=shape.dim,
            layers=shape.layers,
            heads=shape.heads,
            ffn_hidden=width,
            activation=shape.activation,
            tied_head=shape.tied_head,
            moe=None,
        )

    def sweep(
        self, model: TransformerConfig, tokens: str | None = None, **training: Any
    ) -> Iterator[RunSpec]:
        """Rows of an arm of an experiment besides the unified one."""
        steps = self.scale.sweep.steps
        return self.rows(model, self.scale.sweep.seeds, tokens, steps=steps, **training)

    def rows(
        self,
        model: TransformerConfig,
        seeds: Iterable[int],
        tokens: str | None = None,
        **training: Any,
    ) -> Iterator[RunSpec]:
        """A row a seed."""
        settings = {"learning_rate": self.rate_of(model)} | training
        for seed in seeds:
            yield RunSpec(
                tokens=tokens or self.tokens,
                seed=seed,
                device=self.config.device,
                threads=self.scale.threads,
                world_size=self.scale.world_size if can_be_cut(model) else 1,
                model=model,
                training=self.scale.training.model_copy(update=settings),
            )

    def rate_of(self, model: TransformerConfig) -> float:
        """Peak learning rate of an arm."""
        name = model.moe.strategy if model.moe else "dense"
        return self.scale.learning_rates.get(name, self.scale.training.learning_rate)


def can_be_cut(model: TransformerConfig) -> bool:
    """Whether parts of a batch can be routed apart from one another."""
    return not model.moe or registry.declaration(model.moe.strategy)["group"] != "batch"


def capped(experiments: Experiments, most: int | None) -> Experiments:
    """The first strategies of every experiment but the unified one; all of them for None."""
    fewer: dict[str, Any] = {}
    for name in SWEEPS:
        sweep = getattr(experiments, name)
        fewer[name] = sweep.model_copy(update={"strategies": sweep.strategies[:most]})
    return experiments.model_copy(update=fewer)


def tokenizer_name(tokenizer: TokenizerConfig) -> str:
    """Folder name of a tokenizer."""
    if tokenizer.kind == "bpe":
        return f"bpe{tokenizer.bpe.vocab_size}"
    if tokenizer.kind == "pretrained":
        slug = re.sub(r"[^A-Za-z0-9]+", "_", tokenizer.pretrained.name).strip("_")[-40:]
        return f"pretrained_{slug}_{data_digest(tokenizer.pretrained.model_dump())[:6]}"
    return "char"
