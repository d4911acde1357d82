"""A decoder is the model's full pass over each text alone, whatever its neighbours."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from moe_core.dispatch import auto
from moe_core.inference.compiled import compiled_decoder
from moe_core.inference.decoder import Decoder
from moe_core.model.config import TransformerConfig
from moe_core.model.moe_layer import CAUSAL, MoELayer
from moe_core.model.transformer import Transformer, build
from moe_core.routing import registry
from tests.conftest import moe_of

V, READ = 30, 6
LENGTHS = [3, 9, 1, 5]
everything = pytest.mark.parametrize("name", [None, *registry.names()])


def model_for(name: str | None, dtype: torch.dtype, router: str = "linear") -> Transformer:
    """With what layers carry between steps moved away from its start, and a shared expert."""
    moe = moe_of(name, bias_rate=0.1, capacity_factor=0.5, router=router) if name else None
    if moe and name and not name.startswith("as_published"):
        moe = moe.model_copy(update={"shared_hidden": 8})
    config = TransformerConfig(
        dim=32, layers=2, heads=2, ffn_hidden=32, activation="swiglu", tied_head=False, moe=moe
    )
    model = build(config, torch.arange(1, V + 1), 0).to(dtype).eval()
    draw = torch.Generator().manual_seed(0)
    for buffer_name, buffer in model.named_buffers():
        if buffer_name.endswith(("bias_E", "threshold_E")):
            buffer += 0.05 * torch.randn(4, generator=draw, dtype=dtype)
    return model


def texts() -> list[Tensor]:
    """Prompts of LENGTHS, and READ more tokens each."""
    draw = torch.Generator().manual_seed(1)
    return [torch.randint(V, (length + READ,), generator=draw) for length in LENGTHS]


def decoded(
    model: Transformer,
    rows: list[Tensor],
    padding: int,
    decoder_of: Callable[[Transformer, int, int], Decoder] = Decoder,
) -> list[Tensor]:
    """Of each text its logits from the last token of the prompt on."""
    length_B = torch.tensor([len(row) - READ for row in rows])
    padded_BS = torch.full((len(rows), int(length_B.max())), padding)
    for row, (text, length) in enumerate(zip(rows, length_B.tolist(), strict=True)):
        padded_BS[row, :length] = text[:length]
    decoder = decoder_of(model, len(rows), int(length_B.max()) + READ)
    parts = [decoder.read_prompts(padded_BS, length_B)[0]]
    for step in range(READ):
        tokens = [text[length + step] for text, length in zip(rows, length_B, strict=True)]
        parts.append(decoder.read(torch.stack(tokens))[0])
    return [*torch.stack(parts, dim=1)]


@torch.no_grad()
def full(model: Transformer, text: Tensor) -> Tensor:
    """The same by one pass over the text alone."""
    return model(text[None], CAUSAL)[0][0, len(text) - READ - 1 :]


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@everything
def test_decoding_ragged_prompts_is_the_full_pass_of_each(
    name: str | None, dtype: torch.dtype, atol: float
) -> None:
    model = model_for(name, dtype)
    for found, text in zip(decoded(model, texts(), padding=7), texts(), strict=True):
        torch.testing.assert_close(found, full(model, text), atol=atol, rtol=0)


@pytest.mark.parametrize("router", ["mlp", "mlp_hadamard", "cosine"])
def test_so_it_is_behind_every_router_network(router: str) -> None:
    model = model_for("softk", torch.float64, router)
    for found, text in zip(decoded(model, texts(), padding=0), texts(), strict=True):
        torch.testing.assert_close(found, full(model, text), atol=1e-10, rtol=0)


@pytest.mark.parametrize("fewest", [16, 0], ids=["gathered", "active"])
def test_a_compiled_decoder_is_the_full_pass_too(
    fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "FEWEST", fewest)  # 4 texts, 8 assignments: as of many texts
    torch.compiler.reset()
    model = model_for("softk", torch.float32)
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for _ in range(2):  # what is compiled serves the second
        found = decoded(model, texts(), padding=7, decoder_of=compiled_decoder)
        for ours, text in zip(found, texts(), strict=True):
            torch.testing.assert_close(ours, full(model, text), atol=1e-5, rtol=0)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before + 1


def test_padding_and_neighbours_change_nothing() -> None:
    model = model_for("softk", torch.float64)
    rows = texts()
    first, other = decoded(model, rows, padding=0), decoded(model, rows, padding=V - 1)
    alone = [decoded(model, [row], padding=0)[0] for row in rows]
    for ours, theirs, own in zip(first, other, alone, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
        torch.testing.assert_close(ours, own, atol=1e-12, rtol=0)


def test_a_prompt_after_another_starts_afresh() -> None:
    model = model_for("softk", torch.float64)
    decoder = Decoder(model, 1, 20)
    text = texts()[1][None]
    decoder.read_prompts(text, torch.tensor([text.shape[1]]))
    again, _ = decoder.read_prompts(text[:, :4], torch.tensor([4]))
    with torch.no_grad():
        expected = model(text[:, :4], CAUSAL)[0][:, -1]
    torch.testing.assert_close(again, expected, atol=1e-10, rtol=0)


def test_layers_decide_by_the_place_in_the_text_not_in_the_pass() -> None:
    model = model_for("position_hash", torch.float64)
    layer = model.blocks[0].ffn
    assert isinstance(layer, MoELayer)
    decoder = Decoder(model, 2, 10)
    decoder.read_prompts(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([3, 1]))
    _, routed = decoder.read(torch.zeros(2, dtype=torch.int64))
    assert routed[0].routing.expert_A.view(2, 2).tolist() == [[3, 0], [1, 2]]
