"""A study is a table of runs: ``config.yaml`` in, checked, out come ``RunSpec`` rows.

A row is all that its training job needs, as one canonical JSON; its id is a readable slug with a
short hash of that JSON, so that equal rows of two experiments are one run. Free of torch.
"""

import os
from dataclasses import asdict, dataclass
from typing import Any

from moe_core.arms import Arms, Budget
from moe_core.configuration import CorpusConfig, Scale, StudyConfig, TokenizerConfig
from moe_core.configuration_checks import check
from moe_core.errors import StudyError
from moe_core.image_arms import ImageArms, image_shape
from moe_core.images.config import images_spec
from moe_core.model.config import MoEConfig
from moe_core.provenance import canonical_json
from moe_core.routing import registry
from moe_core.runs import (
    AdapterSpec,
    ImageSpec,
    Row,
    RunSpec,
    ShapeSpec,
    canonical,
    cell_name,
    run_id,
    shape_id,
    shape_of,
)


@dataclass(frozen=True)
class Study:
    """A checked configuration and its table of runs.

    tokens: name of the encoded stories; tokenizers: by such a name. runs: by id. experiments: ids
    of runs by experiment, ``unified`` first. adapted: rows of adapters by id; perft: ids of those
    that are compared, matched: by the budget that they share; adapter_rates: ids of those that tune
    rates. vision: rows of image models by id; vision_rates: of those that tune rates. capacity: by
    E, the id of the run whose router the capacity microbenchmark records. exported: id of the run
    whose weights the explorer carries. shapes: by id; shape_of: run id to shape id, of timed runs.
    audited: the first run of each routed cell of the unified experiment. analysed: the routed runs
    of the unified experiment, and of the subword one where its tokens are others, whose decisions
    are recorded.
    """

    config: StudyConfig
    scale: Scale
    corpus: str
    tokens: str
    tokenizers: dict[str, TokenizerConfig]
    runs: dict[str, RunSpec]
    adapted: dict[str, AdapterSpec]
    perft: list[str]
    matched: dict[Budget, list[str]]
    adapter_rates: list[str]
    vision: dict[str, ImageSpec]
    vision_rates: dict[str, ImageSpec]
    experiments: dict[str, list[str]]
    capacity: dict[int, str]
    exported: str
    shapes: dict[str, ShapeSpec]
    shape_of: dict[str, str]
    audited: list[str]
    analysed: list[str]

    @property
    def all_runs(self) -> dict[str, Row]:
        """Every row by id."""
        return {**self.runs, **self.adapted, **self.vision, **self.vision_rates}

    @property
    def unified(self) -> list[str]:
        """Ids of the runs of the unified experiment."""
        return self.experiments["unified"]

    def resolved(self) -> dict[str, Any]:
        """The configuration as it is used: of the scales, the chosen one."""
        config = self.config.model_dump(mode="json", exclude={"scales"})
        return config | {"scale": {"name": self.config.scale, **self.scale.model_dump(mode="json")}}

    def at_usual_capacity(self, runs: list[str]) -> dict[str, MoEConfig]:
        """How those of the runs route that do so at the largest capacity factor."""
        usual = max(self.scale.capacity_factors)
        models = {run: self.runs[run].model.moe for run in runs}
        return {run: moe for run, moe in models.items() if moe and moe.capacity_factor == usual}

    @property
    def learned(self) -> list[str]:
        """Runs of the unified experiment whose routers learn, at its largest capacity factor."""
        declared = {
            run: registry.declaration(moe.strategy)
            for run, moe in self.at_usual_capacity(self.unified).items()
        }
        return [
            run
            for run, own in declared.items()
            if not own["control"] and own["router_gradient"] != "none"
        ]

    @property
    def on_subwords(self) -> list[str]:
        """Analysed runs that read the subword experiment's tokens."""
        tokens = {self.runs[run].tokens for run in self.experiments["subword"]}
        return [run for run in self.analysed if self.runs[run].tokens in tokens]

    @property
    def excerpted(self) -> list[str]:
        """The first run of each routed cell at the largest capacity factor."""
        return list(self.at_usual_capacity(self.audited))

    @property
    def audited_images(self) -> list[str]:
        """The first run of each cell of image models that route or mix."""
        mixtures = {
            run: row
            for run, row in self.vision.items()
            if row.model.kind == "cnn" and row.model.moe is not None
        }
        first = {cell_name(row): run for run, row in reversed(mixtures.items())}
        return [run for run in mixtures if run in first.values()]

    @property
    def profiled(self) -> str:
        """The run whose training step is profiled: the first soft top-k, else of any router."""
        routed = {run: self.runs[run].model.moe for run in self.excerpted}
        soft = [run for run, moe in routed.items() if moe and moe.strategy == "softk"]
        return (soft or list(routed))[0]

    def tokens_of(self, experiment: str) -> list[str]:
        """Names of the encoded stories that an experiment's runs read."""
        return sorted({self.runs[run].tokens for run in self.experiments[experiment]})


