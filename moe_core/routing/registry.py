"""Find strategies by file name. Adding a file to ``strategies/`` adds a strategy.

Nothing here imports a strategy until ``load``: a configuration is checked, and a workflow is
planned, from the declarations alone, which are literals in the source.
"""

import ast
import importlib
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_core.routing.strategy import Strategy

FOLDER = Path(__file__).parent / "strategies"


def module_name(name: str) -> str:
    """Dotted name of the module that holds a strategy."""
    return f"moe_core.routing.strategies.{name}"


@cache
def names() -> tuple[str, ...]:
    """All strategies, sorted."""
    return tuple(sorted(p.stem for p in FOLDER.glob("*.py") if not p.stem.startswith("_")))


@cache
def declaration(name: str) -> MappingProxyType[str, Any]:
    """Literal keywords of ``STRATEGY = Strategy(...)``, read from the source, not executed.

    Raises ValueError if the file holds no such assignment.
    """
    path = FOLDER / f"{name}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id="STRATEGY")],
                value=ast.Call(func=ast.Name(id="Strategy"), keywords=keywords),
            ):
                literals = [k for k in keywords if k.arg not in (None, "route", "table")]
                found = {str(k.arg): ast.literal_eval(k.value) for k in literals}
                defaults: dict[str, Any] = {"min_top_k": 1, "max_top_k": None}
                defaults |= {"fills_capacity": False, "reads_logits": True}
                return MappingProxyType(defaults | found)
    raise ValueError(f"{path}: no `STRATEGY = Strategy(...)` with literal keywords found")


@cache
def load(name: str) -> "Strategy":
    """The strategy itself; imports its module."""
    strategy: Strategy = importlib.import_module(module_name(name)).STRATEGY
    return strategy
