"""A row of adapters as a model, and a trained one as files that the library peft knows."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.files import save_adapter
from moe_core.adapters.load_base import hub_base, trained_base
from moe_core.corpus.batches import open_corpus
from moe_core.errors import StudyError
from moe_core.finished_run import finished_run
from moe_core.runs import AdapterSpec, HubModel, base_files


def build_adapted(spec: AdapterSpec, files: Sequence[Path], counts_V: Tensor) -> AdaptedModel:
    """Adapters as they start, on their base. files: of the base, its weights alone if it is ours.

    Raises StudyError where the vocabulary does not fit the base.
    """
    if isinstance(spec.base, HubModel):
        trained = spec.adapter.peft_type == "full"
        base = hub_base(spec.base.name, spec.base.revision, trained)
        if counts_V.numel() > base.vocab_size:
            raise StudyError(
                "experiments.perft.hub.name",
                f"{spec.base.name!r} knows {base.vocab_size:,} tokens, of which none separates "
                f"stories: with <|endoftext|> there are {counts_V.numel():,}",
                "take a base whose vocabulary has it, or room for it",
            )
        return AdaptedModel(base, spec.adapter, counts_V, spec.seed)
    own = trained_base(spec.base.model, files[0], counts_V)
    return AdaptedModel(own, spec.adapter, counts_V, spec.seed)


@torch.no_grad()
def export_adapter(run: str, results: Path, folder: Path) -> None:
    """Write the adapters of a finished run to a folder, laid out as peft has them.

    Raises StudyError for what is no such run, and for full fine-tuning.
    """
    _, spec = finished_run(run, results)
    if not isinstance(spec, AdapterSpec):
        raise StudyError("run", f"{run} is a model, not adapters")
    counts_V = open_corpus(results / "tokens" / spec.tokens).counts_V
    model = build_adapted(spec, base_files(spec.base, results), counts_V)
    stored = load_file(results / "runs" / run / "weights.safetensors")
    for key, tensor in model.stored_tensors().items():
        tensor.copy_(stored[key])
    save_adapter(folder, model, spec.base.name)
