"""What happened to a run, over all its attempts. Free of torch."""

import json
import time
from pathlib import Path
from typing import Any

from moe_core.provenance import canonical_json


class History:
    """Events of a run over all its attempts, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, event: str, step: int, **more: object) -> None:
        """Append a line in one write, on a line of its own whatever a kill left before it."""
        row = {"time": round(time.time(), 3), "event": event, "step": step, **more}
        torn = self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n")
        with open(self.path, "ab", buffering=0) as file:
            file.write(b"\n" * torn + canonical_json(row).encode() + b"\n")

    def events(self) -> list[dict[str, Any]]:
        """All events; a line that was cut off is left out."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found
