"""The default configuration, and edits of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DEFAULT: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"scale": "quick"}
SCALE = "quick"

Edit = Callable[[dict[str, Any]], Any]


def changed(edit: Edit) -> dict[str, Any]:
    """The default configuration, its YAML anchors apart, after an edit."""
    config = json.loads(json.dumps(DEFAULT))
    edit(config)
    return config


def put(path: str, value: object) -> Edit:
    *parents, last = path.split(".")

    def edit(config: dict[str, Any]) -> None:
        for name in parents:
            config = config[name]
        config[last] = value

    return edit


def both(*edits: Edit) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        for one in edits:
            one(config)

    return edit
