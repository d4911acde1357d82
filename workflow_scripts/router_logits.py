"""Record the last router's logits of a trained run on test stories."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from moe_core.corpus.batches import evaluation_windows, open_corpus
from moe_core.errors import StudyError
from moe_core.model.transformer import build
from moe_core.provenance import write_atomic
from moe_core.runs import RunSpec
from moe_core.training.process import prepare_process
from workflow_scripts.command import parser, path_argument, run


def trained_model(folder: Path, counts_V: torch.Tensor, spec: RunSpec) -> torch.nn.Module:
    """The model of a finished run."""
    model = build(spec.model, counts_V, spec.seed)
    tensors = load_file(folder / "weights.safetensors")
    if spec.model.tied_head:
        tensors["head.weight"] = tensors["embedding.weight"]
    model.load_state_dict(tensors)
    return model.eval()


@torch.no_grad()
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=int, required=True, help="T, tokens to record")
    path_argument(arguments, "run", "tokens", "out")
    given = arguments.parse_args()
    summary = json.loads((given.run / "summary.json").read_text())
    spec = RunSpec.model_validate(summary["spec"])
    prepare_process("cpu", threads=1)
    seq_len = spec.training.seq_len
    corpus = open_corpus(given.tokens)
    model = trained_model(given.run, corpus.counts_V, spec)
    windows = evaluation_windows(corpus.splits["test"], seq_len, given.count + seq_len - 1, "test")
    if windows.inputs_NS.numel() < given.count:
        raise StudyError(
            "capacity.tokens",
            f"the test split fills {windows.inputs_NS.numel()} tokens, not {given.count}",
            "lower it in the scale, or give more stories",
        )
    batches = windows.inputs_NS.split(spec.training.batch_size)
    logits_TE = torch.cat([model(batch, dropless=True)[1][-1].logits_TE for batch in batches])
    write_atomic(given.out, save({"logits_TE": logits_TE[: given.count].contiguous()}))


if __name__ == "__main__":
    run(main)
