"""Greedy generation beside that of transformers from the same run, exported, on a CPU.

    python benchmarks/generation.py --out benchmarks/results/generation.json
    python benchmarks/generation.py --short       # some two minutes, nothing compiled

All write the same tokens, which is checked first. Eager is compared with eager, compiled with
compiled, the best with the best. At each batch size transformers gets the fastest of its settings
of either kind, tried anew: how experts and attention are computed, and the kind of cache.
Rows ``experts``: which dispatch backend is the fastest for few tokens, forward alone.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import timing  # noqa: F401  before torch, which reads settings when it loads
import torch
from layers import Ours, Shape, prepared
from outcome import publish
from safetensors.torch import save_file
from timing import interleaved
from transformers import AutoModelForCausalLM, CompileConfig, PreTrainedModel
from transformers.generation.streamers import BaseStreamer
from transformers.utils import logging

from moe_core.__main__ import read_study
from moe_core.corpus.builtin_stories import builtin_stories
from moe_core.corpus.tokenization import bpe_tokenizer, character_tokenizer, vocabulary_size
from moe_core.export.export_run import export_run
from moe_core.inference.compiled import compiled_decoder
from moe_core.inference.decoder import Decoder
from moe_core.inference.generation import generate
from moe_core.inference.sampling import Sampling
from moe_core.inference.trained_run import TrainedRun, open_run
from moe_core.model.transformer import Transformer, build
from moe_core.provenance import environment
from moe_core.runs import RunSpec, run_id
from moe_core.train_file import first_run

# width, layers, heads, hidden width of an expert: the scale quick, which reads characters, and a
# larger one; softk, 2 experts of 8
SIZES = {"quick": (64, 2, 2, 96), "larger": (256, 4, 4, 512)}
BATCHES = (1, 4, 16, 64)
PROMPT, WRITTEN = 16, 64  # tokens
NEVER = -1  # no text ends by itself
GREEDY = Sampling(0.0, 1.0, 0)
BACKENDS = ("active", "segments", "grouped", "padded", "reference")
SETTINGS = {
    f"experts {experts}, attention {attention}, cache {cache}": (experts, attention, cache)
    for experts, attention, cache in [
        *itertools.product(
            ("eager", "grouped_mm", "batched_mm"), ("sdpa", "eager"), ("dynamic", "static")
        ),
        # what a compiler can take, a loop over experts not among it
        *itertools.product(("grouped_mm", "batched_mm"), ("sdpa",), ("static, compiled",)),
    ]
}
Clock = list[float]  # when each token came
Writer = Callable[[list[list[int]], Clock], list[list[int]]]


def write_run(results: Path, size: str) -> str:
    """A run as training leaves one, with its initial weights; its id."""
    dim, layers, heads, hidden = SIZES[size]
    spec = first_run(read_study(Path("config.yaml")), "softk")
    shape = {"dim": dim, "layers": layers, "heads": heads, "ffn_hidden": hidden}
    training = spec.training.model_copy(update={"seq_len": PROMPT + WRITTEN})
    model = spec.model.model_copy(update=shape)
    spec = RunSpec.model_validate(
        spec.model_copy(update={"model": model, "training": training}).model_dump()
    )
    tokens = results / "tokens" / spec.tokens
    tokens.mkdir(parents=True, exist_ok=True)
    stories = [*builtin_stories(0, 500)]
    characters = size == "quick"
    tokenizer = character_tokenizer(stories) if characters else bpe_tokenizer(stories, 2048)
    tokenizer.save(str(tokens / "tokenizer.json"))
    counts = [1] * vocabulary_size(tokenizer)
    meta = {"splits": {"train": {"counts": counts, "sha256": ""}}}
    (tokens / "meta.json").write_text(json.dumps(meta))
    folder = results / "runs" / run_id(spec)
    folder.mkdir(parents=True)
    save_file(
        build(spec.model, torch.tensor(counts), 0).stored_tensors(), folder / "weights.safetensors"
    )
    summary = {
        "run": run_id(spec),
        "status": "finished",
        "failure": None,
        "test": {"bits_per_byte": None},
        "spec": spec.model_dump(mode="json"),
        "tokens_sha256": {"train": ""},
        "vocab_size": len(counts),
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return run_id(spec)


def ours(run: TrainedRun, decoder_of: Callable[[Transformer, int, int], Decoder]) -> Writer:
    """Our command's own loop."""

    def write(prompts: list[list[int]], clock: Clock) -> list[list[int]]:
        limits = [WRITTEN] * len(prompts)
        rows = []
        for step in generate(run.model, prompts, limits, GREEDY, NEVER, decoder_of):
            clock.append(time.perf_counter())
            rows.append(step.token_ids)
        return [list(row) for row in zip(*rows, strict=True)]

    return write


