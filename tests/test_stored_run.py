"""Files of a finished run that are missing, damaged, or of another run are named in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moe_core.corpus.batches import open_corpus
from moe_core.corpus.tokenization import character_tokenizer
from moe_core.errors import StudyError
from moe_core.export.export_run import export_run
from moe_core.inference.trained_run import open_run
from moe_core.runs import run_id
from tests.explorer.study import spec_of, write_run, write_tokens

SPEC, OTHER = spec_of("softk", {}), spec_of("softk", {"num_experts": 8})
RUN = run_id(SPEC)
FILES = {
    "summary": f"runs/{RUN}/summary.json",
    "weights": f"runs/{RUN}/weights.safetensors",
    "meta": f"tokens/{SPEC.tokens}/meta.json",
    "tokenizer": f"tokens/{SPEC.tokens}/tokenizer.json",
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A finished run, and another of other weights."""
    tokens = tmp_path / "tokens" / SPEC.tokens
    write_tokens(tokens)
    for spec in (SPEC, OTHER):
        write_run(tmp_path / "runs" / run_id(spec), spec, open_corpus(tokens))
    return tmp_path


def changed(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Changes what a file of JSON says."""

    def damage(path: Path) -> None:
        told = json.loads(path.read_text())
        change(told)
        path.write_text(json.dumps(told))

    return damage


def content(data: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(data)


DAMAGE: list[tuple[str, Callable[[Path], Any], str]] = [
    *(
        ("summary", content(data), "cannot be read|is no summary")
        for data in (b"", b"[]", b"{}", b"1", b"\xff\xfe", b"{")
    ),
    ("summary", content(b"[" * 100_000), "cannot be read"),
    ("summary", changed(lambda told: told["spec"].update(colour=1)), "spec.colour: Extra inputs"),
    ("summary", changed(lambda told: told.pop("spec")), "is no summary"),
    ("summary", changed(lambda told: told.pop("tokens_sha256")), "is no summary"),
    ("summary", changed(lambda told: told.pop("test")), "is no summary"),
    *(
        (name, damage, "cannot be read")
        for name in ("weights", "meta", "tokenizer")
        for damage in (Path.unlink, content(b"\xff{"))
    ),
    ("meta", content(b"[]"), "does not describe tokens"),
    ("meta", changed(lambda told: told["splits"]["test"].update(sha256="0")), "of other tokens"),
    ("tokenizer", lambda path: character_tokenizer("abc").save(str(path)), "has 5 tokens, where"),
    (
        "weights",
        lambda path: path.write_bytes(
            (path.parents[1] / run_id(OTHER) / "weights.safetensors").read_bytes()
        ),
        "holds weights of another model: size mismatch",
    ),
]


@pytest.mark.parametrize(("name", "damage", "words"), DAMAGE)
def test_the_file_is_named(
    name: str, damage: Callable[[Path], Any], words: str, results: Path
) -> None:
    open_run(RUN, results)
    path = results / FILES[name]
    damage(path)
    for use in (open_run, lambda *given: export_run(*given, results / "new")):
        with pytest.raises(StudyError, match=words) as refusal:
            use(RUN, results)
        assert str(refusal.value).startswith(str(path))
        assert "\n" not in str(refusal.value)
    assert not (results / "new").exists()
