"""Five things that may not move a logit: later tokens, neighbours, batch, order, and decoding.

Each takes a float64 model, a mode of routing, the sequences of one batch and a source of draws, and
gives change_B: how far a logit moved that had to stay. A sequence is a row of token ids; of models
of images an image, which has neither later tokens nor a decoder.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from moe_core.audits.finding import Finding, largest, of_changes
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import Mode
from moe_core.model.transformer import KVCache
from moe_core.random_streams import stream
from moe_core.routing.draws import Draws

BATCH = 8  # sequences of a batch where neighbours matter
WIDE = 32  # the same where they do not

Invariance = Callable[[LanguageModel, Mode, Tensor, torch.Generator], Tensor]


def logits(model: LanguageModel, mode: Mode, rows_B: Tensor) -> Tensor:
    """logits_BSV; noise and the ``random`` drop policy draw the same each time."""
    logits_BSV: Tensor = model(rows_B, mode, Draws(stream(0, "audit drops")))[0]
    return logits_BSV


def replaced(model: LanguageModel, rows_B: Tensor, draw: torch.Generator) -> Tensor:
    """Random tokens, each another than the one in its place; images of noise."""
    if rows_B.is_floating_point():
        return torch.randn(rows_B.shape, generator=draw).to(rows_B)
    shift_BS = torch.randint(1, model.vocab_size, rows_B.shape, generator=draw)
    return (rows_B + shift_BS) % model.vocab_size


def suffix(model: LanguageModel, mode: Mode, token_id_BS: Tensor, draw: torch.Generator) -> Tensor:
    """New tokens from a position on move no logit before it, whatever the position.

    Every position, because a leak may look a single token ahead, and seldom: if one token in 1,000
    does, and is served, 256 sequences of 20 tokens show it with probability 0.99.
    """
    new_BS = replaced(model, token_id_BS, draw)
    before_BSV = logits(model, mode, token_id_BS)
    changes = []
    for cut in range(1, token_id_BS.shape[1]):
        mixed_BS = torch.cat([token_id_BS[:, :cut], new_BS[:, cut:]], 1)
        after_BSV = logits(model, mode, mixed_BS)
        changes.append(largest(after_BSV[:, :cut] - before_BSV[:, :cut]))
    return torch.stack(changes).amax(0)


def neighbours(model: LanguageModel, mode: Mode, rows_B: Tensor, draw: torch.Generator) -> Tensor:
    """New sequences in the places of a random half of the others, then of the other half."""
    new_B = replaced(model, rows_B, draw)
    before_BSV = logits(model, mode, rows_B)
    change_B = before_BSV.new_zeros(len(rows_B))
    kept_B = torch.rand(len(rows_B), generator=draw).argsort() % 2 == 0
    for stays_B in (kept_B, ~kept_B):
        mixed_B = new_B.clone()
        mixed_B[stays_B] = rows_B[stays_B]
        after_BSV = logits(model, mode, mixed_B)
        change_B[stays_B] = largest(after_BSV - before_BSV)[stays_B]
    return change_B


def batch_of_one(model: LanguageModel, mode: Mode, rows_B: Tensor, _: torch.Generator) -> Tensor:
    """Each sequence by itself."""
    alone_BSV = torch.cat([logits(model, mode, row_1) for row_1 in rows_B.split(1)])
    return largest(alone_BSV - logits(model, mode, rows_B))


def permuted_rows(
    model: LanguageModel, mode: Mode, rows_B: Tensor, draw: torch.Generator
) -> Tensor:
    """The sequences of the batch in random order."""
    order_B = torch.randperm(len(rows_B), generator=draw)
    before_BSV = logits(model, mode, rows_B)
    return largest(logits(model, mode, rows_B[order_B]) - before_BSV[order_B])


def decoding(model: LanguageModel, mode: Mode, token_id_BS: Tensor, _: torch.Generator) -> Tensor:
    """Token by token with a cache of keys and values, as a decoder reads, against one pass."""
    cache = KVCache()
    read = [model(ids_B1, mode, cache=cache)[0] for ids_B1 in token_id_BS.split(1, dim=1)]
    return largest(torch.cat(read, 1) - logits(model, mode, token_id_BS))


INVARIANCES: dict[str, Invariance] = {
    "suffix": suffix,
    "neighbours": neighbours,
    "batch_of_one": batch_of_one,
    "permuted_rows": permuted_rows,
    "decoding": decoding,
}
SAME_PLACES = ("suffix", "neighbours")
BETWEEN_SEQUENCES = ("neighbours", "batch_of_one", "permuted_rows")


@torch.no_grad()
def invariance(name: str, model: LanguageModel, mode: Mode, rows_N: Tensor) -> Finding:
    """Audit N sequences, each a trial that fails if any of its logits moved.

    A suffix is changed in a batch of one where routing looks at the whole batch: what other
    sequences do to it is another audit.
    """
    batch = BATCH if name in BETWEEN_SEQUENCES else WIDE
    over_batch = any(layer.strategy.group == "batch" for layer in model.moe_layers())
    if name == "suffix" and over_batch and mode.rule == "train":
        batch = 1
    draw = stream(0, "audit", name)
    # with the noise of training where it is drawn by place, and so the same after the change
    model.train(mode.rule == "train" and name in SAME_PLACES)
    changes = [INVARIANCES[name](model, mode, rows_B, draw) for rows_B in rows_N.split(batch)]
    model.eval()
    return of_changes(torch.cat(changes))