def load_study(config: dict[str, Any]) -> Study:
    """Check a configuration and expand it.

    Raises StudyError: one line with the key, the value, what is allowed and the nearest spelling.
    """
    checked = check(config)
    scale = checked.scales[checked.scale]
    arms, images = Arms(checked, scale), ImageArms(checked, scale)
    table: dict[str, RunSpec] = {}
    experiments = {}
    for name, specs in arms.experiments().items():
        rows = {run_id(spec): spec for spec in specs}
        table |= rows
        experiments[name] = list(rows)
    capacity = {}
    for num_experts in checked.experiments.capacity.num_experts:
        spec = arms.recorded(num_experts)
        capacity[num_experts] = run_id(spec)
        table[run_id(spec)] = spec
    exported = arms.exported()
    table[run_id(exported)] = exported
    matched = arms.matched()
    compared = [*arms.adapted(), *(row for rows in matched.values() for row in rows)]
    perft = {run_id(row): row for row in compared}
    rates = {run_id(row): row for row in arms.adapter_rates()}
    bases = arms.base_rows(sorted({row.seed for row in (perft | rates).values()}))
    table |= {run_id(row): row for row in bases}
    timed = [run for name in ("unified", *scale.sweep.timed) for run in experiments[name]]
    shapes = {run: shape_of(table[run], scale.throughput) for run in timed}
    shape_ids = {run: shape_id(shape) for run, shape in shapes.items()}
    return Study(
        config=checked,
        scale=scale,
        corpus=checked.corpus.source,
        tokens=arms.tokens,
        tokenizers={
            arms.character_tokens: arms.character_tokenizer,
            arms.tokens: checked.tokenizer,
            arms.subword_tokens: arms.subword_tokenizer,
            **({} if arms.base_model() else {arms.hub_tokens: arms.hub_tokenizer}),
        },
        runs=table,
        adapted=perft | rates,
        perft=list(perft),
        matched={budget: [run_id(row) for row in rows] for budget, rows in matched.items()},
        adapter_rates=list(rates),
        vision={run_id(row): row for row in images.rows()},
        vision_rates={run_id(row): row for row in images.rate_rows()},
        experiments=experiments,
        capacity=capacity,
        exported=run_id(exported),
        shapes={shape_ids[run]: shape for run, shape in shapes.items()},
        shape_of=shape_ids,
        audited=list(
            {
                cell_name(table[run]): run
                for run in reversed(experiments["unified"])
                if table[run].model.moe
            }.values()
        ),
        analysed=[
            run
            for run in dict.fromkeys([*experiments["unified"], *experiments["subword"]])
            if table[run].model.moe
            # not once more on the same text for fewer steps
            and (run in experiments["unified"] or arms.tokens != arms.subword_tokens)
        ],
    )


def corpus_spec(corpus: CorpusConfig) -> str:
    """All that the stories depend on, as canonical JSON."""
    options = getattr(corpus, corpus.source).model_dump()
    return canonical_json(
        {
            "source": corpus.source,
            "valid_fraction": corpus.valid_fraction,
            "test_fraction": corpus.test_fraction,
            "options": options,
        }
    )


def image_set_spec(study: Study) -> str:
    """All that the images depend on besides their files, as canonical JSON."""
    return canonical_json(images_spec(study.config.images))


def tokenizer_spec(tokenizer: TokenizerConfig) -> str:
    """All that the vocabulary depends on besides the stories, as canonical JSON."""
    options = None if tokenizer.kind == "char" else getattr(tokenizer, tokenizer.kind).model_dump()
    return canonical_json({"kind": tokenizer.kind, "options": options})


