"""The command that trains adapters, as a job runs it."""

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from moe_core import failures
from moe_core.adapted_run import export_adapter
from moe_core.corpus.batches import open_corpus
from moe_core.errors import StudyError
from moe_core.model.transformer import build
from moe_core.runs import AdapterSpec, TrainedBase, canonical
from moe_core.study import load_study
from tests.configurations import ROOT, changed
from tests.training.test_train_command import command, ended, outputs, tokens, until_step

__all__ = ["tokens"]  # a fixture
QUESTION = "Is {} more than 4?\n\nAnswer format: true/false"


def spec_of(method: str, task: str = "stories") -> AdapterSpec:
    """A small row of a method."""

    def edit(config: dict[str, Any]) -> None:
        scale = config["scales"]["quick"]
        scale["model"] |= {"dim": 32, "layers": 1, "expert_hidden": 32}
        scale["training"] |= {"batch_size": 4, "valid_tokens": 2048, "test_tokens": 4096}
        scale["adapters"] |= {"steps": 40, "evaluate_every": 20, "seq_len": 64}
        config["experiments"]["perft"]["task"] = task

    study = load_study(changed(edit))
    return next(spec for spec in study.adapted.values() if spec.adapter.peft_type == method)


@pytest.fixture(scope="module")
def base(tokens: Path) -> Path:
    """Weights of a base as it starts, in a folder of results."""
    spec = spec_of("perft_s")
    assert isinstance(spec.base, TrainedBase)
    folder = tokens.parent / "results/runs" / spec.base.run
    folder.mkdir(parents=True)
    model = build(spec.base.model, open_corpus(tokens).counts_V, seed=0)
    save_file(model.stored_tensors(), folder / "weights.safetensors")
    (folder / "summary.json").write_text(json.dumps({"status": "finished", "failure": None}))
    return folder / "weights.safetensors"


def start(spec: AdapterSpec, base: Path, tokens: Path, data: Path, folder: Path) -> Any:
    arguments = ["--spec", canonical(spec), "--code", "code", "--checkpoint-seconds", 0]
    arguments += ["--tokens", tokens, "--data", data, "--base", base, "--folder", folder]
    return subprocess.Popen(
        command("workflow_scripts.adapt", *arguments), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


def test_adapters_go_on_after_kills_to_the_same_bytes_and_go_out_as_files(
    base: Path, tokens: Path, tmp_path: Path
) -> None:
    spec, calm, hit = spec_of("perft_r"), tmp_path / "runs/calm", tmp_path / "hit"
    assert ended(start(spec, base, tokens, tokens, calm))[0] == 0
    for signum, step in ((signal.SIGKILL, 7), (signal.SIGTERM, 25)):
        process = start(spec, base, tokens, tokens, hit)
        until_step(hit, step)
        process.send_signal(signum)
        ended(process)
        assert not (hit / "summary.json").exists()
    assert ended(start(spec, base, tokens, tokens, hit))[0] == 0
    assert outputs(hit) == outputs(calm)
    summary = json.loads((calm / "summary.json").read_text())
    assert {"base/weights.safetensors", "known", "train", "test"} <= summary["tokens_sha256"].keys()
    results = tmp_path
    (results / "tokens").mkdir()
    (results / "tokens" / spec.tokens).symlink_to(tokens)
    (results / "runs" / base.parent.name).symlink_to(base.parent)
    export_adapter("calm", results, tmp_path / "out")
    exported = load_file(tmp_path / "out/adapter_model.safetensors")
    trained = load_file(calm / "weights.safetensors")
    assert sorted(t.sum().item() for t in exported.values()) == sorted(
        t.sum().item() for t in trained.values()
    )
    with pytest.raises(StudyError, match="holds no finished run"):
        export_adapter("nothing", results, tmp_path / "out")


def test_questions_are_learned_and_the_base_is_read_beside(
    base: Path, tokens: Path, tmp_path: Path
) -> None:
    data = tmp_path / "questions"
    data.mkdir()
    for split, numbers in (("train", range(10)), ("valid", range(4)), ("test", range(8))):
        rows = [
            {
                "id": f"q/{n}",
                "instruction": QUESTION.format(n),
                "options": ["true", "false"],
                "answer": int(n <= 4),
            }
            for n in numbers
        ]
        (data / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    process = start(spec_of("full", "commonsense"), base, tokens, data, tmp_path / "full")
    status, said = ended(process)
    assert status == 0, said
    test = json.loads((tmp_path / "full/summary.json").read_text())["test"]
    items = pd.read_csv(tmp_path / "full/stories.csv")
    assert test["chance_accuracy"] == 0.5
    assert test["accuracy"] == pytest.approx(items.correct.mean())
    assert test["loss"] == pytest.approx(items.nats.mean())
    assert test["bits_per_byte"] < test["bits_per_byte_base"]
    assert test["params_trainable"] == test["params_base"]


def test_adapters_of_a_base_that_failed_fail_with_it(
    base: Path, tokens: Path, tmp_path: Path
) -> None:
    sick = shutil.copytree(base.parent, tmp_path / base.parent.name)
    failure = {"step": 12, "cause": "divergence", "detail": "loss 6.1 nats"}
    (sick / "summary.json").write_text(json.dumps({"status": "failed", "failure": failure}))
    process = start(spec_of("perft_s"), sick / base.name, tokens, tokens, tmp_path / "run")
    status, said = ended(process)
    assert status == 0, said
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["test"] is None
    assert failures.reason(summary) == (
        f"failed base at step 0: {sick.name}: divergence at step 12: loss 6.1 nats"
    )
