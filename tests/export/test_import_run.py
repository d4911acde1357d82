"""Checkpoints that come back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from moe_core.corpus.tokenization import character_tokenizer
from moe_core.errors import StudyError
from moe_core.export.export_run import export_run
from moe_core.export.import_run import import_run
from moe_core.model.moe_layer import CAUSAL
from moe_core.model.transformer import Transformer
from moe_core.runs import RunSpec
from tests.export.conftest import row

Trained = Callable[[RunSpec], tuple[str, Transformer]]
IDS = torch.randint(2, 40, (2, 20), generator=torch.Generator().manual_seed(0))
BIASED = {"bias_rate": 0.02, "num_experts": 8}
# comes back as the plainest strategy that decodes alike
BACK = {
    "softk": row("softk", num_experts=8),
    "gshard": row("gshard"),
    "topk_hard": row("topk_hard", top_k=1),
    "softk_pre": row("softk_pre", num_experts=8, top_k=3, jitter=0.1),
    "top1": row("top1"),
    "loss_free": row("loss_free", **BIASED),
    "loss_free, shared": row("loss_free", **BIASED, shared_hidden=32),
    "sinkhorn": row("sinkhorn"),
    "dense": row(None),
}
AS = {
    "gshard": "softk",
    "top1": "softk_pre",
    "sinkhorn": "loss_free",
    "loss_free, shared": "loss_free",
}


@torch.no_grad()
def logits(model: Transformer) -> torch.Tensor:
    return model(IDS, CAUSAL)[0]


def exported(spec: RunSpec, results: Path, trained: Trained, folder: Path) -> Transformer:
    run, model = trained(spec)
    export_run(run, results, folder)
    return model


@pytest.mark.parametrize("name", BACK)
def test_a_run_comes_back_to_the_bit(
    name: str, results: Path, trained: Trained, tmp_path: Path
) -> None:
    spec = BACK[name]
    model = exported(spec, results, trained, tmp_path / "new")
    back = import_run(tmp_path / "new")
    assert torch.equal(logits(back.model), logits(model))
    ours, theirs = model.stored_tensors(), back.model.stored_tensors()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours.keys() & theirs.keys())
    assert {key for key in ours if "noise" not in key} <= theirs.keys()
    moe = back.model.config.moe
    assert (moe.strategy if moe else "dense") == AS.get(name, name)
    assert back.seq_len == spec.training.seq_len
    assert back.tokenizer.decode(back.tokenizer.encode("The fox").ids) == "The fox"


def test_an_embedding_without_a_tied_head_comes_back_within_a_bit(
    results: Path, trained: Trained, tmp_path: Path
) -> None:
    spec = row("softk", {"tied_head": False})
    model = exported(spec, results, trained, tmp_path / "new")
    back = import_run(tmp_path / "new").model
    assert not back.config.tied_head
    ours_VD, theirs_VD = model.embedding.weight.detach(), back.embedding.weight.detach()
    step_VD = ours_VD.abs().nextafter(torch.tensor(torch.inf)) - ours_VD.abs()
    assert ((ours_VD - theirs_VD).abs() <= step_VD).all()
    assert torch.equal(model.head.weight, back.head.weight)


@pytest.mark.parametrize("name", ["softk", "softk_pre", "loss_free, shared"])
def test_what_transformers_saved_is_imported(
    name: str, results: Path, trained: Trained, tmp_path: Path
) -> None:
    model = exported(BACK[name], results, trained, tmp_path / "new")
    for auto in (AutoModelForCausalLM, AutoTokenizer):
        auto.from_pretrained(tmp_path / "new").save_pretrained(tmp_path / "saved")
    back = import_run(tmp_path / "saved")
    assert torch.equal(logits(back.model), logits(model))


def told(**changes: Any) -> Callable[[Path], None]:
    """Changes config.json."""

    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def stored(name: str, changed: Callable[[torch.Tensor], torch.Tensor | None]) -> Any:
    """Changes a tensor."""

    def change(folder: Path) -> None:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        new = changed(tensors.pop(name))
        save_file(tensors | ({} if new is None else {name: new}), path)

    return change


Q_NORM = "model.layers.1.self_attn.q_norm.weight"
MISTAKES: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    (lambda folder: (folder / "config.json").write_text("{"), "config.json: cannot be read"),
    (
        lambda folder: (folder / "model.safetensors").write_bytes(b"no"),
        "safetensors: cannot be read",
    ),
    (lambda folder: (folder / "tokenizer.json").write_text("{"), "tokenizer.json: cannot be read"),
    (told(num_experts="many"), "config.json: "),
    (told(num_attention_heads=0), "config.json: cannot be read"),
    (told(num_experts=-1), "config.json: cannot be read"),
    (
        lambda folder: character_tokenizer("abc").save(str(folder / "tokenizer.json")),
        r"tokenizer.json: has 5 tokens, and \d+ are embedded",
    ),
    (told(model_type="gpt2"), "model_type: is 'gpt2'; allowed: llama, mixtral, olmoe, glm4_moe"),
    (told(rms_norm_eps=1e-5), "rms_norm_eps: is 1e-05, and 9.5[0-9e-]* in a model of the bench"),
    (told(norm_topk_prob=True), "norm_topk_prob: is True, and False in a model of the bench"),
    (told(num_key_value_heads=1), "num_key_value_heads: is 1, and 2 in a model of the bench"),
    (told(num_hidden_layers=3), "layers.2.input_layernorm.weight: is missing"),
    (told(vocab_size=7), r"weight: has the shape \(\d+, 24\), and not \(7, 24\)"),
    (stored(Q_NORM, torch.ones_like), f"{Q_NORM}: does something, and models of the bench have no"),
    (stored(Q_NORM, lambda _: None), f"{Q_NORM}: is missing"),
    (stored("model.norm.weight", lambda _: None), "model.norm.weight: is missing"),
]


@pytest.mark.parametrize(("damage", "words"), MISTAKES)
def test_what_is_no_model_of_the_bench_is_refused(
    damage: Callable[[Path], Any], words: str, results: Path, trained: Trained, tmp_path: Path
) -> None:
    exported(BACK["softk_pre"], results, trained, tmp_path / "new")
    damage(tmp_path / "new")
    with pytest.raises(StudyError, match=words) as refusal:
        import_run(tmp_path / "new")
    assert "\n" not in str(refusal.value)
    shutil.rmtree(tmp_path / "new")