def local_tokenizer(tokenizer: TokenizerConfig) -> list[str]:
    """The file that a pretrained tokenizer is read from, if it is one.

    Raises StudyError for the name of a .json file that does not exist.
    """
    name = tokenizer.pretrained.name
    if tokenizer.kind != "pretrained":
        return []
    if os.path.isfile(name):
        return [name]
    if name.endswith(".json"):
        raise StudyError("tokenizer.pretrained.name", f"no file {name!r}")
    return []


def telegrams_spec(study: Study) -> str:
    """All that the telegrams depend on, as canonical JSON."""
    corpus = study.config.corpus
    return canonical_json(
        {
            "source": "telegrams",
            "valid_fraction": corpus.valid_fraction,
            "test_fraction": corpus.test_fraction,
            "options": study.config.experiments.perft.telegrams.model_dump(),
        }
    )


def commonsense_spec(study: Study) -> str:
    """All that the questions depend on besides their files, as canonical JSON."""
    corpus = study.config.corpus
    return canonical_json(
        {
            **study.config.experiments.perft.commonsense.model_dump(),
            "valid_fraction": corpus.valid_fraction,
            "test_fraction": corpus.test_fraction,
        }
    )


def ngram_spec(study: Study) -> str:
    """What the n-gram control depends on, as canonical JSON."""
    training = study.scale.training
    return canonical_json(
        {
            **study.config.ngram.model_dump(),
            "seq_len": training.seq_len,
            "test_tokens": training.test_tokens,
        }
    )


def expert_parallel_spec(study: Study) -> str:
    """The row whose experts several processes share out, as canonical JSON."""
    return canonical(Arms(study.config, study.scale).shared_out())


def microbench_spec(study: Study) -> str:
    """Grid and size of the capacity microbenchmark, as canonical JSON."""
    size = study.scale.capacity
    return canonical_json(
        {
            **study.config.experiments.capacity.model_dump(exclude={"trained_top_k"}),
            "tokens": size.tokens,
            "dim": size.dim,
            "repeats": size.repeats,
        }
    )


def kernels_spec(study: Study) -> str:
    """Grid and size of the experiment on kernels, as canonical JSON."""
    return canonical_json(
        {
            **study.scale.kernels.model_dump(),
            "precision": study.scale.training.precision,
            "device": study.config.device,
        }
    )


def report_spec(study: Study) -> str:
    """What the report says of the configuration, as canonical JSON."""
    config, scale = study.config, study.scale
    return canonical_json(
        {
            "scale": config.scale,
            "seeds": scale.seeds,
            "other_seeds": scale.other_seeds,
            "sweep": scale.sweep.model_dump(include={"seeds", "steps"}),
            "corpus": config.corpus.source,
            "hub_name": config.corpus.hub.name,
            "tokenizer": config.tokenizer.kind,
            "runs": len(study.unified),
            "capacity_factors": scale.capacity_factors,
            "drop_policy": config.experiments.unified.drop_policy,
            "trained_top_k": config.experiments.capacity.trained_top_k,
            "model": scale.model.model_dump(),
            "training": scale.training.model_dump(),
            "learning_rates": scale.learning_rates,
            "vision": config.experiments.vision.model_dump(),
            "image_shape": asdict(image_shape(config.images)),
            "image_training": scale.vision.training.model_dump(
                include={"batch_size", "shift", "flip"}
            ),
        }
    )


def vision_cost_spec(study: Study) -> str:
    """How inference of image models is timed, as canonical JSON."""
    cost = study.scale.vision.cost.model_dump()
    return canonical_json({**cost, "device": study.config.device})


def precision_speed_spec(study: Study) -> str:
    """Shapes of routers that are timed in each precision, as canonical JSON."""
    model, training, grid = study.scale.model, study.scale.training, study.scale.capacity
    more_experts = study.config.experiments.capacity.num_experts
    return canonical_json(
        {
            "tokens": [1, training.batch_size * training.seq_len, grid.tokens],
            "dims": sorted({model.dim, grid.dim}),
            "num_experts": sorted({model.num_experts, *more_experts}),
            "repeats": grid.repeats,
            "device": study.config.device,
        }
    )
