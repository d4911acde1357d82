"""The compute core against its limits and its peers, in one run, without Snakemake.

    python benchmarks/compute.py --out compute.json
    python benchmarks/compute.py --device cuda --out compute_cuda.json

Sections (``--sections``), each row of the JSON names its own:

peaks     square products and copies of this machine
layer     forward + backward of MoE layers over a plain dense layer of equal active FLOPs
memory    peak memory of the same beyond what is there before, at capacity factor 1.25
pack      gather by expert and weighted combine, sort included, as share of memcpy
growth    what a layer does besides its expert products, as E grows
model     optimiser steps of whole models: MoE over dense, and over the original's code
evaluation  what evaluating and loading take of a training, by scale

Repeats are interleaved, the figure is the median of samples that no other process disturbed, and
inputs change from one sample to the next, as routing does in training. Peers that are installed
take part; ``--original FOLDER`` names a checkout of the code that this project comes from.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
import timing  # noqa: F401  before torch, which reads settings when it loads
import torch
import yaml
from layers import DTYPES, INPUTS, SEQUENCE, Dense, OurDense, Ours, Row, Shape, peers, prepared
from packing import ours_packed, packing
from timing import interleaved, peak_extra_bytes
from torch import Tensor, nn

from moe_core.corpus.batches import TokenSplit, evaluation_windows, training_batch
from moe_core.model import moe_layer
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.model.transformer import build
from moe_core.provenance import environment, write_atomic
from moe_core.study import load_study
from moe_core.training.config import HealthConfig, TrainingConfig
from moe_core.training.loop import Trainer, measure
from moe_core.training.process import prepare_process


def inputs_of(shape: Shape) -> list[Tensor]:
    """Different batches of the same size."""
    draw = torch.Generator().manual_seed(0)
    size = (shape.tokens, shape.dim)
    return [
        torch.randn(size, generator=draw).to(shape.device, shape.dtype).requires_grad_()
        for _ in range(INPUTS)
    ]


def forward_backward(module: nn.Module, shape: Shape) -> Callable[[], None]:
    """One pass on the next input; gradients of all parameters and of the input."""
    batches, turn = inputs_of(shape), 0
    upstream_TD = batches[0].detach().flip(0)
    parameters = list(module.parameters())

    def run() -> None:
        nonlocal turn
        x_TD = batches[turn % INPUTS]
        turn += 1
        for tensor in (x_TD, *parameters):
            tensor.grad = None
        module(x_TD).backward(upstream_TD)

    return run


def built(builders: dict[str, Callable[[Shape], nn.Module]], shape: Shape) -> dict[str, nn.Module]:
    """Modules that can run the shape; one that cannot is told and left out."""
    modules = {}
    for name, builder in builders.items():
        torch.manual_seed(0)
        try:
            module = prepared(builder(shape), shape)
            forward_backward(module, shape)()
        except Exception as error:  # a peer's own limits are no reason to stop
            if name.startswith("ours"):
                raise
            print(f"  {name}: left out, {type(error).__name__}: {str(error)[:90]}", flush=True)
            continue
        modules[name] = module
    return modules


def ours(given: argparse.Namespace) -> dict[str, Callable[[Shape], nn.Module]]:
    """Our layer by backend."""
    backends = ["auto", "padded", "grouped"]
    if given.device == "cpu":
        backends.insert(1, "segments")
    return {f"ours, {b}": lambda shape, b=b: Ours(shape, b, None) for b in backends}


def shapes(given: argparse.Namespace) -> Iterator[tuple[str, Shape]]:
    for name, dtype in DTYPES.items():
        for experts in given.experts:
            for top_k in given.top_k:
                yield (
                    name,
                    Shape(
                        given.tokens, given.dim, given.hidden, experts, top_k, dtype, given.device
                    ),
                )


def described(section: str, precision: str, shape: Shape) -> Row:
    sizes = {k: v for k, v in asdict(shape).items() if k not in ("dtype", "device")}
    return {"section": section, "precision": precision, **sizes}


def layer(given: argparse.Namespace) -> Iterator[Row]:
    builders = {"dense, plain": Dense, "dense, ours": OurDense} | ours(given)
    builders |= peers(given.device, given.original)
    for precision, shape in shapes(given):
        modules = built(builders, shape)
        functions = {name: forward_backward(module, shape) for name, module in modules.items()}
        timings = interleaved(functions, given.rounds, given.device, given.budget)
        base = timings["dense, plain"].seconds
        for name, taken in timings.items():
            work = shape.flops() * modules[name].flops
            yield (
                described("layer", precision, shape)
                | taken.as_dict()
                | {
                    "name": name,
                    "tflops": work / taken.seconds / 1e12,
                    "ratio_to_dense": taken.seconds / base / modules[name].flops,
                }
            )


def memory(given: argparse.Namespace) -> Iterator[Row]:
    """A process each, so that nobody reads pages of another."""
    names = ["dense, plain", "dense, ours", "ours, auto"]
    for precision, shape in shapes(given):
        found: dict[str, int] = {}
        for name in names:
            command = [sys.executable, __file__, "--memory-of", name, "--device", given.device]
            sizes = {
                "precision": precision,
                "tokens": shape.tokens,
                "dim": shape.dim,
                "hidden": shape.hidden,
                "experts": shape.experts,
                "top-k": shape.top_k,
                "threads": given.threads,
            }
            for key, value in sizes.items():
                command += [f"--{key}", str(value)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name] = int(done.stdout.split()[-1])
        for name, peak in found.items():
            yield described("memory", precision, shape) | {
                "name": name,
                "peak_bytes": peak,
                "ratio_to_dense": peak / found["dense, plain"],
            }


def memory_of(given: argparse.Namespace) -> int:
    """Peak of one forward and backward of one layer, in this process."""
    builders: dict[str, Callable[[Shape], nn.Module]] = {
        "dense, plain": Dense,
        "dense, ours": OurDense,
        "ours, auto": lambda shape: Ours(shape, "auto", 1.25),
    }
    dtype = DTYPES[given.precision]
    shape = Shape(
        given.tokens, given.dim, given.hidden, *given.experts, *given.top_k, dtype, given.device
    )
    module = prepared(builders[given.memory_of](shape), shape)
    return peak_extra_bytes(forward_backward(module, shape), module.zero_grad, given.device)


def growth(given: argparse.Namespace) -> Iterator[Row]:
    """A layer whose experts return what they are given: router, choice, sort, pack, combine."""
    for precision, dtype in DTYPES.items():
        modules, functions = {}, {}
        for experts in (8, 16, 32, 64, 128, 256):
            shape = Shape(given.tokens, given.dim, given.hidden, experts, 2, dtype, given.device)
            modules[experts] = prepared(Ours(shape, "auto", None), shape)
            functions[f"{experts} routing"] = forward_backward(
                WithoutExperts(modules[experts]), shape
            )
            functions[f"{experts} layer"] = forward_backward(modules[experts], shape)
        shape = Shape(given.tokens, given.dim, given.hidden, 1, 2, dtype, given.device)
        functions["dense"] = forward_backward(prepared(Dense(shape), shape), shape)
        timings = interleaved(functions, given.rounds, given.device, 3 * given.budget)
        for experts in modules:
            yield {
                "section": "growth",
                "precision": precision,
                "tokens": given.tokens,
                "dim": given.dim,
                "hidden": given.hidden,
                "top_k": 2,
                "experts": experts,
                "routing_ms": timings[f"{experts} routing"].seconds * 1e3,
                "layer_ms": timings[f"{experts} layer"].seconds * 1e3,
                "dense_ms": timings["dense"].seconds * 1e3,
            }


class WithoutExperts(nn.Module):
    """Ours, but what is packed is combined as it is."""

    def __init__(self, ours: Ours) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, x_TD: Tensor) -> Tensor:
        layer = self.ours.layer
        dispatched = moe_layer.dispatch
        moe_layer.dispatch = lambda x, routing, *rest: ours_packed(x, routing)[1]()
        try:
            return layer(x_TD, self.ours.id_T, self.ours.position_T, SEQUENCE)[0]
        finally:
            moe_layer.dispatch = dispatched


def peaks(given: argparse.Namespace) -> Iterator[Row]:
    """The roofs of this machine: square products, and a large copy."""
    large = torch.ones(64 << 20, device=given.device)
    target = torch.empty_like(large)
    functions: dict[str, Callable[[], object]] = {"memcpy": lambda: target.copy_(large)}
    side = 2048 if given.device == "cpu" else 8192
    for precision, dtype in DTYPES.items():
        a, b = (torch.randn(side, side).to(given.device, dtype) for _ in range(2))
        out = torch.empty_like(a)
        functions[precision] = lambda a=a, b=b, out=out: torch.mm(a, b, out=out)
    timings = interleaved(functions, given.rounds, given.device, given.budget)
    for precision in DTYPES:
        yield {
            "section": "peaks",
            "precision": precision,
            "matmul_flops": 2 * side**3 / timings[precision].seconds,
            "memcpy_bytes_per_s": 2 * large.nbytes / timings["memcpy"].seconds,
        }


# dim 256, 4 layers, E = 8, K = 2, 8 sequences of 256: the original's own shape
LAYERS, BATCH, HEADS, VOCABULARY, EXPERTS = 4, 8, 4, 96, 8
PROCESSES = 3
BATCHES = 50  # of a sample


def model(given: argparse.Namespace) -> Iterator[Row]:
    """Whole optimiser steps, a process each, in turn: dense, ours, the original.

    The original is timed as its users run it, in torch's defaults, and once more under our process
    settings; on a CPU it has fp32 alone.
    """
    names = [f"{kind} {precision}" for precision in DTYPES for kind in ("dense", "softk")]
    if given.original:
        names += ["original defaults", "original tuned"]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(PROCESSES):
        for name in names:
            command = [sys.executable, __file__, "--step-of", name, "--device", given.device]
            command += ["--threads", str(given.threads), "--rounds", str(given.rounds)]
            command += ["--budget", str(given.budget)]
            if given.original:
                command += ["--original", str(given.original)]
            environment_of = dict(os.environ)
            if name == "original defaults":
                for key in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
                    environment_of.pop(key, None)
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment_of
            )
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    seconds = {name: statistics.median(row["ms"] for row in rows) for name, rows in found.items()}
    for name, rows in found.items():
        precision = name.split()[1] if name.split()[1] in DTYPES else "fp32"
        row = {
            "section": "model",
            "name": name.split()[0]
            if "original" not in name
            else f"the original, {name.split()[1]}",
            "precision": precision,
            "dim": 256,
            "layers": LAYERS,
            "experts": EXPERTS,
            "top_k": 2,
            "sequence": SEQUENCE,
            "batch": BATCH,
            "ms": seconds[name],
            "ms_of_processes": [row["ms"] for row in rows],
            "tokens_per_s": BATCH * SEQUENCE / seconds[name] * 1e3,
        }
        if "original" not in name:
            row["ratio_to_dense"] = seconds[name] / seconds[f"dense {precision}"]
            if given.original:
                row["speed_over_original"] = seconds["original defaults"] / seconds[name]
                row["speed_over_original_tuned"] = seconds["original tuned"] / seconds[name]
        yield row


def step_of(given: argparse.Namespace) -> dict[str, float | int]:
    """Milliseconds of an optimiser step of one model, in this process."""
    kind, setting = given.step_of.split()
    if setting == "defaults":
        torch.set_num_threads(given.threads)
    else:
        prepare_process(given.device, given.threads)
    step = original_step(given) if kind == "original" else our_step(kind, setting, given.device)
    return interleaved({"step": step}, given.rounds, given.device, given.budget)["step"].as_dict()


def our_step(kind: str, precision: str, device: str) -> Callable[[], object]:
    """A step of the trainer, batch and all."""
    moe = MoEConfig(
        strategy="softk",
        router="linear",
        num_experts=EXPERTS,
        top_k=2,
        capacity_factor=1.25,
        drop_policy="position",
        shared_hidden=0,
        jitter=0.0,
        bias_rate=0.0,
    )
    config = TransformerConfig(
        dim=256,
        layers=LAYERS,
        heads=HEADS,
        ffn_hidden=2048 if kind == "dense" else 1024,
        activation="gelu",
        tied_head=False,
        moe=None if kind == "dense" else moe,
    )
    training = TrainingConfig(
        batch_size=BATCH,
        seq_len=SEQUENCE,
        steps=10_000,
        learning_rate=3e-4,
        warmup_steps=100,
        final_learning_rate_fraction=0.1,
        weight_decay=0.01,
        grad_clip=1.0,
        switch_coef=0.01,
        balance_sequences=None,
        z_coef=0.001,
        precision=precision,
        compile=False,
        dispatch="auto",
        evaluate_every=1,
        valid_tokens=1,
        test_tokens=1,
        health=HealthConfig(
            max_loss_over_uniform=3.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
        ),
    )
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, 100_000).astype(np.uint16)
    built = build(config, torch.ones(VOCABULARY, dtype=torch.int64), seed=0)
    trainer = Trainer(built, tokens, training, 0, device)
    done = itertools.count()
    return lambda: trainer.step(next(done))


def evaluation(given: argparse.Namespace) -> Iterator[Row]:
    """Shares of a training's time, at each scale of config.yaml, without its final test."""
    config = yaml.safe_load((Path(__file__).resolve().parents[1] / "config.yaml").read_text())
    ids = np.random.default_rng(0).integers(0, VOCABULARY, 600_000).astype(np.uint16)
    stories = np.full(1000, 600)
    for scale in ("quick", "cpu", "seed"):
        study = load_study(config | {"scale": scale, "device": given.device})
        spec = next(study.runs[run] for run in study.unified if study.runs[run].model.moe)
        prepare_process(given.device, spec.threads)
        training = spec.training
        built = build(spec.model, torch.ones(VOCABULARY, dtype=torch.int64), seed=0)
        timings = interleaved(
            parts_of_training(
                Trainer(built, ids, training, 0, given.device), TokenSplit(ids, stories, stories)
            ),
            3 if scale == "seed" else given.rounds,
            given.device,
            given.budget,
        )
        evaluations = math.ceil(training.steps / training.evaluate_every)
        evaluating = timings["evaluation"].seconds * evaluations
        whole = timings["step"].seconds * training.steps + evaluating
        yield {
            "section": "evaluation",
            "name": scale,
            "steps": training.steps,
            "evaluations": evaluations,
            "valid_tokens": training.valid_tokens,
            "step_ms": timings["step"].seconds * 1e3,
            "evaluation_share": evaluating / whole,
            "batch_share": timings["batches"].seconds / BATCHES * training.steps / whole,
        }


