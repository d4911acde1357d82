"""Record what the routers of a model decide: see ``recording``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer
from torch import Tensor

from moe_core.analysis.recording import NOT_RECORDED, SCHEMA, Ints
from moe_core.corpus.batches import EvaluationWindows, TokenSplit
from moe_core.corpus.tokenization import vocabulary_size
from moe_core.corpus.whole_files import whole_files
from moe_core.model.moe_layer import TRAINING
from moe_core.model.transformer import Transformer
from moe_core.routing.draws import Draws
from moe_core.routing.strategy import RoutedLayer


def token_texts(tokenizer: Tokenizer) -> list[str]:
    """What each id of the vocabulary stands for; part of a character prints as U+FFFD."""
    ids = [[i] for i in range(vocabulary_size(tokenizer))]
    return tokenizer.decode_batch(ids, skip_special_tokens=False)


def story_of_tokens(split: TokenSplit, count: int) -> Ints:
    """The story of each of the first ``count`` tokens of a split, -1 for the first separator."""
    ends = np.cumsum(split.tokens_per_story)
    return np.searchsorted(ends, np.arange(count) - 1, side="right") - (np.arange(count) == 0)


@torch.no_grad()
def record(
    model: Transformer,
    windows: EvaluationWindows,
    story_NS: Ints,
    texts: Sequence[str],
    batch_size: int,
    steps: int,
    draws: Draws,
    path: Path,
) -> None:
    """Write what a model in evaluation mode decides. Atomic; memory holds a batch.

    story_NS: of each input. steps: of a layer. draws: for the ``random`` drop policy alone.
    """
    dictionary = pa.array(texts, pa.string())
    with whole_files(path) as (out,), pq.ParquetWriter(out, SCHEMA, compression="zstd") as writer:
        for start in range(0, len(windows.inputs_NS), batch_size):
            rows = slice(start, start + batch_size)
            inputs_BS = windows.inputs_NS[rows]
            batch, size = inputs_BS.shape
            ids = inputs_BS.flatten().numpy()
            known = {
                "story": story_NS[rows].ravel(),
                "window": np.repeat(np.arange(start, start + batch), size),
                "position": np.tile(np.arange(size), batch),
                "token": ids,
            }
            used, index_T = np.unique(ids, return_inverse=True)
            text_T = pa.DictionaryArray.from_arrays(
                pa.array(index_T, pa.int32()), dictionary.take(pa.array(used))
            )
            for place, routed in enumerate(model(inputs_BS, TRAINING, draws)[1]):
                layer, step = divmod(place, steps)
                columns = {name: pa.array(v, SCHEMA.field(name).type) for name, v in known.items()}
                columns["text"] = text_T
                for name, value in (("layer", layer), ("step", step)):
                    columns[name] = pa.array(np.full(len(ids), value), pa.int8())
                columns |= _assignments(routed)
                writer.write_table(pa.table(columns, SCHEMA))


def _assignments(routed: RoutedLayer) -> dict[str, pa.ListArray]:
    routing = routed.routing
    token_A, weight_A = routing.token_A.numpy(), routing.weight_A.float().numpy()
    order_A = np.lexsort((-weight_A, token_A))
    ends_T = np.cumsum(np.bincount(token_A, minlength=routing.num_tokens))
    offsets = pa.array(np.concatenate([[0], ends_T]), pa.int32())
    of_A: dict[str, Tensor] = {
        "experts": routing.expert_A,
        "weights": routing.weight_A.float(),
        "dropped": ~routing.kept_A,
    }
    return {
        name: pa.ListArray.from_arrays(
            offsets, pa.array(values.numpy()[order_A], SCHEMA.field(name).type.value_type)
        )
        for name, values in of_A.items()
    }


def record_nothing(reason: str, path: Path) -> None:
    """A file without rows, which says why."""
    empty = SCHEMA.with_metadata({NOT_RECORDED: reason.encode()}).empty_table()
    with whole_files(path) as (out,):
        pq.write_table(empty, out)
