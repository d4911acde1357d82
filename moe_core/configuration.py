"""The schema of ``config.yaml``.

Free of torch: a workflow is planned with it.
"""

from typing import Annotated, Literal, get_args

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from moe_core.adapters.config import Method, Task
from moe_core.devices import SLOTS
from moe_core.dispatch.kinds import Activation
from moe_core.images.config import ImagesConfig
from moe_core.routing import registry
from moe_core.routing.router_net import RouterNet
from moe_core.strict import Fraction, Strict
from moe_core.training.config import Device, ThroughputConfig, TrainingConfig
from moe_core.vision.experiment import ScaleVision, VisionConfig

SweepName = Literal[
    "capacity_sweep", "router_nets", "larger", "subword", "balance", "learning_rate"
]
SWEEPS: tuple[SweepName, ...] = get_args(SweepName)


class BuiltinCorpus(Strict):
    """Stories from the seeded generator of moe_core/corpus/builtin_stories.py."""

    stories: PositiveInt = Field(description="How many to generate.")
    seed: NonNegativeInt = Field(description="Another seed, other stories.")


class HubCorpus(Strict):
    """A data set read with Hugging Face `datasets`, streamed."""

    name: str = Field(description="Hub name or local folder.")
    revision: str = Field(description="Commit of the data set.")
    split: str = Field(description="Its split to read.")
    text_field: str = Field(description="Column that holds a story.")
    max_stories: PositiveInt | None = Field(description="Read at most this many; null for all.")


class FilesCorpus(Strict):
    """Your own text."""

    paths: list[str] = Field(min_length=1, description="Paths or globs of text or .jsonl files.")
    text_field: str = Field(description="Field of a .jsonl row that holds the story.")


class CorpusConfig(Strict):
    """Which stories, and how they are split."""

    source: Literal["builtin", "hub", "files"] = Field(description="Where stories come from.")
    valid_fraction: Fraction = Field(description="Share of stories to watch training with.")
    test_fraction: Fraction = Field(description="Share of stories that the results are read on.")
    builtin: BuiltinCorpus
    hub: HubCorpus
    files: FilesCorpus


class BpeConfig(Strict):
    """Byte-level BPE trained on the training split."""

    vocab_size: Annotated[int, Field(ge=257)] = Field(description="Entries of the vocabulary.")


class PretrainedTokenizer(Strict):
    """A tokenizer made elsewhere."""

    name: str = Field(description="Hub name, or path of a tokenizer.json.")
    revision: str = Field(description="Commit or branch on the hub.")


class TokenizerConfig(Strict):
    """How stories become tokens."""

    kind: Literal["char", "bpe", "pretrained"] = Field(description="Which tokenizer.")
    bpe: BpeConfig
    pretrained: PretrainedTokenizer


class UnifiedConfig(Strict):
    """Strategies x the scale's capacity factors, with dense models of equal FLOPs and size."""

    strategies: list[str] = Field(min_length=1, description="Strategies and controls to compare.")
    headline: list[str] = Field(
        description="Those of them to train on all seeds of the scale; the others on other_seeds."
    )
    shared_expert: list[str] = Field(
        description="Those of them to train with a shared expert too, at equal active FLOPs."
    )
    # the policies that look at no later token, or no cell would be causal
    drop_policy: Literal["position", "none"] = Field(
        description="Which assignments lose when slots run out."
    )
    bias_rate: PositiveFloat = Field(
        description="Step of the bias of strategies that are balanced by it."
    )


class CapacitySweepConfig(Strict):
    """Capacity factor of trained routers."""

    strategies: list[str] = Field(description="Strategies to train at each.")
    capacity_factors: list[PositiveFloat] = Field(min_length=1, description="cf values.")


class RouterNetsConfig(Strict):
    """Router network x strategy."""

    strategies: list[str] = Field(description="Strategies to train with each.")
    routers: list[RouterNet] = Field(min_length=1, description="Router networks.")


