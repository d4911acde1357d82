"""What is written is what reading everything again for each token would write."""

from itertools import pairwise

import pytest
import torch

from moe_core.inference.generation import Step, generate
from moe_core.inference.sampling import Sampling
from moe_core.inference.trace import Trace, choices_of
from moe_core.model.moe_layer import CAUSAL
from moe_core.model.transformer import Transformer
from tests.inference.test_decoder import V, model_for

PROMPTS = [[1, 5, 9], [2], [7, 7, 3, 1, 0, 4], [2, 8]]
LIMITS = [8, 3, 5, 1]
NEVER = V  # an id that no text gets
GREEDY, WARM = Sampling(0.0, 1.0, 0), Sampling(1.5, 0.9, 3)


def written(model: Transformer, sampling: Sampling, stop: int) -> list[list[int]]:
    """What each text gets."""
    steps = [*generate(model, PROMPTS, LIMITS, sampling, stop)]
    rows = zip(*(step.token_ids for step in steps), strict=True)
    return [[token for token in row if token is not None] for row in rows]


@torch.no_grad()
def expected(model: Transformer, sampling: Sampling, stop: int) -> list[list[int]]:
    """The same, a text at a time, each token after a full pass."""
    texts = []
    for row, (prompt, limit) in enumerate(zip(PROMPTS, LIMITS, strict=True)):
        text = [*prompt]
        for step in range(limit):
            logits_V = model(torch.tensor([text]), CAUSAL)[0][0, -1]
            draw = sampling.draws(row + 1, limit)[row, step]
            text.append(int(sampling.choose(logits_V[None], draw[None])))
            if text[-1] == stop:
                break
        texts.append(text[len(prompt) :])
    return texts


@pytest.mark.parametrize("sampling", [GREEDY, WARM], ids=["greedy", "drawn"])
@pytest.mark.parametrize("name", [None, "softk", "expert_choice", "coe", "remoe"])
def test_texts_are_those_of_full_passes(name: str | None, sampling: Sampling) -> None:
    model = model_for(name, torch.float64)
    free = expected(model, sampling, NEVER)
    assert [*map(len, free)] == LIMITS
    assert written(model, sampling, NEVER) == free


def test_a_text_ends_with_the_stop_token_and_says_so() -> None:
    model = model_for("softk", torch.float64)
    stop = expected(model, WARM, NEVER)[0][2]
    cut = expected(model, WARM, stop)
    assert len(cut[0]) < LIMITS[0]
    assert cut[0][-1] == stop
    assert written(model, WARM, stop) == cut
    steps = [*generate(model, PROMPTS, LIMITS, WARM, stop)]
    for before, after in pairwise(steps):
        assert [token is None for token in after.token_ids] == before.ended
    assert all(steps[-1].ended)


def test_one_seed_gives_one_text() -> None:
    model = model_for("softk", torch.float32)
    assert written(model, WARM, NEVER) == written(model, WARM, NEVER)
    assert written(model, WARM, NEVER) != written(model, Sampling(1.5, 0.9, 4), NEVER)


@pytest.mark.parametrize("name", ["softk", "coe", "remoe", "position_hash"])
def test_the_trace_is_what_a_full_pass_decides(name: str) -> None:
    model = model_for(name, torch.float64)
    stop = expected(model, WARM, NEVER)[0][2]
    steps = model.moe_layers()[0].steps
    trace = Trace(PROMPTS, steps)
    for step in generate(model, PROMPTS, LIMITS, WARM, stop):
        trace.add(step)
    for row, (prompt, text) in enumerate(zip(PROMPTS, expected(model, WARM, stop), strict=True)):
        read = (prompt + text)[:-1]  # nothing follows the last
        assert trace.token_ids[row] == read
        with torch.no_grad():
            layers = model(torch.tensor([read]), CAUSAL)[1]
        assert len(layers) == len(trace.parts) == 2 * steps
        for part, layer in zip(trace.parts, layers, strict=True):
            for found, theirs in zip(part[row], choices_of(layer.routing), strict=True):
                assert [e for e, _ in found] == [e for e, _ in theirs]
                assert [w for _, w in found] == pytest.approx([w for _, w in theirs])


def test_a_step_tells_the_prompts_first() -> None:
    first = next(generate(model_for("softk", torch.float32), PROMPTS, LIMITS, GREEDY, NEVER))
    assert isinstance(first, Step)
    assert first.routed[0].routing.num_tokens == len(PROMPTS) * 6