class Told(BaseStreamer):
    """Notes when transformers has a token of each text; the prompts come first."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.prompts = clock, True

    def put(self, value: torch.Tensor) -> None:
        if not self.prompts:
            self.clock.append(time.perf_counter())
        self.prompts = False

    def end(self) -> None:
        pass


def theirs(model: PreTrainedModel, experts: str, attention: str, cache: str) -> Writer:
    """``generate`` of transformers with settings of its own."""
    options: dict[str, Any] = {}
    if cache != "dynamic":
        options["cache_implementation"] = "static"
    if cache == "static, compiled":
        options["compile_config"] = CompileConfig(fullgraph=False, mode="default")
        options["compile_config"]._compile_all_devices = True

    @torch.inference_mode()
    def write(prompts: list[list[int]], clock: Clock) -> list[list[int]]:
        model.set_experts_implementation(experts)
        model.set_attn_implementation(attention)
        ids_BS = torch.tensor(prompts)
        told_BS = model.generate(
            ids_BS,
            attention_mask=torch.ones_like(ids_BS),
            max_new_tokens=WRITTEN,
            do_sample=False,
            streamer=Told(clock),
            **options,
        )
        return told_BS[:, PROMPT:].tolist()

    return write


def tried_ms(
    model: PreTrainedModel, prompts: list[list[int]], names: list[str], tries: int
) -> dict[str, float]:
    """Milliseconds of each of transformers' settings at a batch; the first try may compile."""
    best = {}
    for name in names:
        write = theirs(model, *SETTINGS[name])
        taken = []
        for _ in range(tries):
            start = time.perf_counter()
            write(prompts, [])
            taken.append(time.perf_counter() - start)
        best[name] = min(taken) * 1e3
    return best


def latencies(clocks: list[Clock], starts: list[float]) -> dict[str, float]:
    """Milliseconds: the first token (median), and each later one (median and 95 %)."""
    first = [clock[0] - start for clock, start in zip(clocks, starts, strict=True)]
    later = [b - a for clock in clocks for a, b in itertools.pairwise(clock)]
    return {
        "first_token_ms": statistics.median(first) * 1e3,
        "token_ms": statistics.median(later) * 1e3,
        "token_ms_p95": statistics.quantiles(later, n=20)[-1] * 1e3,
    }


def compared(
    writers: dict[str, Writer], prompts: list[list[int]], rounds: int, budget: float
) -> dict[str, dict[str, Any]]:
    """Speed of each, turn by turn."""
    clocks: dict[str, list[Clock]] = {name: [] for name in writers}
    starts: dict[str, list[float]] = {name: [] for name in writers}

    def one(name: str) -> Callable[[], object]:
        def write() -> None:
            clocks[name].append([])
            starts[name].append(time.perf_counter())
            writers[name](prompts, clocks[name][-1])

        return write

    timings = interleaved({name: one(name) for name in writers}, rounds, "cpu", budget)
    found = {}
    for name, taken in timings.items():
        timed = len(taken.clean) + len(taken.disturbed)  # those before warmed up
        speed = len(prompts) * WRITTEN / taken.seconds
        own = latencies(clocks[name][-timed:], starts[name][-timed:])
        found[name] = {"tokens_per_s": speed, **own, **taken.as_dict()}
    return found