def parts_of_training(trainer: Trainer, valid: TokenSplit) -> dict[str, Callable[[], object]]:
    """A step, which includes its batch; some batches; an evaluation."""
    training, done = trainer.config, itertools.count()
    windows = evaluation_windows(valid, training.seq_len, training.valid_tokens, "valid")
    sizes = (training.batch_size, training.seq_len)
    return {
        "step": lambda: trainer.step(next(done)),
        "batches": lambda: [
            training_batch(trainer.tokens, *sizes, 0, next(done)) for _ in range(BATCHES)
        ],
        "evaluation": lambda: measure(trainer, windows),
    }


def original_step(given: argparse.Namespace) -> Callable[[], object]:
    """What its training script does in a step."""
    sys.path.insert(0, str(given.original))
    sys.path.insert(0, str(given.original / "scripts"))
    from train_small import TinyMoEModel

    routed = TinyMoEModel(
        vocab_size=VOCABULARY,
        seq_len=SEQUENCE,
        dim=256,
        layers=LAYERS,
        heads=HEADS,
        dropout=0.1,
        moe_kwargs={
            "num_experts": EXPERTS,
            "top_k": 2,
            "router_name": "torch_soft",
            "strategy": "softk",
            "capacity_factor": 1.25,
            "renorm_after_drop": False,
            "ffn_mult": 4,
            "load_balance_alpha": 0.01,
            "router_arch": "linear",
        },
    ).to(given.device)
    optimiser = torch.optim.AdamW(routed.parameters(), lr=3e-4, weight_decay=0.01)
    draw = torch.Generator().manual_seed(0)
    autocast = torch.autocast(given.device, torch.bfloat16, enabled=given.device == "cuda")

    def step() -> None:
        ids = torch.randint(VOCABULARY, (BATCH, SEQUENCE + 1), generator=draw).to(given.device)
        with autocast:
            _, task_loss, stats = routed(ids[:, :-1], ids[:, 1:])
        (task_loss + stats.get("aux_loss", 0.0)).backward()
        torch.nn.utils.clip_grad_norm_(routed.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


SECTIONS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "peaks": peaks,
    "layer": layer,
    "memory": memory,
    "pack": packing,
    "growth": growth,
    "model": model,
    "evaluation": evaluation,
}


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    arguments.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments.add_argument("--threads", type=int, default=1, help="as the study's runs have")
    arguments.add_argument("--tokens", type=int, default=8192)
    arguments.add_argument("--dim", type=int, default=256)
    arguments.add_argument("--hidden", type=int, default=1024)
    arguments.add_argument("--experts", type=int, nargs="+", default=[8, 64])
    arguments.add_argument("--top-k", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--rounds", type=int, default=11, help="clean samples of each")
    arguments.add_argument("--budget", type=float, default=60, help="seconds of a comparison")
    arguments.add_argument("--original", type=Path, help="checkout of the original's code")
    arguments.add_argument("--out", type=Path)
    arguments.add_argument("--precision", choices=DTYPES, default="fp32", help=argparse.SUPPRESS)
    arguments.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments.add_argument("--step-of", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.step_of:
        print(json.dumps(step_of(given)))
        return
    process = prepare_process(given.device, given.threads)
    if given.memory_of:
        print(memory_of(given))
        return
    rows = []
    for section in given.sections:
        for row in SECTIONS[section](given):
            rows.append(row)
            told = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
            print(" ".join(f"{k}={v}" for k, v in told.items()), flush=True)
    result = {
        "environment": environment(),
        "process": process.as_dict(),
        "cores": os.cpu_count(),
        "peers": {name: version(name) for name in PEERS},
        "rows": rows,
    }
    if given.out:
        write_atomic(given.out, json.dumps(result, indent=1))


PEERS = ("transformers", "st-moe-pytorch", "mixture-of-experts", "scattermoe", "megablocks")


def version(distribution: str) -> str | None:
    """Of a peer, None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
