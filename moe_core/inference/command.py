"""``python -m moe_core generate``: a finished run writes on from prompts."""

import os
import statistics
import sys
import time
from argparse import Namespace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile

import torch

from moe_core.analysis.record import token_texts
from moe_core.errors import StudyError
from moe_core.inference.generation import generate
from moe_core.inference.printing import Printer
from moe_core.inference.sampling import Sampling
from moe_core.inference.trace import Trace
from moe_core.inference.trained_run import encode_prompts, open_run
from moe_core.model.transformer import Transformer
from moe_core.provenance import canonical_json, write_atomic


def run_generate(given: Namespace) -> None:
    """Do what ``options`` describes: texts to stdout, how fast to stderr.

    Raises StudyError, before a word is written, for whatever cannot be done.
    """
    sampling = Sampling(given.temperature, given.top_p, given.seed)
    for key, value in (("--tokens", given.tokens), ("--threads", given.threads)):
        if value is not None and value < 1:
            raise StudyError(key, f"{value} is below 1")
    if given.threads > (cores := os.cpu_count() or 1):
        raise StudyError("--threads", f"{given.threads} is above {cores}, the cores there are")
    texts = given.prompt or lines_of(given.prompts)
    run = open_run(given.run, given.results)
    prompts = encode_prompts(run, texts)
    traced = given.routing or given.trace
    if traced and not run.model.moe_layers():
        raise StudyError("--routing, --trace", f"{given.run} is dense: nothing is routed")
    if given.trace:
        check_place(given.trace)
    # the last position may choose a token more, as it does in training
    room = [run.longest - len(prompt) + 1 for prompt in prompts]
    limits = [min(given.tokens or most, most) for most in room]
    check_memory(run.model, len(prompts), max(map(len, prompts)) + max(limits))

    torch.set_num_threads(given.threads)
    steps = run.model.moe_layers()[0].steps if traced else 1
    trace = Trace(prompts, steps) if traced else None
    written, stopped = [0] * len(prompts), [False] * len(prompts)
    start = time.perf_counter()
    times = [start]
    printer = Printer(run.tokenizer, texts, run.stop_id)
    for step in generate(run.model, prompts, limits, sampling, run.stop_id):
        times.append(time.perf_counter())
        printer.add(step)
        if trace:
            trace.add(step)
        for row, token in enumerate(step.token_ids):
            written[row] += token is not None
            stopped[row] |= token == run.stop_id
    if trace:
        texts_V = token_texts(run.tokenizer)
        if given.routing:
            for row in range(len(prompts)):
                print("", *trace.lines(row, texts_V), sep="\n")
        if given.trace:
            write(given.trace, canonical_json(trace.as_json(given.run, texts_V)))
    full = [w == most and not s for w, most, s in zip(written, room, stopped, strict=True)]
    if any(full):
        print(
            f"{sum(full)} of {len(full)} texts ended at {run.longest + 1} tokens, the separator "
            f"before them counted: positions beyond the {run.longest} that training reads were "
            "never seen",
            file=sys.stderr,
        )
    print(speed(times, sum(written)), file=sys.stderr)


def speed(times: list[float], tokens: int) -> str:
    """How fast a text came, in one line. times: the start, then the end of each step, seconds."""
    seconds = times[-1] - times[0]
    each = [after - before for before, after in pairwise(times[1:])]
    later = f", each later one after {statistics.median(each) * 1e3:.2f} ms" if each else ""
    return (
        f"{tokens} tokens in {seconds:.2f} s, {tokens / seconds:.0f} tokens/s; "
        f"the first after {(times[1] - times[0]) * 1e3:.2f} ms{later}"
    )


def lines_of(path: Path) -> list[str]:
    """Prompts of a file. Raises StudyError if there is none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError("--prompts", f"cannot read {path}: {error}") from None
    if not text:
        raise StudyError("--prompts", f"{path} is empty", "write a prompt a line")
    # a prompt may hold what else Unicode breaks lines at
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def check_memory(model: Transformer, batch: int, longest: int) -> None:
    """Raise StudyError where keys and values need more memory than is free.

    Counted are those of all layers, with room for ``longest`` tokens of each of ``batch`` texts;
    not what a step computes with, nor the weights, which are loaded already.
    """
    config, weight = model.config, model.embedding.weight
    needed = 2 * config.layers * batch * longest * config.dim * weight.element_size()
    free = _free_bytes()
    if free is not None and needed > free:
        raise StudyError(
            "prompts",
            f"{batch} at once need {needed / 2**30:,.1f} GiB for keys and values, of which "
            f"{free / 2**30:,.1f} are free",
            "give fewer, or lower --tokens",
        )


def _free_bytes() -> int | None:
    """Memory that the kernel can give, None where it does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return found[0] * 1024 if found else None


def check_place(path: Path) -> None:
    """Raise StudyError where no file can be written."""
    if path.exists() and not path.is_file():
        raise StudyError("--trace", f"{path} is no file", "name one that may be written")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise StudyError("--trace", f"no folder {folder}")
    try:
        TemporaryFile(dir=folder).close()  # what may be written is best known by trying
    except OSError as error:
        raise StudyError("--trace", f"cannot write to {folder}: {error.strerror}") from None


def write(path: Path, content: str) -> None:
    """Write a file whole. Raises StudyError where the disk does not take it."""
    try:
        write_atomic(path, content)
    except OSError as error:
        raise StudyError("--trace", f"cannot write {path}: {error.strerror}") from None
