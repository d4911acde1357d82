"""What each experiment trains: arms, which differ from the usual one in one thing, x seeds.

Free of torch.
"""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

from moe_core.adapters.config import OWN_LINEAR, AdapterConfig, Method
from moe_core.configuration import (
    SWEEPS,
    Experiments,
    MatchedBudget,
    PretrainedTokenizer,
    RoutedAdapters,
    Scale,
    StudyConfig,
    TokenizerConfig,
    arm_top_k,
)
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.provenance import data_digest
from moe_core.routing import registry
from moe_core.runs import AdapterSpec, HubModel, RunSpec, TrainedBase, dense_width, run_id

Budget = Literal["trainable", "active"]
BUDGETS: tuple[Budget, ...] = get_args(Budget)

SHARED_OUT_STEPS = 50  # of the runs whose experts several processes share out


class Arms:
    """The rows of every experiment of a checked configuration at one scale."""

    def __init__(self, config: StudyConfig, scale: Scale) -> None:
        experiments = capped(config.experiments, scale.sweep.max_strategies)
        self.config, self.scale = config.model_copy(update={"experiments": experiments}), scale
        self.usual_factor = max(scale.capacity_factors)
        self.subword_tokenizer = config.tokenizer.model_copy(update={"kind": "bpe"})
        self.hub_tokenizer = hub_tokenizer(config)
        self.character_tokenizer = config.tokenizer.model_copy(update={"kind": "char"})
        self.tokens, self.character_tokens, self.subword_tokens, self.hub_tokens = (
            f"{config.corpus.source}-{tokenizer_name(t)}"
            for t in (
                config.tokenizer,
                self.character_tokenizer,
                self.subword_tokenizer,
                self.hub_tokenizer,
            )
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

    def adapted(self) -> Iterator[AdapterSpec]:
        """Rows of the experiment perft: methods, ranks, K of N, x seeds."""
        chosen, most = self.config.experiments.perft, self.scale.adapters.most
        for method in chosen.methods:
            for rank in chosen.ranks[:most] if method != "full" else [0]:
                for adapter in self.adapters(method, rank):
                    yield from self.adapter_rows(adapter, self.scale.adapters.seeds)

    def matched(self) -> dict[Budget, list[AdapterSpec]]:
        """Rows of as many trainable, or active, parameters as one PERFT-R, which is among them."""
        like = self.config.experiments.perft.matched
        methods = self.config.experiments.perft.methods
        if like is None or "perft_r" not in methods or not self.scale.adapters.tuned:
            return {budget: [] for budget in BUDGETS}
        seeds = self.scale.adapters.seeds
        routed = RoutedAdapters(top_k=like.top_k, adapters=like.adapters)
        reference = self.adapter("perft_r", like.rank, like.adapters, routed)
        found: dict[Budget, list[AdapterSpec]] = {}
        for budget in BUDGETS:
            rows = list(self.adapter_rows(reference, seeds))
            for method in self.config.experiments.perft.methods:
                rank = self.rank_of_budget(method, budget, like)
                if method != "perft_r" and rank:
                    (adapter,) = self.adapters(method, rank)[:1]
                    rows += self.adapter_rows(adapter, seeds)
            found[budget] = rows
        return found

    def adapter_rates(self) -> Iterator[AdapterSpec]:
        """The same factors on each method's own rate, on tuning seeds, for its first adapters."""
        experiment = self.config.experiments
        if not self.scale.adapters.tuned:
            return
        for method in experiment.perft.methods:
            rank = 0 if method == "full" else experiment.perft.ranks[0]
            adapter = self.adapters(method, rank)[0]
            for factor in experiment.perft.learning_rate_factors:
                yield from self.adapter_rows(adapter, experiment.learning_rate.seeds, factor)

    def rank_of_budget(self, method: Method, budget: Budget, like: MatchedBudget) -> int:
        """The rank at which a method has the parameters of a PERFT-R, as nearly as can be.

        0 where there is none. A PERFT-R has N (2 r + 1) D of them in a layer, its router among
        them, and a token uses (2 r K + N) D.
        """
        base = self.base_model()
        units = {
            "trainable": like.adapters * (2 * like.rank + 1),
            "active": 2 * like.rank * like.top_k + like.adapters,
        }[budget]  # multiples of D
        dense = self.config.experiments.perft.dense_adapters[0]
        match method:
            case "perft_s":
                return round(units / 2)
            case "perft_d":
                return round(units / (2 * dense))
            case "perft_e" if base is not None and base.moe is not None:
                used = base.moe.num_experts if budget == "trainable" else base.moe.top_k
                return round(units / (2 * used))
            case "lora" if base is not None:
                return round(units / sum(OWN_LINEAR[name] for name in self.lora_targets()))
        return 0

    def lora_targets(self) -> list[str]:
        """Linear layers of LoRA."""
        return self.config.experiments.perft.lora_targets

    def adapters(self, method: Method, rank: int) -> list[AdapterConfig]:
        """Those of a method and rank: one, or one for each K of N, or N."""
        chosen, most = self.config.experiments.perft, self.scale.adapters.most
        if method == "perft_r":
            return [self.adapter(method, rank, r.adapters, r) for r in chosen.routed[:most]]
        counts = chosen.dense_adapters[:most] if method == "perft_d" else [1]
        return [self.adapter(method, rank, count) for count in counts]

    def adapter(
        self, method: Method, rank: int, count: int, routed: RoutedAdapters | None = None
    ) -> AdapterConfig:
        """One method's adapters in every layer."""
        chosen = self.config.experiments.perft
        routing = None
        if routed:
            routing = self.model(chosen.strategy, num_experts=count, top_k=routed.top_k).moe
        return AdapterConfig(
            peft_type=method,
            r=rank,
            lora_alpha=rank * chosen.alpha_over_rank,
            num_adapters=count,
            routing=routing,
            target_modules=self.lora_targets() if method == "lora" else None,
        )

    def base_model(self) -> TransformerConfig | None:
        """What is frozen, where it is a model of this study."""
        chosen = self.config.experiments.perft
        return self.model(chosen.run.strategy) if chosen.base == "run" else None

    def base_rows(self, seeds: Iterable[int]) -> Iterator[RunSpec]:
        """The runs whose models are frozen, a row a seed."""
        model, chosen = self.base_model(), self.config.experiments.perft
        if model is not None:
            yield from self.rows(model, seeds, self.subword_tokens if chosen.run.subword else None)

    def adapter_rows(
        self, adapter: AdapterConfig, seeds: Iterable[int], factor: float = 1.0
    ) -> Iterator[AdapterSpec]:
        """A row a seed; factor: times the method's own rate."""
        chosen, scale = self.config.experiments.perft, self.scale.adapters
        rate = factor * scale.learning_rates[adapter.peft_type]
        training = self.scale.training.model_copy(
            update={
                "steps": scale.steps,
                "warmup_steps": scale.warmup_steps,
                "seq_len": scale.seq_len,
                "evaluate_every": scale.evaluate_every,
                "learning_rate": float(f"{rate:.6g}"),
                "weight_decay": 0.0,
            }
        )
        bases = {row.seed: row for row in self.base_rows(seeds)}
        for seed in seeds:
            row = bases.get(seed)
            base = (
                TrainedBase(kind="run", run=run_id(row), model=row.model)
                if row
                else HubModel(kind="hub", **chosen.hub.model_dump())
            )
            tokens = row.tokens if row else self.hub_tokens
            yield AdapterSpec(
                tokens=tokens,
                seed=seed,
                device=self.config.device,
                threads=self.scale.threads,
                world_size=1,
                training=training,
                task=chosen.task,
                valid_questions=scale.valid_questions if chosen.task == "commonsense" else 0,
                data="questions" if chosen.task == "commonsense" else f"telegrams-{tokens}",
                base=base,
                adapter=adapter,
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

    def exported(self) -> RunSpec:
        """The run whose weights the explorer page carries: small, of characters."""
        size = self.scale.exported_model or self.scale.model
        arms = Arms(self.config, self.scale.model_copy(update={"model": size}))
        top_k = max(size.top_k, registry.declaration("softk")["min_top_k"])
        model = arms.model("softk", top_k=top_k)
        (row,) = self.rows(model, self.scale.seeds[:1], self.character_tokens)
        return row

    def shared_out(self) -> RunSpec:
        """The run whose experts several processes share out, to be held against one process.

        In fp32: rounding of less precision flips choices, and losses part.
        """
        top_k = max(self.scale.model.top_k, registry.declaration("softk")["min_top_k"])
        training = self.scale.training
        changes: dict[str, Any] = {
            "steps": SHARED_OUT_STEPS,
            "warmup_steps": min(training.warmup_steps, SHARED_OUT_STEPS // 5),
            "precision": "fp32",
            "compile": False,
        }
        (row,) = self.rows(self.model("softk", top_k=top_k), self.scale.seeds[:1], **changes)
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
        world_size = self.scale.world_size if can_be_cut(model) else 1
        for seed in seeds:
            yield RunSpec(
                tokens=tokens or self.tokens,
                seed=seed,
                device=self.config.device,
                threads=self.scale.threads,
                world_size=world_size,
                expert_parallel=self.scale.expert_parallel and bool(model.moe) and world_size > 1,
                model=model,
                training=self.scale.training.model_copy(update=settings),
            )

    def rate_of(self, model: TransformerConfig) -> float:
        """Peak learning rate of an arm."""
        name = model.moe.strategy if model.moe else "dense"
        return self.scale.learning_rates.get(name, self.scale.training.learning_rate)


def hub_tokenizer(config: StudyConfig) -> TokenizerConfig:
    """The tokenizer of a base of transformers: in its folder, or by its hub name."""
    hub = config.experiments.perft.hub
    name = f"{hub.name}/tokenizer.json" if os.path.isdir(hub.name) else hub.name
    pretrained = PretrainedTokenizer(name=name, revision=hub.revision or "main")
    return config.tokenizer.model_copy(update={"kind": "pretrained", "pretrained": pretrained})


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
