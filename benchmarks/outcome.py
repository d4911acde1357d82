"""How a benchmark ends: its result is printed, and written where that is asked for."""

import json
from pathlib import Path

from moe_core.provenance import write_atomic


def publish(result: dict, out: Path | None) -> None:
    """Print a result as JSON, and write the same to a file if one is given."""
    text = json.dumps(result, indent=1)
    print(text)
    if out:
        write_atomic(out, text + "\n")
