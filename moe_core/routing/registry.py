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

FUNCTIONS = ("route", "decode", "table", "state", "update", "loss", "expert_std")
DEFAULTS: dict[str, Any] = {
    "min_top_k": 1,
    "max_top_k": None,
    "balanced_by": "switch",
    "gate": "softmax",
    "fills_capacity": False,
    "steers_k": False,
    "reads_logits": True,
    "noise_router": False,
    "sequential": False,
    "control": False,
    "fails": (),
}


@cache
def _found() -> dict[str, tuple[str, str]]:
    """Module and variable of each strategy.

    ``STRATEGY = Strategy(...)`` in ``softk.py`` is ``softk``; ``STRATEGY_TOP1`` in a file that
    declares several, ``as_published.py``, is ``as_published_top1``.
    """
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem.startswith("_"):
            continue
        variables = _declarations(path)
        if not variables:
            raise ValueError(f"{path}: no `STRATEGY = Strategy(...)` found")
        for variable in variables:
            found[path.stem + variable.removeprefix("STRATEGY").lower()] = (path.stem, variable)
    return found


def _declarations(path: Path) -> dict[str, list[ast.keyword]]:
    """Keywords of each top-level ``STRATEGY... = Strategy(...)``, by variable."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=variable)],
                value=ast.Call(func=ast.Name(id="Strategy"), keywords=keywords),
            ) if variable.startswith("STRATEGY"):
                found[variable] = keywords
    return found


def names() -> tuple[str, ...]:
    """All strategies, sorted."""
    return tuple(sorted(_found()))


def module_name(name: str) -> str:
    """Dotted name of the module that holds a strategy."""
    return f"moe_core.routing.strategies.{_found()[name][0]}"


@cache
def declaration(name: str) -> MappingProxyType[str, Any]:
    """Literal keywords of the strategy's declaration, read from the source, not executed.

    Raises ValueError where a strategy that is not causal has no rule for a decoder.
    """
    stem, variable = _found()[name]
    keywords = _declarations(FOLDER / f"{stem}.py")[variable]
    literals = {str(k.arg): k.value for k in keywords if k.arg not in (None, *FUNCTIONS)}
    declared = DEFAULTS | {name: ast.literal_eval(value) for name, value in literals.items()}
    if not declared.get("causal", True) and not any(k.arg == "decode" for k in keywords):
        raise ValueError(f"{name}: causal=False needs decode=, the rule of a decoder")
    return MappingProxyType(declared)


@cache
def functions(name: str) -> frozenset[str]:
    """The functions that the strategy declares, of FUNCTIONS."""
    stem, variable = _found()[name]
    keywords = _declarations(FOLDER / f"{stem}.py")[variable]
    return frozenset(FUNCTIONS).intersection(str(k.arg) for k in keywords)


@cache
def load(name: str) -> "Strategy":
    """The strategy itself; imports its module."""
    strategy: Strategy = getattr(importlib.import_module(module_name(name)), _found()[name][1])
    return strategy
