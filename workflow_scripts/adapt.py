"""Train the adapters of one row: metrics by evaluation, a summary, nats by story, the adapters."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer

from moe_core.adapted_run import build_adapted
from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.choices import ChoiceTrainer, encode_questions, measure_choices
from moe_core.corpus.batches import TokenCorpus, evaluation_windows, open_corpus
from moe_core.corpus.questions import read_questions
from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.splits import SPLITS
from moe_core.provenance import file_sha256
from moe_core.runs import AdapterSpec, HubModel, run_id
from moe_core.training.keeper import Keeper
from moe_core.training.loop import Measuring, Trainer, measure
from moe_core.training.ranks import Ranks
from moe_core.training.run import Examples, TrainedRun, complete
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.training_job import Job, run_job

QUALITY = ("bits_per_byte", "accuracy")


def prepare(spec: AdapterSpec, given: Namespace) -> Job:
    """Adapters on their base, and what they are trained and measured on."""
    known = open_corpus(given.tokens)  # what the base was trained on
    inputs: dict[str, str] = {}
    if given.base:
        inputs["base"] = file_sha256(given.base[0])

    def build() -> AdaptedModel:
        return build_adapted(spec, given.base[0] if given.base else None, known.counts_V)

    if spec.task == "stories":
        data = open_corpus(given.data)
        inputs |= data.sha256
    else:
        splits = {split: given.data / f"{split}.jsonl" for split in SPLITS}
        inputs |= {split: file_sha256(path) for split, path in splits.items()}

    def train(keeper: Keeper, ranks: Ranks) -> TrainedRun:
        if spec.task == "stories":
            return on_stories(spec, build(), data, keeper, ranks)
        return on_questions(spec, build(), splits, given.tokens / "tokenizer.json", keeper, ranks)

    own = [] if isinstance(spec.base, HubModel) else [spec.base.model.moe]
    return Job(
        run_id(spec),
        spec,
        inputs,
        known.counts_V.numel(),
        build,
        [moe for moe in (*own, spec.adapter.routing) if moe],
        train,
    )


def on_stories(
    spec: AdapterSpec, model: AdaptedModel, data: TokenCorpus, keeper: Keeper, ranks: Ranks
) -> TrainedRun:
    """Adapt to stories, and measure as a language model is measured."""
    training = spec.training
    valid, test = (
        evaluation_windows(data.splits[split], training.seq_len, limit, split)
        for split, limit in (("valid", training.valid_tokens), ("test", training.test_tokens))
    )
    tokens = data.splits["train"].tokens
    trainer = Trainer(model, tokens, training, spec.seed, spec.device, keeper.parts, ranks)
    return adapted(spec, trainer, valid, test, keeper, measure)


def on_questions(
    spec: AdapterSpec,
    model: AdaptedModel,
    splits: dict[str, Path],
    tokenizer: Path,
    keeper: Keeper,
    ranks: Ranks,
) -> TrainedRun:
    """Adapt to the right answers of questions, and measure by scored options."""
    known, training = Tokenizer.from_file(str(tokenizer)), spec.training
    separator = known.token_to_id(SEPARATOR)
    train, valid, test = (
        encode_questions(read_questions(splits[name]), known, separator, training.seq_len)
        for name in ("train", "valid", "test")
    )
    trainer = ChoiceTrainer(model, train, training, spec.seed, spec.device, keeper.parts, ranks)
    few = valid.some(spec.valid_questions)
    return adapted(spec, trainer, few, test, keeper, measure_choices)


def adapted(
    spec: AdapterSpec,
    trainer: Trainer,
    valid: Examples,
    test: Examples,
    keeper: Keeper,
    read: Measuring,
) -> TrainedRun:
    """Train to the end; with the parameters that were trained, and what the base alone reads."""
    before = {}
    if spec.adapter.peft_type == "full":  # the same for all methods of a seed: read it once
        measured = read(trainer, test).measures
        before = {f"{key}_base": measured[key] for key in QUALITY if key in measured}
    trained = complete(run_id(spec), trainer, valid, test, keeper, read)
    counts = trainer.model.parameter_counts()
    return replace(trained, test=trained.test | counts | before)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "tokens", "data")
    arguments.add_argument("--base", type=Path, nargs="*", required=True, help="weights, if ours")
    run_job("workflow_scripts.adapt", arguments, AdapterSpec.model_validate_json, prepare)


if __name__ == "__main__":
    run(main)
