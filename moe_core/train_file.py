"""Train one strategy on one file of stories, without a workflow: the library in one page."""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from moe_core.corpus.batches import TokenCorpus, open_corpus
from moe_core.corpus.encoding import encode_corpus
from moe_core.corpus.sources import file_stories, legible
from moe_core.corpus.splits import read_stories, write_splits
from moe_core.corpus.tokenization import character_tokenizer
from moe_core.errors import StudyError
from moe_core.provenance import environment, file_sha256, write_atomic
from moe_core.runs import RunSpec, run_id
from moe_core.study import Study
from moe_core.training.outputs import finished, write
from moe_core.training.process import prepare_process
from moe_core.training.run import TrainedRun, train_run


def first_run(study: Study, strategy: str) -> RunSpec:
    """The first run of a strategy (or ``dense``) in the study's unified experiment."""
    for run in study.unified:
        spec = study.runs[run]
        if (spec.model.moe.strategy if spec.model.moe else "dense") == strategy:
            return spec
    chosen = ", ".join(study.config.experiments.unified.strategies)
    raise StudyError(
        "experiments.unified.strategies", f"{strategy!r} is not among {chosen}", "add it there"
    )


def train_file(text: Path, spec: RunSpec, results: Path | None = None) -> dict[str, Any]:
    """Train as ``spec`` says, in one process, on the characters of a file's stories; its summary.

    results: keep the run there, laid out as the workflow does, for export and generate; None to
    keep nothing. Nothing is kept of a training that fails. Raises StudyError for a file that is
    missing, malformed or too small, and for results that cannot be written; SickRun as training
    does.
    """
    if not text.is_file():
        raise StudyError("text", f"no file {str(text)!r}")
    process = prepare_process(spec.device, spec.threads)
    alone = {"tokens": tokens_name(text), "world_size": 1, "expert_parallel": False}
    spec = spec.model_copy(update=alone)
    run = run_id(spec)
    try:
        if results:
            results.mkdir(parents=True, exist_ok=True)
        # beside what is kept, so that moving it there is one step
        with TemporaryDirectory(prefix=".train-", dir=results) as scratch:
            tokens, folder = Path(scratch) / "tokens", Path(scratch) / "run"
            encoded, trained = encode_and_train(text, spec, Path(scratch) / "corpus", tokens)
            summary = {
                "run": run,
                "spec": spec.model_dump(mode="json"),
                "tokens_sha256": encoded.sha256,
                "vocab_size": encoded.counts_V.numel(),
                "environment": environment(),
                "process": process.as_dict(),
            }
            write(folder, finished(trained, []), summary)
            if results:
                move(tokens, results / "tokens" / spec.tokens)
                move(folder, results / "runs" / run)
    except OSError as error:
        raise StudyError("--results" if results else "scratch folder", str(error)) from None
    return summary | {"test": trained.test}


def tokens_name(text: Path) -> str:
    """Name of a file's tokens, of its contents too: two files may be called alike.

    Raises StudyError for a file that cannot be read.
    """
    with legible(text, "text", "write its texts to a .jsonl, or point corpus.hub.name of a study"):
        digest = file_sha256(text)[:8]
    stem = re.sub(r"[^A-Za-z0-9_.-]", "", text.stem).lstrip(".-")[:80]
    return f"{stem or 'text'}-{digest}-char"


def encode_and_train(
    text: Path, spec: RunSpec, corpus: Path, tokens: Path
) -> tuple[TokenCorpus, TrainedRun]:
    """Split and encode the stories of a file, and train on them."""
    try:
        write_splits(file_stories([text], "text"), corpus, 0.05, 0.05)
        tokenizer = character_tokenizer(read_stories(corpus / "train.jsonl"))
        tokens.mkdir()
        write_atomic(tokens / "tokenizer.json", tokenizer.to_str(pretty=True))
        encode_corpus(tokenizer, corpus, tokens)
        encoded = open_corpus(tokens)
        name, training = run_id(spec), spec.training
        return encoded, train_run(name, spec.model, training, spec.seed, spec.device, encoded)
    except StudyError as error:
        if "_fraction" not in error.remedy:
            raise
        # the shares of the splits are no setting here
        raise StudyError(str(text), error.problem, "give more stories") from None


def move(made: Path, place: Path) -> None:
    """Put a folder where an older one may be, which goes to the scratch folder."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        os.replace(place, made.with_name(f"{made.name}-before"))
    os.replace(made, place)
