"""Record what the routers of a run decide on test stories, as trained and before any training."""

import json

from tokenizers import Tokenizer

from moe_core import failures
from moe_core.analysis.record import record, record_nothing, story_of_tokens, token_texts
from moe_core.corpus.batches import evaluation_windows, open_corpus
from moe_core.errors import StudyError
from moe_core.model.transformer import build
from moe_core.random_streams import stream
from moe_core.routing.draws import Draws
from moe_core.runs import RunSpec
from moe_core.training.evaluation import routing_steps
from moe_core.training.process import prepare_process
from moe_core.training.trained import trained_model
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "run", "tokens", "trained", "untrained")
    given = arguments.parse_args()
    summary = json.loads((given.run / "summary.json").read_text())
    if reason := failures.reason(summary):
        record_nothing(reason, given.trained)
        record_nothing(reason, given.untrained)
        return
    spec = RunSpec.model_validate(summary["spec"])
    if spec.model.moe is None:
        raise StudyError("run", f"{summary['run']} is dense", "choose one that routes")
    prepare_process("cpu", threads=1)
    training = spec.training
    corpus = open_corpus(given.tokens)
    split = corpus.splits["test"]
    windows = evaluation_windows(split, training.seq_len, training.test_tokens, "test")
    story_NS = story_of_tokens(split, windows.inputs_NS.numel()).reshape(windows.inputs_NS.shape)
    texts = token_texts(Tokenizer.from_file(str(given.tokens / "tokenizer.json")))
    models = {
        given.trained: trained_model(given.run, spec.model, corpus.counts_V),
        given.untrained: build(spec.model, corpus.counts_V, spec.seed).eval(),
    }
    for path, model in models.items():
        record(
            model,
            windows,
            story_NS,
            texts,
            training.batch_size,
            routing_steps(spec.model.moe),
            Draws(stream(spec.seed, "evaluation drops")),
            path,
        )


if __name__ == "__main__":
    run(main)
