"""Honest strategies raise no alarm; what a strategy declares it fails, it fails."""

import numpy as np
import pytest
import torch

from moe_core.audits.audit import SEQUENCE, audit, declared, trial_sequences
from moe_core.audits.routers import FAVOURITE, exact, skewed
from moe_core.errors import StudyError
from moe_core.model.config import TransformerConfig
from moe_core.model.moe_layer import CAUSAL, TRAINING
from moe_core.model.transformer import build
from moe_core.routing import registry
from moe_core.routing.router_net import ROUTER_NETS
from tests.audits.conftest import V, audited, breaches, sequences, trained
from tests.conftest import moe_of

WITH_ROUTER = [n for n in registry.names() if registry.declaration(n)["reads_logits"]]
everything = pytest.mark.parametrize("name", registry.names())


@everything
def test_a_strategy_passes_what_it_declares(name: str) -> None:
    rows = audited(name)
    assert breaches(rows) == set()
    routers = {"trained", "skewed"} if name in WITH_ROUTER else {"trained"}
    invariant = {"suffix", "neighbours", "batch_of_one", "permuted_rows", "conservation"}
    for router in routers:
        for mode, audits in (("train", invariant), ("decode", invariant | {"decoding"})):
            found = {r.audit for r in rows if (r.router, r.mode) == (router, mode)}
            assert found - {"gradient", "balance_gradient"} == audits
    assert {r.router for r in rows} == routers
    assert ("gradient" in {r.audit for r in rows}) == (name in WITH_ROUTER)


@pytest.mark.parametrize("net", ROUTER_NETS)
@pytest.mark.parametrize("name", ["softk", "expert_choice", "coe", "noisy_topk"])
def test_router_networks_change_no_verdict(name: str, net: str) -> None:
    assert breaches(audit(trained(name, router=net), "cell", sequences(8, 8))) == set()


@pytest.mark.parametrize("changes", [{"shared_hidden": 8, "jitter": 0.1}, {"drop_policy": "none"}])
def test_modifiers_change_no_verdict(changes: dict[str, object]) -> None:
    assert breaches(audit(trained("softk", **changes), "cell", sequences(8, 8))) == set()


@everything
def test_what_is_declared_to_fail_fails(name: str) -> None:
    strategy = registry.load(name)
    failed = {(r.audit, r.mode) for r in audited(name) if not r.passed}
    assert (("suffix", "train") in failed) == (not strategy.causal)
    # under this drop policy or another
    rows = audited(name) + (audited(name, "none") if strategy.fails else [])
    assert {r.audit for r in rows if not r.passed and r.mode == "train"} >= {*strategy.fails}
    if strategy.group == "batch" and strategy.reads_logits:
        assert {(a, "train") for a in ("batch_of_one", "permuted_rows")} <= failed


@pytest.mark.parametrize("policy", ["probability", "random"])
def test_drop_policies_that_are_not_causal_are_not_declared_and_found(policy: str) -> None:
    # a bias against a favourite would leave one second choice to all tokens
    rows = audit(trained("softk", drop_policy=policy, bias_rate=0.0), "cell", sequences(8, 8))
    assert breaches(rows) == set()
    suffixes = [r for r in rows if (r.audit, r.mode) == ("suffix", "train")]
    assert [(r.declared, r.passed) for r in suffixes] == [(False, False)] * 2
    elsewhere = [r for r in rows if (r.audit, r.mode) == ("neighbours", "train")]
    assert all(r.declared == (policy == "probability") for r in elsewhere)


@pytest.mark.parametrize(
    ("strategy", "audit_name", "mode", "expected"),
    [
        ("softk", "suffix", "train", True),
        ("expert_choice", "suffix", "train", False),
        ("expert_choice", "suffix", "decode", True),
        ("expert_choice", "neighbours", "train", True),
        ("as_published_top1", "suffix", "train", True),
        ("as_published_top1", "neighbours", "train", False),
        ("as_published_top1", "neighbours", "decode", True),
        ("as_published_top1", "balance_gradient", "train", False),
        ("as_published_expert_choice", "conservation", "decode", False),
    ],
)
def test_what_is_declared(strategy: str, audit_name: str, mode: str, expected: bool) -> None:
    assert declared(audit_name, mode, moe_of(strategy)) == expected


@pytest.mark.parametrize("net", ROUTER_NETS)
@pytest.mark.parametrize("name", WITH_ROUTER)
def test_skewed_routers_prefer_one_expert(name: str, net: str) -> None:
    model, token_id_NS = exact(trained(name, router=net)), sequences(8, 16)
    for buffer_name, buffer in model.named_buffers():
        if buffer_name.endswith("bias_E"):
            buffer[FAVOURITE] -= 2  # what balancing does to a favourite
    twin = skewed(model, token_id_NS)
    assert twin is not None
    steps = twin(token_id_NS, CAUSAL)[1]
    if registry.load(name).decode is None:  # the others may balance by rule in training
        limited = twin(token_id_NS, TRAINING)[1]
        for step in limited:
            kept = step.routing.kept_A[step.routing.expert_A == FAVOURITE].double().mean()
            assert kept == 1 if registry.load(name).steers_k else kept < 0.5
        steps += limited
    for step in steps:
        assert step.routing.load_E()[FAVOURITE] > 0.95 * step.routing.num_tokens


def test_a_row_says_how_sure_it_is() -> None:
    row = next(r for r in audited("softk") if r.audit == "suffix")
    assert (row.failures, row.trials, row.passed, row.low) == (0, 16, True, 0.0)
    assert row.high == pytest.approx(3.8415 / (16 + 3.8415), abs=1e-4)  # Wilson: z^2 / (n + z^2)
    assert row.max_change < 1e-12
    by_cache = next(r for r in audited("softk") if r.audit == "decoding")
    assert 0 < by_cache.max_change < 1e-12  # other sums, so that a change is there to be seen


def test_a_dense_model_is_refused() -> None:
    config = TransformerConfig(
        dim=16, layers=1, heads=2, ffn_hidden=16, activation="gelu", tied_head=True, moe=None
    )
    with pytest.raises(StudyError, match="audits: dense-f16 is dense"):
        audit(build(config, torch.ones(V), 0), "dense-f16", sequences(2, 8))


def test_trial_sequences_span_the_split_and_start_with_two_tokens() -> None:
    tokens = np.random.default_rng(0).integers(0, 3, 500).astype(np.uint16)
    trial_NS = trial_sequences(tokens, 256)
    assert trial_NS.shape == (256, SEQUENCE)
    assert (trial_NS[:, 0] != trial_NS[:, 1]).all()
    text = "".join(map(str, tokens))
    places = [text.find("".join(map(str, row))) for row in trial_NS.tolist()]
    assert min(places) in range(10)
    assert max(places) in range(len(tokens) - SEQUENCE - 10, len(tokens))
    assert places == sorted(places)
    with pytest.raises(StudyError, match="corpus: the test split has 19 tokens"):
        trial_sequences(tokens[:19], 256)