class LargerConfig(Strict):
    """More experts, then a wider model: one factor at a time."""

    strategies: list[str] = Field(description="Strategies to train at each size.")
    num_experts_factor: Annotated[int, Field(ge=2)] = Field(description="Times as many experts.")
    dim_factor: Annotated[int, Field(ge=2)] | None = Field(
        description="Times as wide, experts too; null for no wider model."
    )


class SubwordConfig(Strict):
    """The same stories as byte-level BPE (tokenizer.bpe)."""

    strategies: list[str] = Field(description="Strategies to train on them.")


class BalanceConfig(Strict):
    """What keeps the load even, and what it costs: one change to the usual arm at a time."""

    strategies: list[str] = Field(description="Strategies to train with each.")
    switch_coefs: list[NonNegativeFloat] = Field(description="Weights of the Switch loss.")
    balance_sequences: list[PositiveInt] = Field(description="Scopes of the Switch loss.")
    bias_rates: list[PositiveFloat] = Field(
        description="Steps of a bias that replaces the Switch loss."
    )
    jitters: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        description="Jitters of the router's input instead of the Switch loss."
    )


class LearningRateConfig(Strict):
    """The same small grid for each strategy, on seeds of its own."""

    strategies: list[str] = Field(description="Strategies to tune; dense models are with them.")
    factors: list[PositiveFloat] = Field(min_length=1, description="Times the arm's own rate.")
    seeds: list[NonNegativeInt] = Field(min_length=1, description="Tuning seeds.")


class CommonsenseHub(Strict):
    """A data set of such questions, read with Hugging Face `datasets`, streamed."""

    name: str = Field(description="Hub name or local folder.")
    revision: str = Field(description="Commit of the data set.")
    train_split: str = Field(description="Its split to train on.")
    test_split: str | None = Field(
        description="Its split to test on; null to hold out some of train."
    )


class CommonsenseConfig(Strict):
    """Multiple choice in the form of commonsense_170k (arXiv 2304.01933)."""

    train: list[str] = Field(description="Paths or globs of .jsonl or .json files; [] for the hub.")
    test: list[str] = Field(description="The same for testing; [] to hold out some of train.")
    hub: CommonsenseHub | None = Field(description="A data set instead of files.")


class RoutedAdapters(Strict):
    """K of N adapters for each token."""

    top_k: PositiveInt = Field(description="K.")
    adapters: Annotated[int, Field(ge=2)] = Field(description="N.")


class AdaptedRun(Strict):
    """Which model of this study is frozen."""

    strategy: str = Field(description="How it routes.")
    subword: bool = Field(description="On byte-level BPE (tokenizer.bpe) instead of `tokenizer`.")


class AdaptedHub(Strict):
    """Which model of transformers is frozen."""

    name: str = Field(description="Hub name, or path of a folder that save_pretrained wrote.")
    revision: str | None = Field(description="Commit on the hub; null for a path.")


class MatchedBudget(Strict):
    """The PERFT-R whose parameters, trainable and active, the other methods are given once each."""

    rank: PositiveInt = Field(description="r.")
    top_k: PositiveInt = Field(description="K.")
    adapters: Annotated[int, Field(ge=2)] = Field(description="N.")


class TelegramsConfig(Strict):
    """The generator's stories in the style of telegrams, for the task stories."""

    stories: PositiveInt = Field(description="How many to generate.")
    seed: NonNegativeInt = Field(description="Another seed than the corpus's: other stories.")


class PerftConfig(Strict):
    """Adapters of low rank on a frozen mixture of experts (PERFT, arXiv 2411.08212)."""

    task: Task = Field(
        description="What is adapted to: telegrams (stories), or multiple choice (commonsense)."
    )
    base: Literal["run", "hub"] = Field(description="A model of this study, or of transformers.")
    run: AdaptedRun
    hub: AdaptedHub
    methods: list[Method] = Field(min_length=1, description="Methods to compare.")
    ranks: list[PositiveInt] = Field(min_length=1, description="r values.")
    routed: list[RoutedAdapters] = Field(min_length=1, description="Of PERFT-R.")
    dense_adapters: list[Annotated[int, Field(ge=2)]] = Field(
        min_length=1, description="N of PERFT-D."
    )
    alpha_over_rank: PositiveFloat = Field(description="lora_alpha / r, the same for every rank.")
    strategy: str = Field(description="How PERFT-R chooses among adapters.")
    lora_targets: list[str] = Field(
        min_length=1, description="Linear layers of LoRA, by the end of their names."
    )
    matched: MatchedBudget | None = Field(
        description="Arms of equal trainable, and of equal active parameters; null for none."
    )
    learning_rate_factors: list[PositiveFloat] = Field(
        description="Times the method's own rate, on the seeds of learning_rate."
    )
    telegrams: TelegramsConfig
    commonsense: CommonsenseConfig


