"""Time whole optimiser steps of one model shape, with the machine to itself."""

import json
from dataclasses import asdict

from moe_core.corpus.batches import open_corpus
from moe_core.model.transformer import build
from moe_core.provenance import environment, write_atomic
from moe_core.runs import ShapeSpec, shape_id
from moe_core.training.config import HealthConfig, TrainingConfig
from moe_core.training.loop import Trainer
from moe_core.training.process import prepare_process
from moe_core.training.throughput import measure_throughput
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", required=True, help="canonical JSON of a ShapeSpec")
    arguments.add_argument("--threads", type=int, required=True)
    path_argument(arguments, "tokens", "out")
    given = arguments.parse_args()
    spec = ShapeSpec.model_validate_json(given.spec)
    process = prepare_process(spec.device, given.threads)
    timing = spec.throughput
    steps = timing.warmup_steps + timing.repeats * timing.steps_per_repeat
    # rates and coefficients do not change the time of a step; every term is switched on
    config = TrainingConfig(
        batch_size=spec.batch_size,
        seq_len=spec.seq_len,
        steps=steps,
        learning_rate=1e-3,
        warmup_steps=0,
        final_learning_rate_fraction=1.0,
        weight_decay=0.1,
        grad_clip=1.0,
        switch_coef=0.01,
        z_coef=0.001,
        balance_sequences=None,
        precision=spec.precision,
        compile=spec.compile,
        dispatch=spec.dispatch,
        evaluate_every=steps,
        valid_tokens=1,
        test_tokens=1,
        health=HealthConfig(
            max_loss_over_uniform=3.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
        ),
    )
    corpus = open_corpus(given.tokens)
    trainer = Trainer(
        build(spec.model, corpus.counts_V, seed=0),
        corpus.splits["train"].tokens,
        config,
        seed=0,
        device=spec.device,
    )
    timed = measure_throughput(trainer, timing)
    result = {
        "shape": shape_id(spec),
        "spec": spec.model_dump(mode="json"),
        "environment": environment(),
        "process": process.as_dict(),
    } | asdict(timed)
    write_atomic(given.out, json.dumps(result, indent=1, sort_keys=True))
    print(f"{result['shape']}: {timed.tokens_per_s:,.0f} tokens/s, MFU {timed.mfu:.2f}")


if __name__ == "__main__":
    run(main)
