import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.base import HubBase, OwnBase
from moe_core.adapters.files import load_adapter, read_config, save_adapter
from moe_core.errors import StudyError
from moe_core.model.moe_layer import DROPLESS
from tests.adapters.conftest import (
    ADAPTERS,
    DIM,
    adapted,
    base_of,
    ids,
    logits_of,
    own_routing,
    with_random_b,
)
from tests.training.conftest import COUNTS

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"


def of_peft(model: nn.Module, name: str) -> Tensor:
    with torch.no_grad():
        return model(ids(), DROPLESS)[0] if name == "own" else model(input_ids=ids()).logits


@pytest.mark.parametrize("name", ["own", "Olmoe"])
@pytest.mark.parametrize("method", ADAPTERS)
def test_what_is_saved_is_loaded(method: str, name: str, tmp_path: Path) -> None:
    model = with_random_b(adapted(method, name))
    save_adapter(tmp_path / "new", model, "a base")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [CONFIG, TENSORS]
    config = read_config(tmp_path / "new")
    assert config == model.config
    other = AdaptedModel(base_of(name), config, COUNTS, seed=7)
    load_adapter(tmp_path / "new", other)
    assert torch.equal(logits_of(other), logits_of(model))


@pytest.mark.parametrize("name", ["own", "Olmoe"])
def test_peft_reads_our_lora(name: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    model = with_random_b(adapted("lora", name))
    save_adapter(tmp_path, model, "a base")
    theirs = peft.PeftModel.from_pretrained(base_of(name).bare().eval(), tmp_path)
    assert (logits_of(model) - logits_of(base_of(name).eval())).abs().max() > 1e-2
    assert torch.equal(of_peft(theirs, name), logits_of(model))
    assert theirs.peft_config["default"].base_model_name_or_path == "a base"
    if name != "own":
        assert isinstance(theirs, peft.PeftModelForCausalLM)


@pytest.mark.parametrize("name", ["own", "Olmoe"])
def test_we_read_the_lora_of_peft(name: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    targets = ["qkv", "out"] if name == "own" else ["q_proj", "o_proj"]
    # B is random: not initialised as LoRA is
    lora = peft.LoraConfig(r=3, lora_alpha=5, target_modules=targets, init_lora_weights=False)
    theirs = peft.get_peft_model(base_of(name).bare().eval(), lora)
    theirs.save_pretrained(tmp_path)
    config = read_config(tmp_path)
    assert (config.r, config.scaling, sorted(config.target_modules or [])) == (
        3,
        5 / 3,
        sorted(targets),
    )
    ours = AdaptedModel(base_of(name), config, COUNTS, 0)
    load_adapter(tmp_path, ours)
    assert torch.equal(logits_of(ours), of_peft(theirs.eval(), name))


def test_peft_does_not_take_perft_for_lora(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    save_adapter(tmp_path, adapted("perft_s", "own"), "a base")
    with pytest.raises((KeyError, ValueError), match="PERFT_S"):
        peft.PeftModel.from_pretrained(base_of("own").bare(), tmp_path)


def test_tensors_are_those_of_the_layout(tmp_path: Path) -> None:
    save_adapter(tmp_path / "lora", adapted("lora", "own"), "a base")
    shapes = {k: tuple(v.shape) for k, v in load_file(tmp_path / "lora" / TENSORS).items()}
    head = "base_model.model.blocks.0.attention."
    assert shapes[f"{head}qkv.lora_A.weight"] == (2, DIM)
    assert shapes[f"{head}qkv.lora_B.weight"] == (3 * DIM, 2)
    assert len(shapes) == 8
    save_adapter(tmp_path / "perft", adapted("perft_r", "own"), "a base")
    found = load_file(tmp_path / "perft" / TENSORS)
    assert found["base_model.model.blocks.0.ffn.experts.lora_A.weight"].shape == (3, 2, DIM)
    told = json.loads((tmp_path / "perft" / CONFIG).read_text())
    assert told["routing"] == own_routing().model_dump()
    assert (told["peft_type"], told["num_adapters"]) == ("PERFT_R", 3)


def test_full_fine_tuning_is_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"^peft_type: full fine-tuning is no adapter"):
        save_adapter(tmp_path, adapted("full", "own"), "a base")
    assert not [*tmp_path.iterdir()]


def told(**changes: Any) -> Callable[[Path], object]:
    def edit(folder: Path) -> object:
        content = json.loads((folder / CONFIG).read_text()) | changes
        return (folder / CONFIG).write_text(json.dumps(content))

    return edit


def stored(edit: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        tensors = load_file(folder / TENSORS)
        edit(tensors)
        save_file(tensors, folder / TENSORS)

    return change


FIRST = "base_model.model.blocks.0.attention.qkv.lora_A.weight"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: (f / CONFIG).unlink(), f"{CONFIG}: cannot be read: No such file"),
        (lambda f: (f / TENSORS).unlink(), f"{TENSORS}: cannot be read: No such file"),
        (lambda f: (f / CONFIG).write_text("{"), f"{CONFIG}: is not JSON"),
        (lambda f: (f / CONFIG).write_bytes(b"\xff"), f"{CONFIG}: is not JSON"),
        (lambda f: (f / CONFIG).write_text("[]"), f"{CONFIG}: is no group of keys"),
        (lambda f: (f / TENSORS).write_bytes(b"short"), f"{TENSORS}: is no safetensors file"),
        (told(peft_type="IA3"), f"{CONFIG}: peft_type: 'ia3' is wrong"),
        (told(r="many"), f"{CONFIG}: r: 'many' is wrong"),
        (told(r=0), f"{CONFIG}: is wrong: .*rank 0"),
        (told(target_modules=".*"), f"{CONFIG}: target_modules: '.*' is wrong"),
        (told(use_rslora=True), f"{CONFIG}: use_rslora: True is not supported"),
        (told(alpha_pattern={"qkv": 3}), f"{CONFIG}: alpha_pattern: .* is not supported"),
        (told(lora_alpha=4), f"{CONFIG}: lora_alpha: is 4.0, and 3.0 of this model"),
        (stored(lambda t: t.pop(FIRST)), f"{TENSORS}: {FIRST}: is missing"),
        (
            stored(lambda t: t.update(other=torch.ones(1))),
            f"{TENSORS}: other: the model has no such adapter",
        ),
        (
            stored(lambda t: t.update({FIRST: torch.ones(2, 8)})),
            f"{TENSORS}: {FIRST}: has the shape \\(2, 8\\), and \\(2, 16\\) in this model",
        ),
    ],
)
def test_files_that_do_not_fit_are_one_line(
    edit: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    save_adapter(tmp_path, with_random_b(adapted("lora", "own")), "a base")
    edit(tmp_path)
    model = adapted("lora", "own")
    with pytest.raises(StudyError, match=f"^[^\\n]*{message}[^\\n]*$"):
        load_adapter(tmp_path, model)
    assert torch.equal(logits_of(model), logits_of(base_of("own")))  # none of it was loaded


def test_an_adapter_of_another_base_is_not_loaded(tmp_path: Path) -> None:
    hub = adapted("perft_s", "Olmoe")
    assert isinstance(hub.base, HubBase)
    save_adapter(tmp_path, hub, "a base")
    own = adapted("perft_s", "own")
    assert isinstance(own.base, OwnBase)
    with pytest.raises(StudyError, match="the base and modules it was trained on$"):
        load_adapter(tmp_path, own)
