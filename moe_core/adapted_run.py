"""A row of adapters as a model, and a trained one as files that the library peft knows."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.files import save_adapter
from moe_core.adapters.load_base import hub_base, trained_base
from moe_core.corpus.batches import open_corpus
from moe_core.errors import StudyError
from moe_core.runs import AdapterSpec, HubModel, run_id


def build_adapted(spec: AdapterSpec, base_weights: Path | None, counts_V: Tensor) -> AdaptedModel:
    """Adapters as they start, on their base. base_weights: of a base that is a model of ours."""
    if isinstance(spec.base, HubModel):
        trained = spec.adapter.peft_type == "full"
        return AdaptedModel(
            hub_base(spec.base.name, spec.base.revision, trained), spec.adapter, counts_V, spec.seed
        )
    assert base_weights is not None
    base = trained_base(spec.base.model, base_weights, counts_V)
    return AdaptedModel(base, spec.adapter, counts_V, spec.seed)


@torch.no_grad()
def export_adapter(spec: AdapterSpec, results: Path, folder: Path) -> None:
    """Write the adapters of a finished run to a folder, laid out as peft has them.

    Raises StudyError where the run has not finished, and for full fine-tuning.
    """
    weights = results / "runs" / run_id(spec) / "weights.safetensors"
    if not weights.is_file():
        raise StudyError(str(weights), "is not there", f"run `snakemake {weights}`")
    hub = isinstance(spec.base, HubModel)
    name = spec.base.name if isinstance(spec.base, HubModel) else spec.base.run
    base = None if hub else results / "runs" / name / "weights.safetensors"
    model = build_adapted(spec, base, open_corpus(results / "tokens" / spec.tokens).counts_V)
    stored = load_file(weights)
    for key, tensor in model.stored_tensors().items():
        tensor.copy_(stored[key])
    save_adapter(folder, model, name)
