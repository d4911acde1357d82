"""Fit the interpolated n-gram control and read it on the stories that the models are read on."""

import json
import math

from moe_core.corpus.batches import evaluation_windows, open_corpus
from moe_core.measure.metrics import bits_per_byte
from moe_core.measure.ngram import fit, nats
from moe_core.provenance import environment, write_atomic
from workflow_scripts.command import parser, path_argument, run

ORDER = 5


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True)
    path_argument(arguments, "tokens", "out")
    given = arguments.parse_args()
    spec = given.spec
    corpus = open_corpus(given.tokens)
    train = corpus.splits["train"].tokens[: spec["max_train_tokens"]]
    test = corpus.splits["test"]
    windows = evaluation_windows(test, spec["seq_len"], spec["test_tokens"], "test")
    model = fit(train, corpus.counts_V.numel(), ORDER)
    target_nats = nats(model, test.tokens[: windows.targets_NS.numel() + 1])
    counted = target_nats[windows.story_NS.flatten().numpy() >= 0]
    loss = float(counted.mean())
    result = {
        "order": ORDER,
        "spec": spec,
        "train_tokens": len(train),
        "test": {
            "loss": loss,
            "perplexity": math.exp(loss),
            "bits_per_byte": bits_per_byte(float(counted.sum()), windows.bytes),
            "stories": windows.stories,
            "bytes": windows.bytes,
        },
        "environment": environment(),
    }
    write_atomic(given.out, json.dumps(result, indent=1, sort_keys=True))
    print(f"{ORDER}-gram: {result['test']['bits_per_byte']:.3f} bits/byte")


if __name__ == "__main__":
    run(main)
