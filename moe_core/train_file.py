"""Train one strategy on one file of stories, without a workflow: the library in one page."""

from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from moe_core.corpus.batches import open_corpus
from moe_core.corpus.encoding import encode_corpus
from moe_core.corpus.sources import file_stories
from moe_core.corpus.splits import read_stories, write_splits
from moe_core.corpus.tokenization import character_tokenizer
from moe_core.errors import StudyError
from moe_core.provenance import environment, write_atomic
from moe_core.runs import RunSpec, run_id
from moe_core.study import Study
from moe_core.training.outputs import finished, write
from moe_core.training.process import prepare_process
from moe_core.training.run import train_run


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
    """Train as ``spec`` says on the characters of a file's stories; its summary.

    results: keep the run there, laid out as the workflow does, for the commands that take finished
    runs; None to keep nothing. Raises StudyError for a file that is missing, malformed or too
    small.
    """
    if not text.is_file():
        raise StudyError("text", f"no file {str(text)!r}")
    process = prepare_process(spec.device, spec.threads)
    spec = spec.model_copy(update={"tokens": f"{text.stem}-char"})
    with TemporaryDirectory() as scratch, nullcontext(results or Path(scratch)) as kept:
        corpus, tokens = Path(scratch) / "corpus", kept / "tokens" / spec.tokens
        write_splits(file_stories([text], "text"), corpus, 0.05, 0.05)
        tokenizer = character_tokenizer(read_stories(corpus / "train.jsonl"))
        tokens.mkdir(parents=True, exist_ok=True)
        write_atomic(tokens / "tokenizer.json", tokenizer.to_str(pretty=True))
        encode_corpus(tokenizer, corpus, tokens)
        encoded, run = open_corpus(tokens), run_id(spec)
        trained = train_run(run, spec.model, spec.training, spec.seed, spec.device, encoded)
        summary = {
            "run": run,
            "spec": spec.model_dump(mode="json"),
            "tokens_sha256": encoded.sha256,
            "vocab_size": encoded.counts_V.numel(),
            "environment": environment(),
            "process": process.as_dict(),
        }
        write(kept / "runs" / run, finished(trained, []), summary)
    return summary | {"test": trained.test}
