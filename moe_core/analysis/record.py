"""What every routed layer of a model decides on held-out text, as a Parquet file, and back.

A row a (token, layer, step), batch by batch:

- story: place of its story in the split, -1 for the separator that opens the stream
- window, position: its evaluation window, and its place there
- token, text: id in the vocabulary, and what it stands for
- layer, step: both from 0; a sequential strategy has several steps in a layer
- experts, weights, dropped: its assignments by falling combine weight. The weight is that before
  dropping; an assignment is dropped where its expert had no slot left

Recorded by the rule of training at training's capacity, without noise, over the windows of the
final evaluation: load and drops counted here are those of the summary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from moe_core.corpus.batches import EvaluationWindows, TokenSplit
from moe_core.corpus.tokenization import vocabulary_size
from moe_core.corpus.whole_files import whole_files
from moe_core.model.moe_layer import TRAINING
from moe_core.model.transformer import Transformer
from moe_core.routing.draws import Draws
from moe_core.routing.strategy import RoutedLayer

Ints = NDArray[np.int64]
SCHEMA = pa.schema(
    {
        "story": pa.int32(),
        "window": pa.int32(),
        "position": pa.int32(),
        "token": pa.int32(),
        "text": pa.dictionary(pa.int32(), pa.string()),
        "layer": pa.int8(),
        "step": pa.int8(),
        "experts": pa.list_(pa.uint16()),
        "weights": pa.list_(pa.float32()),
        "dropped": pa.list_(pa.bool_()),
    }
)
NOT_RECORDED = b"not_recorded"


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


def not_recorded(path: Path) -> str | None:
    """Why nothing was recorded; None where it was."""
    metadata = pq.read_schema(path).metadata or {}
    return metadata[NOT_RECORDED].decode() if NOT_RECORDED in metadata else None


def recorded_texts(path: Path) -> dict[int, str]:
    """What each token id of a recording stands for."""
    table = pq.read_table(path, columns=["token", "text"]).combine_chunks()
    ids, first = np.unique(table["token"].to_numpy(), return_index=True)
    return dict(zip(ids.tolist(), table["text"].take(pa.array(first)).to_pylist(), strict=True))


@dataclass(frozen=True)
class RecordedLayer:
    """Decisions of one layer on T tokens; the A assignments of all its steps, token by token.

    token_T, story_T: ids, and places of stories. row_A: the token of each assignment, as a place
    among the T. first_T: the expert of a token's largest weight in its first step; num_experts
    where it has none.
    """

    layer: int
    num_experts: int
    token_T: Ints
    story_T: Ints
    row_A: Ints
    expert_A: Ints
    weight_A: NDArray[np.float32]
    dropped_A: NDArray[np.bool_]
    first_T: Ints

    @cached_property
    def chosen_TE(self) -> NDArray[np.bool_]:
        """Which experts a token has, however often."""
        chosen_TE = np.zeros((len(self.token_T), self.num_experts), dtype=bool)
        chosen_TE[self.row_A, self.expert_A] = True
        return chosen_TE

    def counts(self, kind_T: Ints, kinds: int) -> Ints:
        """Assignments before dropping by kind of token and expert, kinds x E."""
        pair_A = kind_T[self.row_A] * self.num_experts + self.expert_A
        counts = np.bincount(pair_A, minlength=kinds * self.num_experts)
        return counts.reshape(kinds, self.num_experts)


def read_layers(path: Path, num_experts: int) -> Iterator[RecordedLayer]:
    """The layers of a recording, in order."""
    columns = [name for name in SCHEMA.names if name not in ("text", "window", "position")]
    table = pq.read_table(path, columns=columns)
    layers = table["layer"].to_numpy()
    for layer in np.unique(layers):
        rows = table.filter(pa.array(layers == layer))
        steps = rows["step"].to_numpy()
        parts = [rows.filter(pa.array(steps == step)) for step in np.unique(steps)]
        yield _layer(int(layer), num_experts, parts)


def _layer(layer: int, num_experts: int, parts: list[pa.Table]) -> RecordedLayer:
    flat: dict[str, list[Any]] = {"row": [], "experts": [], "weights": [], "dropped": []}
    for part in parts:
        lengths_T = pa.compute.list_value_length(part["experts"]).to_numpy()
        flat["row"].append(np.repeat(np.arange(len(lengths_T)), lengths_T))
        for name in ("experts", "weights", "dropped"):
            flat[name].append(pa.compute.list_flatten(part[name]).to_numpy())
    row_A, expert_A, weight_A, dropped_A = (np.concatenate(v) for v in flat.values())
    order_A = np.argsort(row_A, kind="stable")
    rows, starts = np.unique(flat["row"][0], return_index=True)
    first_T = np.full(parts[0].num_rows, num_experts)
    first_T[rows] = flat["experts"][0][starts]
    return RecordedLayer(
        layer,
        num_experts,
        parts[0]["token"].to_numpy().astype(np.int64),
        parts[0]["story"].to_numpy().astype(np.int64),
        row_A[order_A],
        expert_A[order_A].astype(np.int64),
        weight_A[order_A],
        dropped_A[order_A],
        first_T,
    )