class CapacityConfig(Strict):
    """Microbenchmark of capacity, pack and combine on given assignments."""

    num_experts: list[Annotated[int, Field(ge=2)]] = Field(min_length=1, description="E values.")
    top_k: list[PositiveInt] = Field(min_length=1, description="K values.")
    capacity_factors: list[PositiveFloat] = Field(min_length=1, description="cf values.")
    zipf_exponent: PositiveFloat = Field(description="Skew: expert i is wanted as 1 / i^a.")
    trained_top_k: Annotated[int, Field(ge=2)] = Field(
        description="K at which the routers behind recorded assignments are trained."
    )


class Experiments(Strict):
    """What is compared."""

    unified: UnifiedConfig
    capacity_sweep: CapacitySweepConfig
    router_nets: RouterNetsConfig
    larger: LargerConfig
    subword: SubwordConfig
    balance: BalanceConfig
    learning_rate: LearningRateConfig
    perft: PerftConfig
    vision: VisionConfig
    capacity: CapacityConfig


class NgramConfig(Strict):
    """The control from outside neural nets."""

    max_train_tokens: PositiveInt = Field(description="Read at most this much of train.")


class ScaleModel(Strict):
    """Model of a scale; experiments add the routing."""

    dim: PositiveInt = Field(description="D, model width; heads must divide it.")
    layers: PositiveInt = Field(description="L, blocks.")
    heads: PositiveInt = Field(description="Attention heads; D / heads must be even.")
    num_experts: Annotated[int, Field(ge=2)] = Field(description="E, experts of a layer.")
    top_k: PositiveInt = Field(description="K, for strategies that allow a choice.")
    expert_hidden: PositiveInt = Field(
        description="Hidden width of an expert; dense layers have the active width."
    )
    activation: Activation = Field(description="Feed-forward non-linearity.")
    tied_head: bool = Field(description="Share the output matrix with the embedding.")


class ScaleCapacity(Strict):
    """Size of the capacity microbenchmark."""

    tokens: PositiveInt = Field(description="T, tokens of one batch of assignments.")
    dim: PositiveInt = Field(description="D, width of the vectors moved.")
    repeats: Annotated[int, Field(ge=2)] = Field(description="Timed repeats; the median counts.")
    trained_steps: PositiveInt = Field(description="Training steps of the recorded routers.")
    trained_expert_hidden: PositiveInt = Field(description="Expert width of their models.")


class ScaleKernels(Strict):
    """The stages of routing in torch, compiled torch and Triton; what layers cost by stage."""

    tokens: list[PositiveInt] = Field(min_length=1, description="T values.")
    num_experts: list[Annotated[int, Field(ge=2)]] = Field(min_length=2, description="E values.")
    top_k: list[PositiveInt] = Field(min_length=2, description="K values.")
    capacity_factors: list[PositiveFloat] = Field(
        min_length=2, description="cf at which memory is measured; smallest and largest compared."
    )
    dim: PositiveInt = Field(description="D, width of the rows moved.")
    expert_hidden: PositiveInt = Field(description="F, width of the experts that are profiled.")
    repeats: Annotated[int, Field(ge=2)] = Field(description="Timed repeats; the median counts.")


