"""Train the adapters of one row: metrics by evaluation, a summary, nats by story, the adapters."""

import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from moe_core import failures
from moe_core.adapted_run import build_adapted
from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.choices import ChoiceTrainer, encode_questions, measure_choices
from moe_core.corpus.batches import evaluation_windows, open_corpus
from moe_core.corpus.questions import read_questions
from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.splits import SPLITS
from moe_core.provenance import file_sha256
from moe_core.runs import AdapterSpec, TrainedBase, run_id
from moe_core.training.health import SickRun
from moe_core.training.keeper import Keeper
from moe_core.training.loop import Measuring, Trainer, measure
from moe_core.training.ranks import ALONE, Ranks
from moe_core.training.run import Examples, TrainedRun, complete
from moe_core.training.shards import largest_cut
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.training_job import Job, run_job

QUALITY = ("bits_per_byte", "accuracy")


@dataclass(frozen=True)
class Lesson:
    """What adapters learn from and are measured on.

    inputs: digests of its files. trainer: of a model, in so many micro-batches. read: how examples
    are measured.
    """

    inputs: dict[str, str]
    trainer: Callable[[AdaptedModel, int, Ranks], Trainer]
    valid: Examples
    test: Examples
    read: Measuring


def stories(spec: AdapterSpec, given: Namespace) -> Lesson:
    """Stories of another style, measured as a language model is."""
    data, training = open_corpus(given.data), spec.training
    valid, test = (
        evaluation_windows(data.splits[split], training.seq_len, limit, split)
        for split, limit in (("valid", training.valid_tokens), ("test", training.test_tokens))
    )

    def trainer(model: AdaptedModel, parts: int, ranks: Ranks) -> Trainer:
        tokens = data.splits["train"].tokens
        return Trainer(model, tokens, training, spec.seed, spec.device, parts, ranks)

    return Lesson(data.sha256, trainer, valid, test, measure)


def commonsense(spec: AdapterSpec, given: Namespace) -> Lesson:
    """Right answers of questions, measured by scored options."""
    paths = {split: given.data / f"{split}.jsonl" for split in SPLITS}
    tokenizer, training = given.tokens / "tokenizer.json", spec.training
    known = Tokenizer.from_file(str(tokenizer))
    separator = known.token_to_id(SEPARATOR)
    train, valid, test = (
        encode_questions(read_questions(path), known, separator, training.seq_len)
        for path in paths.values()
    )

    def trainer(model: AdaptedModel, parts: int, ranks: Ranks) -> Trainer:
        return ChoiceTrainer(model, train, training, spec.seed, spec.device, parts, ranks)

    inputs = {name: file_sha256(path) for name, path in (paths | {"tokenizer": tokenizer}).items()}
    return Lesson(inputs, trainer, valid.some(spec.valid_questions), test, measure_choices)


def check_base(spec: AdapterSpec, given: Namespace) -> None:
    """Raises SickRun if the training of the base failed: what is added to it tells nothing."""
    if isinstance(spec.base, TrainedBase):
        summary = json.loads(given.base[0].with_name("summary.json").read_text())
        if why := failures.reason(summary):
            raise SickRun(0, "failed base", f"{spec.base.run}: {why}")


def prepare(spec: AdapterSpec, given: Namespace) -> Job:
    """Adapters on their base, and what they are trained and measured on."""
    known = open_corpus(given.tokens)  # what the base was trained on
    lesson = {"stories": stories, "commonsense": commonsense}[spec.task](spec, given)
    base = {f"base/{path.name}": file_sha256(path) for path in given.base}

    def build() -> AdaptedModel:
        return build_adapted(spec, given.base, known.counts_V)

    def train(keeper: Keeper, ranks: Ranks) -> TrainedRun:
        check_base(spec, given)
        trainer = lesson.trainer(build(), keeper.parts, ranks)
        trained = complete(run_id(spec), trainer, lesson.valid, lesson.test, keeper, lesson.read)
        more: dict[str, float] = dict(trainer.model.parameter_counts())
        if spec.adapter.peft_type == "full":  # the same for all methods of a seed: read it once
            alone = lesson.read(lesson.trainer(build(), 1, ALONE), lesson.test).measures
            more |= {f"{key}_base": alone[key] for key in QUALITY if key in alone}
        return replace(trained, test=trained.test | more)

    return Job(
        run_id(spec),
        spec,
        {"known": known.sha256["train"]} | base | lesson.inputs,
        known.counts_V.numel(),
        build,
        largest_cut(spec.all_routing(), spec.training.batch_size),
        train,
    )


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "tokens", "data")
    arguments.add_argument("--base", type=Path, nargs="*", required=True, help="files on this disk")
    run_job("workflow_scripts.adapt", arguments, AdapterSpec.model_validate_json, prepare)


if __name__ == "__main__":
    run(main)
