"""A finished run as a folder that AutoModelForCausalLM and AutoTokenizer load."""

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save
from tokenizers.processors import TemplateProcessing

from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.tokenization import vocabulary_size
from moe_core.errors import StudyError
from moe_core.export.faithful import model_type
from moe_core.export.layout import configuration, to_theirs
from moe_core.export.model_card import model_card
from moe_core.finished_run import finished_model
from moe_core.stored_run import open_stored_run


def export_run(run: str, results: Path, folder: Path) -> None:
    """Write a finished run of a study's results as a checkpoint of transformers.

    The same run gives the same bytes. The folder appears whole or not at all. Raises StudyError for
    what is no finished run of a model, what no class decodes alike (``model_type``), and a folder
    that holds something.
    """
    model_type(finished_model(run, results)[1].model)  # raises where there is none
    stored = open_stored_run(run, results)
    spec, tokenizer, separator_id = stored.spec, stored.tokenizer, stored.separator_id
    # a story begins after a separator, and so does what is generated
    tokenizer.post_processor = TemplateProcessing(
        single=f"{SEPARATOR} $A", special_tokens=[(SEPARATOR, separator_id)]
    )
    model, seq_len = spec.model, spec.training.seq_len
    tensors = stored.model.state_dict()
    vocab_size = vocabulary_size(tokenizer)
    files: dict[str, str | bytes] = {
        "config.json": _json(configuration(model, vocab_size, seq_len, separator_id)),
        "generation_config.json": _json(
            {
                "bos_token_id": separator_id,
                "eos_token_id": separator_id,
                "pad_token_id": separator_id,
            }
        ),
        "model.safetensors": save(to_theirs(model, tensors), {"format": "pt"}),
        "tokenizer.json": tokenizer.to_str(pretty=True) + "\n",
        "tokenizer_config.json": _json(
            {
                "bos_token": SEPARATOR,
                "clean_up_tokenization_spaces": False,
                "eos_token": SEPARATOR,
                "model_max_length": seq_len,
                "pad_token": SEPARATOR,
                "padding_side": "left",
                "tokenizer_class": "PreTrainedTokenizerFast",
            }
        ),
        "special_tokens_map.json": _json(
            dict.fromkeys(("bos_token", "eos_token", "pad_token"), SEPARATOR)
        ),
        "README.md": model_card(stored.summary, spec),
    }
    write_folder(folder, files)


def write_folder(folder: Path, files: dict[str, str | bytes]) -> None:
    """Write a folder beside its place, then move it there.

    Raises StudyError if that is taken, or cannot be written.
    """
    place = Path(os.path.realpath(folder))  # "." and links have no name to write beside
    temporary = place.parent / f".{place.name}.{secrets.token_hex(8)}"
    try:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise StudyError(
                str(folder), "holds something already", "remove it or name another folder"
            )
        temporary.mkdir(parents=True)
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (temporary / name).write_bytes(data)
        os.replace(temporary, place)
    except OSError as error:
        raise StudyError(str(folder), f"cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # gone where it was moved


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=2, sort_keys=True) + "\n"