def measure(size: str, batches: list[int], given: argparse.Namespace) -> list[dict[str, Any]]:
    """A row a batch size. Ends where the two do not write the same."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        results, folder = Path(scratch) / "results", Path(scratch) / "exported"
        name = write_run(results, size)
        export_run(name, results, folder)
        run, model = open_run(name, results), AutoModelForCausalLM.from_pretrained(folder).eval()
    model.generation_config.eos_token_id = None  # as ours, it never stops by itself
    draw = torch.Generator().manual_seed(0)
    kinds = {"eager": Decoder} if given.short else {"eager": Decoder, "compiled": compiled_decoder}
    for batch in batches:
        ids_BS = torch.randint(1, run.model.vocab_size, (batch, PROMPT), generator=draw)
        ids_BS[:, 0] = run.stop_id
        prompts = ids_BS.tolist()
        torch.compiler.reset()  # or a second batch size is compiled for all sizes, which is slower
        writers, settings, tried = {}, {}, {}
        for kind, decoder_of in kinds.items():
            names = [name for name in SETTINGS if ("compiled" in name) == (kind == "compiled")]
            own = tried_ms(model, prompts, names, given.tries)
            tried |= own
            settings[kind] = min(own, key=lambda name: own[name])
            writers[f"ours {kind}"] = ours(run, decoder_of)
            writers[f"transformers {kind}"] = theirs(model, *SETTINGS[settings[kind]])
        written = [write(prompts, []) for write in writers.values()]
        assert written.count(written[0]) == len(written), (size, batch, "other tokens")
        found = compared(writers, prompts, given.rounds, given.budget)
        speed = {name: row["tokens_per_s"] for name, row in found.items()}
        gains = {kind: speed[f"ours {kind}"] / speed[f"transformers {kind}"] for kind in kinds}
        best = [max(speed[f"{who} {kind}"] for kind in kinds) for who in ("ours", "transformers")]
        rows.append(
            {
                "size": size,
                "batch": batch,
                "gain": {**gains, "best": best[0] / best[1]},
                **found,
                "transformers_setting": settings,
                "transformers_tried_ms": tried,
            }
        )
        shown = {key: value for key, value in rows[-1].items() if key != "transformers_tried_ms"}
        print(json.dumps(shown), file=sys.stderr, flush=True)
    return rows


def measure_experts(rounds: int, budget: float) -> list[dict[str, Any]]:
    """Milliseconds of a whole MoE layer by backend, for few tokens."""
    rows = []
    for (dim, hidden), experts, tokens in itertools.product(
        ((64, 96), (256, 512)), (8, 32), (1, 4, 16, 64, 256, 1024)
    ):
        shape = Shape(tokens, dim, hidden, experts, 2, torch.float32, "cpu")
        x_TD = torch.randn(tokens, dim, generator=torch.Generator().manual_seed(0))
        functions = {name: layer_of(shape, name, x_TD) for name in BACKENDS}
        taken = interleaved(functions, rounds, "cpu", budget)
        ms = {name: one.seconds * 1e3 for name, one in taken.items()}
        row = {"dim": dim, "hidden": hidden, "experts": experts, "assignments": 2 * tokens}
        rows.append({**row, "ms": ms, "fastest": min(ms, key=lambda name: ms[name])})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def layer_of(shape: Shape, backend: Any, x_TD: torch.Tensor) -> Callable[[], object]:
    """A pass of a layer without gradients."""
    layer = prepared(Ours(shape, backend, None), shape).eval()
    position_T = torch.zeros(shape.tokens, dtype=torch.int64)

    @torch.inference_mode()
    def forward() -> object:
        return layer.layer(x_TD, position_T, position_T, 1)

    return forward


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--sizes", nargs="+", choices=SIZES, default=[*SIZES])
    arguments.add_argument("--batches", type=int, nargs="+", default=BATCHES, metavar="B")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--tries", type=int, default=2, help="of each setting of transformers")
    arguments.add_argument("--budget", type=float, default=20, help="seconds of a comparison")
    arguments.add_argument(
        "--short", action="store_true", help="few batches and rounds, nothing compiled"
    )
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    if given.short:
        given.batches, given.rounds, given.tries, given.budget = (1, 8, 64), 3, 2, 4
    torch.set_num_threads(given.threads)
    logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    rows = [row for size in given.sizes for row in measure(size, given.batches, given)]
    publish(
        {
            "environment": environment(),
            "threads": given.threads,
            "prompt_tokens": PROMPT,
            "written_tokens": WRITTEN,
            "compiled": not given.short,
            "generation": rows,
            "experts": measure_experts(given.rounds, given.budget / 10),
        },
        given.out,
    )


if __name__ == "__main__":
    main()
