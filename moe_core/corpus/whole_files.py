"""Files too large for memory, written beside their places and moved there together."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_files(*paths: Path) -> Iterator[list[BinaryIO]]:
    """Open files that become ``paths`` when the block ends, and vanish when it fails.

    What killed writers left is removed. One that lives on without its snakemake, perhaps with
    another configuration, fails for that with FileNotFoundError and replaces nothing. OSError
    names the folder where the system names no file.
    """
    parts = [path.with_name(f".{path.name}.{secrets.token_hex(8)}") for path in paths]
    for path in paths:
        for left in path.parent.glob(f".{escape(path.name)}.*"):
            left.unlink(missing_ok=True)
    try:
        with ExitStack() as stack:
            files: list[BinaryIO] = [stack.enter_context(part.open("xb")) for part in parts]
            yield files
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        for part, path in zip(parts, paths, strict=True):
            os.replace(part, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(paths[0].parent)
        for part in parts:
            with suppress(OSError):
                part.unlink()
        raise