class ScaleAdapters(Strict):
    """How much of the experiment perft."""

    seeds: list[NonNegativeInt] = Field(min_length=1, description="Paired seeds of each arm.")
    most: PositiveInt | None = Field(
        description="Of its ranks, K of N and N the first so many; null for all."
    )
    tuned: bool = Field(description="Whether rates are tuned, and arms of equal budget trained.")
    steps: PositiveInt = Field(description="Optimiser steps of each run.")
    warmup_steps: NonNegativeInt = Field(description="Steps of linear warm-up.")
    seq_len: PositiveInt = Field(description="S, tokens of a sequence, or most of a question.")
    evaluate_every: PositiveInt = Field(description="Steps between evaluations on valid.")
    valid_questions: PositiveInt = Field(
        description="Questions of valid, spread over it, read at each of them."
    )
    learning_rates: dict[Method, PositiveFloat] = Field(description="Peak rates of each method.")


class Sweep(Strict):
    """How much of each experiment besides the unified one."""

    seeds: list[NonNegativeInt] = Field(min_length=1, description="Paired seeds of each arm.")
    steps: PositiveInt = Field(description="Optimiser steps of each run.")
    max_strategies: PositiveInt | None = Field(
        description="Of each experiment's strategies the first so many; null for all."
    )
    timed: list[SweepName] = Field(description="Experiments whose shapes are timed too.")


class Scale(Strict):
    """How much of everything."""

    smoke: bool = Field(description="Mark the report: too small for its ranking to mean a thing.")
    seeds: list[NonNegativeInt] = Field(
        min_length=1, description="Paired seeds of headline strategies and dense models."
    )
    other_seeds: list[NonNegativeInt] = Field(
        min_length=1, description="Those of them for the other arms of the unified experiment."
    )
    capacity_factors: list[PositiveFloat] = Field(
        min_length=1, description="cf of the unified experiment's arms."
    )
    threads: PositiveInt = Field(description="CPU threads of one training process.")
    world_size: PositiveInt = Field(
        description="Processes that train one run, each a share of its batch, each on a GPU if "
        "device is cuda; runs that must see the whole batch at once have one."
    )
    expert_parallel: bool = Field(
        description="Whether each of those processes holds a share of the experts instead of all; "
        "dense models and runs of one process have nothing to share out."
    )
    audit_trials: PositiveInt = Field(description="Trials of each invariance of each audit.")
    model: ScaleModel
    exported_model: ScaleModel | None = Field(
        description="Of the run whose weights the explorer page carries; null for model itself."
    )
    training: TrainingConfig
    learning_rates: dict[str, PositiveFloat] = Field(
        description="Peak rates of strategies (or `dense`) that differ from training's."
    )
    sweep: Sweep
    adapters: ScaleAdapters
    vision: ScaleVision
    throughput: ThroughputConfig
    capacity: ScaleCapacity
    kernels: ScaleKernels


class ExecutionConfig(Strict):
    """How jobs are run. No result depends on it."""

    checkpoint_seconds: NonNegativeFloat = Field(
        description="Time between checkpoints of a run, besides one at each evaluation."
    )
    runs_per_gpu: Annotated[int, Field(ge=1, le=SLOTS)] = Field(
        description="Runs that share a GPU; --resources gpu=N counts such shares."
    )


class SlidesConfig(Strict):
    """The talk. Nothing but report/slides.pdf depends on it."""

    form: Literal["full", "short"] = Field(description="The whole talk, or ten minutes of it.")
    authors: list[str] = Field(description="Names on its title page; [] for none.")
    course: str = Field(description="Course or occasion, likewise; empty for none.")


class StudyConfig(Strict):
    """The whole of config.yaml."""

    scale: str = Field(description="Name of one of the scales below.")
    device: Device = Field(description="Where training and timing run.")
    execution: ExecutionConfig
    corpus: CorpusConfig
    tokenizer: TokenizerConfig
    images: ImagesConfig
    experiments: Experiments
    ngram: NgramConfig
    slides: SlidesConfig
    scales: dict[str, Scale] = Field(min_length=1, description="Scales by name.")


def arm_top_k(strategy: str, top_k: int) -> int:
    """K of a strategy in a study that asks for ``top_k``: less where its rule fixes it."""
    most = registry.declaration(strategy)["max_top_k"]
    return top_k if most is None else min(top_k, most)
