"""Checks of the experiment perft in ``config.yaml``, beyond its schema."""

from moe_core.adapters.config import OWN_LINEAR
from moe_core.configuration import Experiments, PerftConfig, Scale, StudyConfig
from moe_core.configuration_mistakes import listed, one_of
from moe_core.errors import StudyError
from moe_core.routing import registry


def check_telegrams(config: StudyConfig) -> None:
    """That nothing is tested that the base was trained on."""
    own, theirs = config.experiments.perft.telegrams.seed, config.corpus.builtin.seed
    if config.corpus.source == "builtin" and own == theirs:
        raise StudyError(
            "experiments.perft.telegrams.seed",
            f"{own} is corpus.builtin.seed, so the base was trained on what is tested",
            "take another",
        )


def check_perft(perft: PerftConfig) -> None:
    """What is legal for methods, routing, base and task together."""
    key = "experiments.perft"
    one_of(f"{key}.strategy", perft.strategy, registry.names())
    one_of(f"{key}.run.strategy", perft.run.strategy, registry.names())
    declared = registry.declaration(perft.strategy)
    for name, chosen in (("routed", perft.routed), ("matched", [perft.matched])):
        for routed in chosen:
            if routed is None:
                continue
            most = min(routed.adapters, declared["max_top_k"] or routed.adapters)
            least = declared["min_top_k"]
            if not least <= routed.top_k <= most:
                raise StudyError(
                    f"{key}.{name}",
                    f"top_k {routed.top_k} of {routed.adapters} adapters is not legal for "
                    f"strategy {perft.strategy!r}",
                    f"allowed: {least} to {most}",
                )
    if perft.base == "run" and not registry.declaration(perft.run.strategy)["causal"]:
        raise StudyError(
            f"{key}.run.strategy",
            f"{perft.run.strategy!r} chooses in training by what a decoder cannot see, so adapters "
            "would be trained on another model than they serve",
            "take one that is causal: `python -m moe_core strategies`",
        )
    in_steps = registry.declaration(perft.run.strategy)["sequential"]
    if in_steps and perft.base == "run" and "perft_e" in perft.methods:
        raise StudyError(
            f"{key}.run.strategy",
            f"{perft.run.strategy!r} routes several times a layer: perft_e has no expert to be in",
            f"take perft_e off {key}.methods",
        )
    if (
        perft.base == "hub"
        and set(perft.lora_targets) & set(OWN_LINEAR)
        and "lora" in perft.methods
    ):
        raise StudyError(
            f"{key}.lora_targets",
            f"{listed(perft.lora_targets)} are layers of this study's models",
            "name linear layers of the base, such as q_proj and v_proj",
        )
    if perft.task == "commonsense" and not perft.commonsense.hub and not perft.commonsense.train:
        raise StudyError(f"{key}.commonsense.train", "is empty", "give files, or a data set as hub")
    if perft.base == "run":
        for name in perft.lora_targets:
            one_of(f"{key}.lora_targets", name, OWN_LINEAR)


def check_adapters(key: str, scale: Scale, experiments: Experiments) -> None:
    """What a scale says of adapters; key: of it."""
    adapters, perft = scale.adapters, experiments.perft
    for method in perft.methods:
        if method not in adapters.learning_rates:
            raise StudyError(f"{key}.learning_rates.{method}", "is missing", "add it")
    for seed in experiments.learning_rate.seeds:
        if seed in adapters.seeds:
            raise StudyError(
                "experiments.learning_rate.seeds",
                f"{seed} is one of {key}.seeds: rates would be tuned on the runs that they decide",
            )
    if perft.task == "commonsense" and scale.training.balance_sequences:
        raise StudyError(
            f"{key.removesuffix('adapters')}training.balance_sequences",
            "questions differ in length, and their load counts over the whole batch",
            "set it to null, or experiments.perft.task: stories",
        )
    if adapters.warmup_steps >= adapters.steps:
        raise StudyError(
            f"{key}.warmup_steps",
            f"{adapters.warmup_steps} leaves nothing of {key}.steps = {adapters.steps}",
        )
    for name in ("valid_tokens", "test_tokens"):
        if getattr(scale.training, name) < adapters.seq_len:
            raise StudyError(
                f"{key}.seq_len",
                f"{adapters.seq_len} is more than the tokens evaluated, "
                f"{key.removesuffix('adapters')}training.{name} = {getattr(scale.training, name)}",
            )
