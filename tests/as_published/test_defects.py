"""Each defect of the original study, measured in the control or in its rule, and absent here.

D13 does not exist. D16 is of adapters, which are not here yet. D23, tests that let defects live,
is what ``make mutants`` watches. D10, D11, D12, D14, D15, D19, D20 and D21 are of the original's
scripts and not of its routing: what they did is stated or done anew beside what is done here.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.utils.data import DataLoader

from moe_core.corpus.sources import matching_files
from moe_core.errors import StudyError
from moe_core.measure import metrics, ngram
from moe_core.model.flops import cost
from moe_core.model.moe_layer import MoELayer
from moe_core.model.transformer import build
from moe_core.routing import registry
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.slots import random_drop_law, slots_per_expert
from moe_core.routing.strategies import as_published, expert_choice, softk, topk_hard
from moe_core.routing.strategies import hash as hash_table
from moe_core.runs import RunSpec, dense_width
from moe_core.study import Study, load_study, ngram_spec
from moe_core.training import throughput
from moe_core.training.config import ThroughputConfig
from moe_core.training.loop import Trainer, auxiliary_losses, measure, train
from moe_core.training.run import train_run
from tests.as_published.conftest import (
    BATCH,
    CORPUS,
    COUNTS,
    SEQUENCE,
    SPLITS,
    WINDOW,
    E,
    K,
    by_sequence,
    context_of,
    limited,
    logits_of,
    model_of,
    over_batch,
    trainer_of,
    training_config,
    transformer_config,
    windows_of,
)

PUBLISHED = ["top1", "topk_hard", "softk", "hash", "expert_choice"]
ROOT = Path(__file__).parents[2]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def routed(layer: MoELayer, x_TD: Tensor, sequence: int | None = None) -> tuple[Tensor, Routing]:
    size = sequence or len(x_TD)
    ids_T = torch.zeros(len(x_TD), dtype=torch.int64)
    with torch.no_grad():
        y_TD, (step,) = layer(x_TD, ids_T, torch.arange(len(x_TD)) % size, size)
    return y_TD, step.routing


def losses_of(strategy: str) -> dict[str, Tensor]:
    model = model_of(strategy)
    layers = model(windows_of("valid").inputs_NS)[1]
    return auxiliary_losses(registry.load(strategy), layers, None)


@pytest.mark.parametrize("name", PUBLISHED)
def test_d1_the_balance_loss_is_a_count(name: str) -> None:
    theirs = losses_of(f"as_published_{name}")
    assert list(theirs) == ["own"]
    assert not theirs["own"].requires_grad


@pytest.mark.parametrize("name", ["top1", "topk_hard", "softk"])
def test_d1_ours_has_a_gradient(name: str) -> None:
    assert losses_of(f"as_published_{name}")["own"] > 0
    assert losses_of(name)["switch"].requires_grad


@pytest.mark.parametrize("name", ["top1", "topk_hard"])
def test_d2_hard_routers_never_learn(name: str) -> None:
    # the task trains the one, the balance loss alone the other, as they declare
    coefficient = 0.0 if name == "top1" else 0.01
    theirs, ours = (
        trainer_of(prefix + name, switch_coef=coefficient) for prefix in ("as_published_", "")
    )
    for trainer in (theirs, ours):
        trainer.step(0)
    assert len(theirs.router_parameters) == len(ours.router_parameters) == 2
    assert all(p.grad is None for p in theirs.router_parameters)
    assert all(p.grad is not None and p.grad.any() for p in ours.router_parameters)
    # not because it is declared: there is no way for a gradient
    assert not over_batch(as_published.hard, logits_of(0).requires_grad_()).weight_A.requires_grad


@pytest.mark.parametrize("k", [2, 3, E])
def test_d3_hard_weights_sum_to_k(k: int) -> None:
    logits_TE = logits_of(0, SEQUENCE)
    theirs = over_batch(as_published.hard, logits_TE, k).dense_TE().sum(1)
    ours = by_sequence(topk_hard.route, logits_TE, k).dense_TE().sum(1)
    torch.testing.assert_close(theirs, torch.full((SEQUENCE,), float(k)))
    torch.testing.assert_close(ours, torch.ones(SEQUENCE))


def routed_alike(a: Routing, b: Routing) -> float:
    """Share of tokens that have the same experts."""
    return float(((a.dense_TE() > 0) == (b.dense_TE() > 0)).all(1).double().mean())


@pytest.mark.parametrize("skew", [0.0, 3.0])
def test_d4_expert_choice_is_soft_top_k_but_for_64_tokens_an_expert(skew: float) -> None:
    logits_TE = logits_of(0, skew=skew)
    theirs = over_batch(as_published.expert_choice, logits_TE)
    tokens = over_batch(softk.route, logits_TE)
    ours = by_sequence(expert_choice.route, logits_TE)
    same_T = (theirs.dense_TE() == tokens.dense_TE()).all(1)
    assert same_T.double().mean() > 1 - 64 * E / len(logits_TE)  # 94 %, and some by chance
    assert routed_alike(ours, tokens) < 0.4
    assert set(ours.load_E().tolist()) == {BATCH * slots_per_expert(1.25, K, SEQUENCE, E)}


def test_d5_expert_choice_reads_later_tokens_and_other_sequences() -> None:
    rule, other = as_published.expert_choice, registry.load("expert_choice")
    before_TE, half = logits_of(0), SEQUENCE // 2
    other_sequence_TE = before_TE.clone()
    other_sequence_TE[-SEQUENCE:] *= 9
    suffix_TE = before_TE.clone()
    suffix_TE[half:SEQUENCE] *= 9
    for after_TE, watched in ((other_sequence_TE, SEQUENCE), (suffix_TE, half)):
        changed_TE = over_batch(rule, before_TE).dense_TE() != over_batch(rule, after_TE).dense_TE()
        assert changed_TE[:watched].any()
    # ours stays within its sequence, and its decoder's rule within the past
    ours = (by_sequence(other.route, z_TE) for z_TE in (before_TE, other_sequence_TE))
    assert torch.equal(*(routing.dense_TE()[:SEQUENCE] for routing in ours))
    assert other.decode is not None
    context = context_of(len(before_TE), SEQUENCE)
    context.state["threshold_E"] = torch.full((E,), 1 / E)
    past = (other.decode(z_TE, context).dense_TE()[:half] for z_TE in (before_TE, suffix_TE))
    assert torch.equal(*past)


def test_d6_hash_is_the_position() -> None:
    logits_TE = logits_of(0)
    theirs = over_batch(as_published.position_mod_experts, logits_TE).expert_A.view(BATCH, -1, K)
    assert torch.equal(theirs, theirs[:1].expand_as(theirs))  # whatever the tokens
    first_S = theirs[0, :, 0]
    assert torch.equal(first_S[E:], first_S[:-E])
    assert first_S[:E].sort().values.tolist() == list(range(E))

    context = context_of(len(logits_TE), SEQUENCE)
    table_VK = hash_table.balanced_table(torch.arange(1, 51), E, K)
    ours = hash_table.route(logits_TE, replace(context, table_VK=table_VK))
    assert torch.equal(ours.expert_A.view(-1, K), table_VK[context.token_id_T])


def test_d7_throughput_counts_the_evaluation_interval_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step_s, every, batch_tokens = 0.5, 200, 4 * WINDOW
    trainer, now = trainer_of("softk"), [0.0]
    step = trainer.step

    def timed(number: int) -> Tensor:
        now[0] += step_s
        return step(number)

    monkeypatch.setattr(trainer, "step", timed)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(throughput, "matmul_peak", lambda _: 1e15)
    timing = ThroughputConfig(warmup_steps=1, repeats=3, steps_per_repeat=2)
    ours = throughput.measure_throughput(trainer, timing).tokens_per_s
    assert ours == batch_tokens / step_s
    theirs = as_published.tokens_per_s(batch_tokens, every, every * step_s, 0)
    assert theirs == pytest.approx(every * ours)
    slower = as_published.tokens_per_s(batch_tokens, every, every * step_s, every * step_s)
    assert slower == pytest.approx(theirs / 2)  # an evaluation as long as the training


def test_d8_load_cv_falls_with_capacity() -> None:
    routing = over_batch(softk.route, logits_of(0, skew=1.0))
    factors = (4.0, 1.5, 1.25, 1.0, 0.5)
    after = [limited(routing, routing.num_tokens, factor, K) for factor in factors]
    theirs = [as_published.load_cv(r) for r in after]
    ours = [metrics.load_cv(r.load_E()) for r in after]
    assert theirs == sorted(theirs, reverse=True)
    assert theirs[-1] == 0 < 0.5 < theirs[0]
    assert ours == [theirs[0]] * len(factors)


def test_d9_gate_entropy_is_not_the_router_s() -> None:
    even_TE, sure_TE = torch.zeros(64, E), 50 * torch.eye(E).repeat(8, 1)
    for logits_TE, entropy in ((even_TE, math.log(E)), (sure_TE, 0.0)):
        assert as_published.gate_entropy(over_batch(as_published.hard, logits_TE)) == 0
        assert float(metrics.router_entropy(logits_TE)) == pytest.approx(entropy, abs=1e-6)
    assert as_published.gate_entropy(over_batch(softk.route, even_TE)) == pytest.approx(math.log(K))


def study() -> Study:
    return load_study(yaml.safe_load((ROOT / "config.yaml").read_text()) | {"scale": "cpu"})


def without_routing(run: RunSpec) -> dict[str, Any]:
    """All of a run but its feed-forward layers, and its learning rate, which a scale may set."""
    shared = run.model_dump()
    del shared["model"]["moe"], shared["model"]["ffn_hidden"], shared["training"]["learning_rate"]
    return shared


def test_d10_cells_differ_in_their_routing_alone() -> None:
    # in the original E, width, cf, steps, rates, GPUs and renormalisation changed at once
    found = study()
    runs = [found.runs[run] for run in found.unified]
    by_seed = {seed: [r for r in runs if r.seed == seed] for seed in found.scale.seeds}
    assert len(by_seed) >= 5
    first = by_seed[found.scale.seeds[0]]
    assert all(  # a seed has all cells, or the headline ones
        {r.model.model_dump_json() for r in cells} <= {r.model.model_dump_json() for r in first}
        for cells in by_seed.values()
    )
    for cells in by_seed.values():
        assert all(without_routing(run) == without_routing(cells[0]) for run in cells)
    sizes = {
        (r.model.dim, r.model.moe.num_experts)
        for r in (found.runs[run] for run in found.experiments["larger"])
        if r.model.moe
    }
    usual = min(sizes)
    assert len(sizes) == 3
    assert all(sum(a != b for a, b in zip(size, usual, strict=True)) <= 1 for size in sizes)


@pytest.mark.parametrize("name", ["softk", "expert_choice"])
def test_d10_what_slots_leave_is_scaled_up_in_some_of_the_tables(name: str) -> None:
    logits_TE = logits_of(0, skew=3.0).requires_grad_()
    context = context_of(len(logits_TE), len(logits_TE), capacity_factor=0.75)
    theirs = registry.load(f"as_published_{name}").route(logits_TE, context)
    sums_T = theirs.dense_TE().sum(1)
    whole_T = (sums_T - 1).abs() < 1e-6
    assert (whole_T | (sums_T == 0)).all()
    assert whole_T[theirs.kept_per_token_T() == 1].any()
    assert torch.autograd.grad((theirs.dense_TE() ** 2).sum(), logits_TE)[0].isfinite().all()
    layer = model_of("softk", capacity_factor=0.75).moe_layers()[0]
    _, ours = routed(layer, torch.randn(256, 16, generator=generator()), 64)
    assert ours.dense_TE().sum(1)[ours.kept_per_token_T() == 1].max() < 0.99


def test_d11_each_active_width_has_a_dense_baseline() -> None:
    found = study()
    models = [found.runs[run].model for run in found.unified]
    dense = {m.ffn_hidden for m in models if m.moe is None}
    assert {dense_width(m) for m in models} <= dense
    # the original compared these with each other, and with nothing else
    first, second = (
        next(m for m in models if m.moe and m.moe.strategy == f"as_published_{strategy}")
        for strategy in ("top1", "softk")
    )
    flops = [
        cost(m, 100, 128, m.moe.top_k if m.moe else 1).train_flops_per_token
        for m in (first, second)
    ]
    assert flops[1] > 1.3 * flops[0]


def test_d12_a_missing_text_is_an_error(tmp_path: Path) -> None:
    # the original trained on 200,000 random letters
    with pytest.raises(StudyError, match="no file matches"):
        matching_files([str(tmp_path / "stories.txt")])


def test_d14_the_final_checkpoint_is_reported_on_other_stories() -> None:
    # trained on one letter alone, so that each evaluation is worse than the one before
    one_letter = replace(SPLITS["train"], tokens=np.full_like(SPLITS["train"].tokens, ord("e")))
    corpus = replace(CORPUS, splits={**SPLITS, "train": one_letter})
    training, model = training_config(evaluate_every=2), transformer_config("softk")
    trained = train_run("d14", model, training, seed=0, device="cpu", corpus=corpus)
    final = Trainer(trained.model, one_letter.tokens, training, 0, "cpu")
    assert trained.rows[0]["perplexity"] < 0.9 * trained.rows[-1]["perplexity"]
    for reported, split in ((trained.test, "test"), (trained.rows[-1], "valid")):
        assert reported["loss"] == measure(final, windows_of(split)).measures["loss"]


def drop_rate(logits_TE: Tensor, top_k: int, factor: float) -> float:
    tokens, experts = logits_TE.shape
    expert_TK = logits_TE.topk(top_k).indices
    routing = from_token_choice(expert_TK, torch.ones(expert_TK.shape), experts)
    slots = slots_per_expert(factor, top_k, tokens, experts)
    kept_A = limit_capacity(routing, slots, tokens, "position").kept_A
    return 1 - float(kept_A.double().mean())


@pytest.mark.parametrize(
    ("experts", "top_k", "factor", "tokens"),
    [(64, 1, 1.05, 8192), (64, 2, 1.1, 8192), (128, 2, 1.0, 8192), (256, 4, 1.05, 8192)],
)
def test_d15_balanced_logits_say_nothing_of_trained_ones(
    experts: int, top_k: int, factor: float, tokens: int
) -> None:
    draw = torch.Generator().manual_seed(0)
    random = [drop_rate(torch.rand(tokens, experts, generator=draw), top_k, factor) for _ in "1234"]
    law = random_drop_law(slots_per_expert(factor, top_k, tokens, experts), tokens, top_k, experts)
    assert sum(random) / 4 == pytest.approx(law, abs=2e-3)
    # experts as popular as 1 / rank: what microbench.py adds to the original's table
    popularity_E = -torch.arange(1, experts + 1).log()
    gumbel_TE = -torch.empty(tokens, experts).exponential_(generator=draw).log()
    assert drop_rate(popularity_E + gumbel_TE, top_k, factor) > max(0.2, 5 * law)


@pytest.mark.parametrize(("experts", "dim"), [(8, 128), (8, 256), (32, 256), (32, 512)])
def test_d17_xavier_takes_a_stack_for_a_convolution(experts: int, dim: int) -> None:
    hidden = 4 * dim
    for fan_in, fan_out in ((dim, hidden), (hidden, dim)):
        theirs = as_published.xavier_of_stack(experts, fan_out, fan_in)
        one_DH = nn.init.xavier_uniform_(torch.empty(fan_in, fan_out))
        assert 10 < float(one_DH.std()) / theirs < 22
    small = torch.empty(experts, 12, 20)  # stored E x fan-in x fan-out
    fans = nn.init._calculate_fan_in_and_fan_out(small)
    assert as_published.xavier_of_stack(experts, 20, 12) == pytest.approx((2 / sum(fans)) ** 0.5)


def output_scale(strategy: str, experts: int, dim: int) -> float:
    """Standard deviation of what initial experts make of unit normal vectors."""
    config = transformer_config(strategy, num_experts=experts, capacity_factor=8.0)
    sized = config.model_copy(update={"dim": dim, "ffn_hidden": 4 * dim, "layers": 1})
    (layer,) = build(sized, COUNTS, 0).moe_layers()
    return float(routed(layer, torch.randn(256, dim, generator=generator()))[0].std())


def test_d17_the_layer_hardly_speaks_and_how_softly_depends_on_its_size() -> None:
    sizes = [(8, 32), (8, 128), (64, 128)]
    theirs, ours = (
        [output_scale(name, *size) for size in sizes] for name in ("as_published_softk", "softk")
    )
    assert max(theirs) < min(ours) / 25
    assert max(theirs) > 2 * min(theirs)
    assert max(ours) < 1.3 * min(ours)


@pytest.mark.parametrize("name", ["top1", "topk_hard", "softk"])
def test_d18_drops_fall_on_the_last_sequences_of_the_batch(name: str) -> None:
    x_TD = torch.randn(64, 16, generator=generator()).repeat(8, 1)  # eight equal sequences
    crowded_TD = x_TD.clone()
    crowded_TD[:-64] = x_TD[0]  # neighbours that all want the same experts
    drops = {}
    for strategy in (f"as_published_{name}", name):
        layer = model_of(strategy, capacity_factor=0.75).moe_layers()[0]
        y_TD, routing = routed(layer, x_TD, 64)
        drops[strategy] = 1 - routing.kept_A.view(8, -1).double().mean(1)
        beside_TD, _ = routed(layer, crowded_TD, 64)
        assert torch.equal(beside_TD[-64:], y_TD[-64:]) == (strategy == name)
    theirs, ours = drops[f"as_published_{name}"], drops[name]
    assert theirs[:2].eq(0).all()
    assert theirs[-1] > 0.6
    assert theirs.tolist() == sorted(theirs.tolist())
    assert ours.gt(0.1).all()
    assert ours.eq(ours[0]).all()


def test_d19_a_control_from_outside_neural_nets_sees_that_a_model_is_undertrained() -> None:
    trainer, windows = trainer_of("softk"), windows_of("test")
    train(trainer, windows_of("valid"), lambda row, rate: None)
    undertrained = measure(trainer, windows).measures["loss"]
    model = ngram.fit(SPLITS["train"].tokens, COUNTS.numel(), order=5)
    target_nats = ngram.nats(model, SPLITS["test"].tokens[: windows.targets_NS.numel() + 1])
    control = float(target_nats[windows.story_NS.flatten().numpy() >= 0].mean())
    assert control < undertrained - 0.5
    found = study()
    spec = yaml.safe_load(ngram_spec(found))  # on the stories that the models are read on
    assert spec["test_tokens"] == found.scale.training.test_tokens


def test_d20_evaluating_does_not_change_training() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for _ in DataLoader(range(4)):  # what the original evaluates with
        pass
    assert not torch.equal(torch.get_rng_state(), before)

    weights = []
    for every in (1, 12):
        trainer = trainer_of("softk", {"jitter": 0.1}, evaluate_every=every)
        train(trainer, windows_of("valid"), lambda row, rate: None)
        weights.append(trainer.model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights), strict=True))


def test_d21_load_is_that_of_all_held_out_stories_without_noise() -> None:
    trainer, windows = trainer_of("softk", {"jitter": 0.9}), windows_of("valid")
    logged = []  # the original's: of one training batch
    for step in range(3):
        trainer.step(step)
        logged.append(metrics.load_cv(trainer.layers[0].routing.load_E()))
    assert max(logged) > 1.1 * min(logged)
    torch.manual_seed(1)
    first, again = (measure(trainer, windows) for _ in range(2))
    assert first.measures == again.measures
    assert first.limited.counts_LVE is not None
    assert (first.limited.counts_LVE.sum((1, 2)) == K * windows.inputs_NS.numel()).all()
    quiet = trainer_of("softk")
    quiet.model.load_state_dict(trainer.model.state_dict())
    assert measure(quiet, windows).measures == first.measures


def test_d22_phantoms_of_weight_0_hold_slots() -> None:
    logits_TE = logits_of(0)
    context = context_of(len(logits_TE), len(logits_TE))
    theirs = registry.load("as_published_expert_choice").route(logits_TE, context)
    phantom_A = theirs.weight_A == 0
    held_E = theirs.where(phantom_A & theirs.kept_A).load_E()
    assert held_E[0] > 0.8 * held_E.sum() > 300
    assert (by_sequence(expert_choice.route, logits_TE).weight_A > 0).all()
