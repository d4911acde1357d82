"""Checkpoints of a run: written whole, known by their own digest, the previous one kept.

One safetensors file each, ``<kind>-<step>-<SHA-256 of its bytes>.safetensors``, so that a file that
is not what was written is seen, and nothing in it is ever run as code.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load, save
from torch import Tensor

from moe_core.provenance import canonical_json, write_atomic

NAME = re.compile(r"(step|sound)-(\d{8})-([0-9a-f]{64})\.safetensors")
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """kind: ``sound`` where the run was measured at this step and found healthy, else ``step``.

    step: optimiser steps made. tensors by name, and notes that JSON can hold.
    """

    kind: Literal["step", "sound"]
    step: int
    tensors: dict[str, Tensor]
    notes: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then remove all but the last ``KEPT`` and the last sound one.

    Raises OSError where it cannot be written; the earlier ones are there still.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous().cpu() for name, tensor in checkpoint.tensors.items()}
    content = save(tensors, {"notes": canonical_json(checkpoint.notes)})
    digest = hashlib.sha256(content).hexdigest()
    write_atomic(folder / f"{checkpoint.kind}-{checkpoint.step:08d}-{digest}.safetensors", content)
    sync_folder(folder)
    found = newest_first(folder)
    sound = next((path for path in found if path.name.startswith("sound")), None)
    for old in found[KEPT:]:
        if old != sound:
            old.unlink(missing_ok=True)


def load_checkpoint(
    folder: Path, corrupt: Callable[[Path], None], sound: bool = False
) -> Checkpoint | None:
    """The last checkpoint, or the last sound one, that is what was written, if any.

    One that is not is handed to ``corrupt`` and removed, lest it be kept in place of a good one.
    """
    for path in newest_first(folder):
        kind, step, digest = _parts(path)
        if sound and kind != "sound":
            continue
        try:
            content = path.read_bytes()
        except OSError:  # a bad sector, or another rank removed it
            content = b""
        if hashlib.sha256(content).hexdigest() != digest:
            corrupt(path)
            path.unlink(missing_ok=True)
            continue
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        notes = json.loads(header["__metadata__"]["notes"])
        return Checkpoint("sound" if kind == "sound" else "step", step, load(content), notes)
    return None


def newest_first(folder: Path) -> list[Path]:
    """Checkpoint files by falling step. Symbolic links are none of ours."""
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if NAME.fullmatch(p.name) and not p.is_symlink()]
    return sorted(
        found, key=lambda path: (_parts(path)[1], _parts(path)[0] == "sound"), reverse=True
    )


def _parts(path: Path) -> tuple[str, int, str]:
    matched = NAME.fullmatch(path.name)
    assert matched is not None
    return matched[1], int(matched[2]), matched[3]


def sync_folder(folder: Path) -> None:
    """Have a folder's entries written down, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
