"""Many texts at once, a token of each at a time."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence

from moe_core.inference.decoder import Decoder
from moe_core.inference.sampling import Sampling
from moe_core.model.transformer import Transformer
from moe_core.routing.strategy import RoutedLayer


class Step(NamedTuple):
    """token_ids: what each text gets, None where it has ended before. ended: which end with it.

    routed: what the layers decided on the tokens read for it: all prompts, padded to the longest,
    in the first step, and then the last token of each text.
    """

    token_ids: list[int | None]
    ended: list[bool]
    routed: list[RoutedLayer]


def generate(
    model: Transformer,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    sampling: Sampling,
    stop_id: int,
    decoder_of: Callable[[Transformer, int, int], Decoder] = Decoder,
) -> Iterator[Step]:
    """Continue each prompt by up to its limit of tokens; a text ends with ``stop_id`` before that.

    decoder_of: ``Decoder``, or ``compiled_decoder`` where many texts repay its compilation. What a
    text becomes does not depend on the others, but for its place in the seed's streams.
    """
    batch, steps = len(prompts), max(limits)
    length_B = torch.tensor([len(prompt) for prompt in prompts])
    # texts that have ended are read on, and not looked at, until all have
    decoder = decoder_of(model, batch, int(length_B.max()) + steps)
    padded_BS = pad_sequence([torch.tensor(prompt) for prompt in prompts], batch_first=True)
    draw_SB = sampling.draws(batch, steps).t()
    logits_BV, routed = decoder.read_prompts(padded_BS, length_B)
    ended = [False] * batch
    for step in count():
        token_id_B = sampling.choose(logits_BV, draw_SB[step])
        chosen = zip(token_id_B.tolist(), ended, strict=True)
        token_ids = [None if over else token for token, over in chosen]
        ended = [
            over or token == stop_id or step + 1 >= limit
            for token, over, limit in zip(token_ids, ended, limits, strict=True)
        ]
        yield Step(token_ids, ended, routed)
        if all(ended):
            return
        logits_BV, routed = decoder.read(token_id_B)
