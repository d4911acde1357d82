"""Train one run of the table: metrics by evaluation, a summary, nats by story, final weights."""

from argparse import Namespace

from moe_core.corpus.batches import open_corpus
from moe_core.model.transformer import build
from moe_core.runs import RunSpec, run_id
from moe_core.training.keeper import Keeper
from moe_core.training.ranks import Ranks
from moe_core.training.run import TrainedRun, train_run
from moe_core.training.shards import largest_cut
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.training_job import Job, run_job


def prepare(spec: RunSpec, given: Namespace) -> Job:
    """A language model on the stories of the tokens folder."""
    corpus, model = open_corpus(given.tokens), spec.model

    def train(keeper: Keeper, ranks: Ranks) -> TrainedRun:
        name, training = run_id(spec), spec.training
        return train_run(name, model, training, spec.seed, spec.device, corpus, keeper, ranks)

    return Job(
        run_id(spec),
        spec,
        corpus.sha256,
        corpus.counts_V.numel(),
        lambda: build(model, corpus.counts_V, spec.seed),
        largest_cut(spec.all_routing(), spec.training.batch_size),
        train,
    )


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "tokens")
    run_job("workflow_scripts.train", arguments, RunSpec.model_validate_json, prepare)


if __name__ == "__main__":
    run(main)
