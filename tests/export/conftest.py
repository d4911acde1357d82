import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from moe_core.corpus.batches import open_corpus
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer
from moe_core.runs import RunSpec, run_id
from moe_core.training.run import train_run
from moe_core.training.trained import trained_model
from tests.conftest import moe_of
from tests.explorer.study import usual_row, write_tokens

os.environ["HF_HUB_OFFLINE"] = "1"

STEPS = 40


def row(strategy: str | None, model: dict[str, Any] | None = None, **moe: Any) -> RunSpec:
    """A row of a tiny model, dense for None; ``model`` changes its shape, keywords its routing."""
    shape: dict[str, Any] = {
        "dim": 24,  # whose root is no power of two
        "layers": 2,
        "heads": 2,
        "ffn_hidden": 16,
        "activation": "swiglu",
        "tied_head": True,
        "moe": moe_of(strategy, **moe) if strategy else None,
    }
    usual = usual_row()
    changes = {
        "batch_size": 4,
        "seq_len": 64,
        "steps": STEPS,
        "warmup_steps": 3,
        "evaluate_every": STEPS,
        "learning_rate": 1e-2,
        "valid_tokens": 256,
        "test_tokens": 256,
    }
    training = usual.training.model_copy(update=changes)
    config = TransformerConfig(**shape | (model or {}))
    return usual.model_copy(update={"model": config, "training": training})


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like results/, with a few stories as characters."""
    folder = tmp_path_factory.mktemp("results")
    write_tokens(folder / "tokens" / usual_row().tokens)
    return folder


@pytest.fixture(scope="session")
def trained(results: Path) -> Callable[[RunSpec], tuple[str, Transformer]]:
    """Name and model of a row, which is trained when it is first asked for."""

    def train(spec: RunSpec) -> tuple[str, Transformer]:
        name, corpus = run_id(spec), open_corpus(results / "tokens" / spec.tokens)
        folder = results / "runs" / name
        if not folder.exists():
            done = train_run(name, spec.model, spec.training, spec.seed, "cpu", corpus)
            folder.mkdir(parents=True)
            save_file(done.model.stored_tensors(), folder / "weights.safetensors")
            write_summary(folder, spec, "finished", done.test, None)
        return name, trained_model(folder, spec.model, corpus.counts_V)

    return train


def write_summary(
    folder: Path, spec: RunSpec, status: str, test: Any, failure: dict[str, Any] | None
) -> None:
    """What a run's summary says, as far as an export reads it."""
    corpus = open_corpus(folder.parents[1] / "tokens" / spec.tokens)
    told = {
        "run": run_id(spec),
        "status": status,
        "test": test,
        "failure": failure,
        "tokens_sha256": corpus.sha256,
        "vocab_size": corpus.counts_V.numel(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(told | {"spec": spec.model_dump(mode="json")})
    (folder / "summary.json").write_text(text)
