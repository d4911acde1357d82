import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moe_core.routing import registry
from moe_core.routing.strategy import Strategy

EXPECTED = {
    *("top1", "topk_hard", "softk", "softk_pre", "hash", "expert_choice", "expert_threshold"),
    *("loss_free", "noisy_topk", "gshard", "sinkhorn", "remoe", "coe"),
    *("frozen_router", "position_hash"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of strategies of its own; the caches are empty before and after."""
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    caches = (registry._found, registry.declaration)
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
        if field.name not in registry.FUNCTIONS
    }
    assert dict(registry.declaration(name)) == data


def test_labels_tell_strategies_apart() -> None:
    assert set(registry.names()) >= EXPECTED
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
    source = "STRATEGY = Strategy(label='w', causal=False, route=f, decode=g)\n"
    (folder / "wanderer.py").write_text(source)
    assert registry.names() == ("wanderer",)
    assert registry.declaration("wanderer")["label"] == "w"
    assert registry.declaration("wanderer")["causal"] is False


def test_a_strategy_that_looks_ahead_has_a_rule_for_a_decoder(folder: Path) -> None:
    (folder / "prophet.py").write_text("STRATEGY = Strategy(label='p', causal=False, route=f)\n")
    with pytest.raises(ValueError, match=r"^prophet: causal=False needs decode="):
        registry.declaration("prophet")


def test_a_file_may_declare_several(folder: Path) -> None:
    lines = [f"STRATEGY_{n} = Strategy(label='{n}', causal=True, route=f)" for n in ("ONE", "TWO")]
    (folder / "many.py").write_text("\n".join([*lines, "LIMIT = Strategy", "OTHER = Strategy()"]))
    (folder / "plain.py").write_text("STRATEGY = Strategy(label='p', fails=('a', 'b'), update=g)\n")
    assert registry.names() == ("many_one", "many_two", "plain")
    assert registry.declaration("many_two")["label"] == "TWO"
    assert registry.module_name("many_two").endswith(".strategies.many")
    plain = registry.declaration("plain")
    assert plain["fails"] == ("a", "b")
    assert "update" not in plain
    assert plain["balanced_by"] == "switch"


@pytest.mark.parametrize("source", ["", "OTHER = Strategy(label='x')", "STRATEGY = make()"])
def test_a_file_without_a_declaration_is_an_error(folder: Path, source: str) -> None:
    (folder / "empty.py").write_text(source)
    with pytest.raises(ValueError, match=r"empty\.py.*STRATEGY"):
        registry.declaration("empty")
