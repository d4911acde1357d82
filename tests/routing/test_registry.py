import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moe_core.routing import registry
from moe_core.routing.strategy import Strategy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of strategies of its own; the caches are empty before and after."""
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    caches = (registry.names, registry.declaration)
    for cached in caches:
        cached.cache_clear()
    yield tmp_path
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize("name", registry.names())
def test_the_declaration_in_the_source_is_the_imported_one(name: str) -> None:
    strategy = registry.load(name)
    assert isinstance(strategy, Strategy)
    data = {
        field.name: getattr(strategy, field.name)
        for field in dataclasses.fields(Strategy)
        if field.name not in ("route", "table")
    }
    assert dict(registry.declaration(name)) == data


def test_labels_tell_strategies_apart() -> None:
    assert {"top1", "topk_hard", "softk", "hash", "expert_choice"} <= set(registry.names())
    labels = [registry.declaration(name)["label"] for name in registry.names()]
    assert len(set(labels)) == len(labels)


def test_declarations_are_read_without_importing_torch() -> None:
    read = (
        "import sys; from moe_core.routing import registry as r; "
        "[r.declaration(n) for n in r.names()]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", read], check=True, cwd=Path(__file__).parents[2])


def test_a_strategy_is_a_file(folder: Path) -> None:
    (folder / "_private.py").write_text("")
    (folder / "wanderer.py").write_text("STRATEGY = Strategy(label='w', causal=False, route=f)\n")
    assert registry.names() == ("wanderer",)
    assert registry.declaration("wanderer")["label"] == "w"
    assert registry.declaration("wanderer")["causal"] is False


@pytest.mark.parametrize("source", ["", "OTHER = Strategy(label='x')", "STRATEGY = make()"])
def test_a_file_without_a_declaration_is_an_error(folder: Path, source: str) -> None:
    (folder / "empty.py").write_text(source)
    with pytest.raises(ValueError, match=r"empty\.py.*STRATEGY"):
        registry.declaration("empty")
