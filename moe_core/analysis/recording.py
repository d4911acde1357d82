"""Recordings of routing: what every routed layer decides on held-out text, as a Parquet file.

Free of torch, which only writing one needs (``record``).

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

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

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

    @cached_property
    def load_E(self) -> Ints:
        """Assignments of each expert before dropping."""
        return np.bincount(self.expert_A, minlength=self.num_experts)

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
        lengths_T = pc.list_value_length(part["experts"]).to_numpy()
        flat["row"].append(np.repeat(np.arange(len(lengths_T)), lengths_T))
        for name in ("experts", "weights", "dropped"):
            flat[name].append(pc.list_flatten(part[name]).to_numpy())
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
