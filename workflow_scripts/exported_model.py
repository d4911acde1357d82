"""Write a trained run's weights and vocabulary as JSON that a page can route sentences with."""

import base64
import json

from safetensors.numpy import load_file
from tokenizers import Tokenizer

from moe_core import failures
from moe_core.corpus.tokenization import UNKNOWN
from moe_core.provenance import canonical_json, write_atomic
from moe_core.runs import RunSpec
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "run", "tokens", "out")
    given = arguments.parse_args()
    summary = json.loads((given.run / "summary.json").read_text())
    if reason := failures.reason(summary):
        exported = {"run": summary["run"], "failure": reason}
        write_atomic(given.out, canonical_json(exported))
        return
    spec = RunSpec.model_validate(summary["spec"])
    vocabulary = Tokenizer.from_file(str(given.tokens / "tokenizer.json")).get_vocab()
    weights = {
        name: {
            "shape": list(array.shape),
            "float32": base64.b64encode(array.astype("<f4").tobytes()).decode(),
        }
        for name, array in load_file(given.run / "weights.safetensors").items()
    }
    exported = {
        "run": summary["run"],
        "failure": None,
        "model": spec.model.model_dump(mode="json"),
        "most_characters": spec.training.seq_len,  # positions that training has seen
        "vocabulary": vocabulary,
        "unknown": vocabulary[UNKNOWN],
        "weights": weights,
    }
    write_atomic(given.out, canonical_json(exported))


if __name__ == "__main__":
    run(main)
