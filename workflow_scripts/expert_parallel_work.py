"""What each of some processes that share out a row's experts does and measures.

Losses, bytes sent, times of steps and of exchanges.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist

from moe_core.corpus.batches import TokenCorpus, open_corpus
from moe_core.dispatch.expert_parallel import Leg, predicted
from moe_core.measure.scaling import Shape
from moe_core.model.transformer import build
from moe_core.runs import RunSpec
from moe_core.training.health import SickRun
from moe_core.training.loop import Trainer
from moe_core.training.process import prepare_process
from moe_core.training.ranks import Ranks, joined_ranks

SETTLED = 5  # steps and exchanges before the clock counts
TIMED_STEPS = 15
TIMED_EXCHANGES = 60
EXCHANGED_BYTES = (1 << 10, 1 << 14, 1 << 17, 1 << 20)


@dataclass(frozen=True)
class Trial:
    """All steps of one seed.

    losses: of each step. seconds: of each but the first few. counted: bytes that this process sent
    to others, by leg; foreseen: that all processes were to send. shape: what communication depends
    on, by the last step. sick: why the run ended early, empty where it did not.
    """

    losses: list[float]
    seconds: list[float]
    counted: Counter[Leg]
    foreseen: Counter[Leg]
    shape: Shape
    sick: str


@dataclass(frozen=True)
class Found:
    """By one process; without times where a trial ended early.

    trials: by seed. steps: seconds, by sequences of the whole batch. exchanges: seconds of
    all-to-alls, by bytes that a process sends to others.
    """

    trials: dict[int, Trial]
    steps: dict[int, list[float]]
    exchanges: dict[int, list[float]]


def work(size: int, row: str, seeds: list[int], tokens: Path) -> Found:
    """What one of so many processes finds."""
    spec, corpus = RunSpec.model_validate_json(row), open_corpus(tokens)
    prepare_process(spec.device, spec.threads)
    with joined_ranks(size, spec.device, expert_parallel=size > 1) as ranks:
        found = {seed: trial(spec, corpus, seed, ranks) for seed in seeds}
        if any(trial.sick for trial in found.values()):
            return Found(found, {}, {})
        batch = spec.training.batch_size
        # with as many sequences a process as the batch has; alone with fewer too, for the fit
        batches = {size * batch} if size > 1 else {batch, batch // 2, batch // 4} - {0}
        steps = {n: step_times(spec, corpus, n, ranks) for n in sorted(batches)}
        return Found(found, steps, exchange_times(spec.device, ranks))


def trainer_of(
    spec: RunSpec, corpus: TokenCorpus, seed: int, ranks: Ranks, **training: int
) -> Trainer:
    """The row with another seed."""
    return Trainer(
        build(spec.model, corpus.counts_V, seed),
        corpus.splits["train"].tokens,
        spec.training.model_copy(update=training),
        seed,
        spec.device,
        ranks=ranks,
    )


def trial(spec: RunSpec, corpus: TokenCorpus, seed: int, ranks: Ranks) -> Trial:
    """Train a seed to its end."""
    trainer = trainer_of(spec, corpus, seed, ranks)
    losses, seconds, foreseen, sick = [], [], Counter[Leg](), ""
    for step in range(spec.training.steps):
        start = time.perf_counter()
        try:
            losses.append(float(trainer.step(step)))
        except SickRun as error:
            sick = f"seed {seed}: {error.cause} at step {error.step}"
            break
        seconds.append(time.perf_counter() - start)
        foreseen.update(bytes_of(trainer))
    try:
        trainer.check()  # a GPU tells at the end alone
    except SickRun as error:
        sick = f"seed {seed}: {error.cause} at step {error.step}"
    counted, shape = trainer.experts.traffic.bytes, shape_of(trainer)
    return Trial(losses, seconds[SETTLED:], counted, foreseen, shape, sick)


def bytes_of(trainer: Trainer) -> dict[Leg, int]:
    """What all ranks were to send in the last step."""
    placement = trainer.model.moe_layers()[0].placement
    if placement is None:
        return {}
    tokens_R = [(r.stop - r.start) * trainer.config.seq_len for r in trainer.shards]
    row_bytes = 4 * trainer.model.embedding.weight.shape[1]
    routings = [layer.routing for layer in trainer.layers]
    return predicted(routings, tokens_R, placement.experts_R, row_bytes)


def shape_of(trainer: Trainer) -> Shape:
    """What the communication of the row depends on, by its last step."""
    parameters = dict(trainer.model.named_parameters())
    experts = sum(p.numel() for n, p in parameters.items() if ".experts." in n)
    routings = [layer.routing for layer in trainer.layers]
    assigned = sum(len(r.kept_A) for r in routings) / sum(r.num_tokens for r in routings)
    kept = sum(int(r.kept_A.sum()) for r in routings) / sum(r.num_tokens for r in routings)
    return Shape(
        layers=len(trainer.layers),
        row_bytes=4 * trainer.model.embedding.weight.shape[1],
        kept=kept,
        # token, expert, weight and mark of each assignment; logits, id and position of each token
        decided_bytes=assigned * (8 + 8 + 4 + 1) + 4 * routings[0].num_experts + 8 + 8,
        decided_tensors=7,
        replicated_bytes=4 * (sum(p.numel() for p in parameters.values()) - experts),
    )


def step_times(spec: RunSpec, corpus: TokenCorpus, batch: int, ranks: Ranks) -> list[float]:
    """Seconds of steps on so many sequences in all."""
    trainer = trainer_of(spec, corpus, spec.seed, ranks, batch_size=batch)
    steps = iter(range(SETTLED + TIMED_STEPS))
    return timed(lambda: float(trainer.step(next(steps))), SETTLED + TIMED_STEPS)


def exchange_times(device: str, ranks: Ranks) -> dict[int, list[float]]:
    """Seconds of an all-to-all, by the bytes that each process sends to others."""
    found = {}
    for size in EXCHANGED_BYTES if ranks.size > 1 else ():
        rows = torch.zeros(ranks.size, size // 4 // ranks.size, device=device)
        buffer = torch.empty_like(rows)

        def exchange(rows: torch.Tensor = rows, buffer: torch.Tensor = buffer) -> None:
            dist.all_to_all_single(buffer, rows)
            if device == "cuda":
                torch.cuda.synchronize()

        sent = rows[0].numel() * 4 * (ranks.size - 1)
        found[sent] = timed(exchange, SETTLED + TIMED_EXCHANGES)
    return found


def timed(function: Callable[[], object], times: int) -> list[float]:
    """Seconds of each call but the first few."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds[SETTLED:]
