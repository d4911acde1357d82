"""Record the last router's logits of a trained run on test stories; of a failed one, why not."""

import json

import torch
from safetensors.torch import save

from moe_core import failures
from moe_core.corpus.batches import evaluation_windows, open_corpus
from moe_core.errors import StudyError
from moe_core.model.moe_layer import DROPLESS
from moe_core.provenance import write_atomic
from moe_core.runs import RunSpec
from moe_core.training.process import prepare_process
from moe_core.training.trained import trained_model
from workflow_scripts.command import parser, path_argument, run


@torch.no_grad()
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=int, required=True, help="T, tokens to record")
    path_argument(arguments, "run", "tokens", "out")
    given = arguments.parse_args()
    summary = json.loads((given.run / "summary.json").read_text())
    if reason := failures.reason(summary):
        write_atomic(given.out, save({}, {"not_recorded": reason}))
        return
    spec = RunSpec.model_validate(summary["spec"])
    prepare_process("cpu", threads=1)
    seq_len = spec.training.seq_len
    corpus = open_corpus(given.tokens)
    model = trained_model(given.run, spec.model, corpus.counts_V)
    windows = evaluation_windows(corpus.splits["test"], seq_len, given.count + seq_len - 1, "test")
    if windows.inputs_NS.numel() < given.count:
        raise StudyError(
            "capacity.tokens",
            f"the test split fills {windows.inputs_NS.numel()} tokens, not {given.count}",
            "lower it in the scale, or give more stories",
        )
    batches = windows.inputs_NS.split(spec.training.batch_size)
    logits_TE = torch.cat([model(batch, DROPLESS)[1][-1].logits_TE for batch in batches])
    write_atomic(given.out, save({"logits_TE": logits_TE[: given.count].contiguous()}))


if __name__ == "__main__":
    run(main)
