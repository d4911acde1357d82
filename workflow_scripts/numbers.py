"""Collect every number the report's text may cite: value, unit, interval, n, source digests."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from moe_core.adapters.labels import how_many
from moe_core.failures import brief
from moe_core.provenance import file_sha256, write_atomic
from moe_core.routing.slots import random_drop_law, slots_per_expert
from workflow_scripts.command import parser, path_argument, run

LOW_FACTOR = 1.1  # of claim C07
SOURCES = (
    "aggregate",
    "summary",
    "microbench",
    "ngram",
    "meta",
    "run",
    "throughput",
    "ledger",
    "audits",
    "choice",
    "adapters",
    "costs_of_adapters",
)


@dataclass(frozen=True)
class Number:
    """One citable value; unit: how it is read and typeset; source: the input it is from.

    runs: ids of those it is from, with spaces between; None for all of the source's.
    """

    key: str
    value: str | float | int | None
    unit: str
    source: str
    low: float | None = None
    high: float | None = None
    n: int | None = None
    runs: str | None = None


def study_numbers(spec: dict, meta: dict) -> Iterator[Number]:
    """Configuration and corpus."""
    corpora = {
        "builtin": "the built-in generator's stories",
        "hub": f"the data set {spec['hub_name']}",
        "files": "stories read from files",
    }
    tokenizers = {"char": "characters", "bpe": "byte-level BPE", "pretrained": "pretrained"}
    yield Number("study/scale", spec["scale"], "text", "config")
    yield Number("study/seeds", len(spec["seeds"]), "count", "config")
    yield Number("study/other_seeds", len(spec["other_seeds"]), "count", "config")
    yield Number("sweep/seeds", len(spec["sweep"]["seeds"]), "count", "config")
    yield Number("sweep/steps", spec["sweep"]["steps"], "count", "config")
    yield Number("unified/runs", spec["runs"], "count", "config")
    yield Number("study/corpus", corpora[spec["corpus"]], "text", "config")
    yield Number("study/tokenizer", tokenizers[spec["tokenizer"]], "text", "config")
    yield Number("study/vocabulary", meta["vocab_size"], "count", "meta")
    for split, counts in meta["splits"].items():
        yield Number(f"study/{split}_stories", counts["stories"], "count", "meta")
        yield Number(f"study/{split}_tokens", counts["tokens"], "count", "meta")
    train = meta["splits"]["train"]
    yield Number("study/train_bytes", train["bytes"], "count", "meta")
    yield Number("study/bytes_per_token", train["bytes"] / train["tokens"], "ratio", "meta")
    factors = spec["capacity_factors"]
    yield Number("unified/capacity_factors", _sequence(factors), "text", "config")
    yield Number("unified/drop_policy", spec["drop_policy"], "text", "config")
    yield Number("capacity/trained_top_k", spec["trained_top_k"], "count", "config")
    shape, training = spec["model"], spec["training"]
    for name, top_k in (("one", 1), ("k", shape["top_k"])):
        slots = slots_per_expert(LOW_FACTOR, top_k, training["seq_len"], shape["num_experts"])
        chance = random_drop_law(slots, training["seq_len"], top_k, shape["num_experts"])
        yield Number(f"chance/drop_of_{name}", chance, "share", "config")
    yield Number("chance/capacity_factor", LOW_FACTOR, "setting", "config")
    for key in ("dim", "layers", "heads", "top_k", "expert_hidden"):
        yield Number(f"model/{key}", shape[key], "count", "config")
    yield Number("model/experts", shape["num_experts"], "count", "config")
    names = {"swiglu": "SwiGLU", "gelu": "GELU"}
    yield Number("model/activation", names[shape["activation"]], "text", "config")
    yield Number("model/seq_len", training["seq_len"], "count", "config")
    for key in ("batch_size", "steps", "warmup_steps"):
        yield Number(f"train/{key}", training[key], "count", "config")
    batch_tokens = training["batch_size"] * training["seq_len"]
    yield Number("train/tokens", training["steps"] * batch_tokens, "count", "config")
    yield Number("train/batch_tokens", batch_tokens, "count", "config")
    yield Number("train/valid_tokens", training["valid_tokens"], "count", "config")
    for key in ("learning_rate", "weight_decay", "grad_clip", "switch_coef", "z_coef"):
        yield Number(f"train/{key}", training[key], "setting", "config")
    precisions = {"fp32": "single precision", "bf16": "bfloat16 autocast"}
    yield Number("train/precision", precisions[training["precision"]], "text", "config")


def environment_numbers(runs: pd.DataFrame, run: dict, timed: dict) -> Iterator[Number]:
    """Commits, versions and machines of all runs; threads and peak of the timing."""
    trained = runs[runs.run.notna()]
    commits = trained.commit.fillna("none").str[:10] + trained.dirty.map(
        lambda dirty: " (modified)" if dirty is True else ""
    )
    yield Number("study/commit", _distinct(commits), "text", "summary")
    yield Number("environment/python", run["environment"]["python"], "text", "run")
    yield Number("environment/torch", _distinct(trained.torch), "text", "summary")
    yield Number("environment/device", _distinct(trained.device_name), "text", "summary")
    yield Number("environment/threads", run["process"]["threads"], "count", "run")
    yield Number("test/stories", _finite(trained.test_stories.max()), "count", "summary")
    yield Number("test/bytes", _finite(trained.test_bytes.max()), "count", "summary")
    yield Number("throughput/threads", timed["process"]["threads"], "count", "throughput")
    yield Number("throughput/matmul_peak", timed["matmul_peak_flops"] / 1e9, "gflops", "throughput")


def _distinct(values: pd.Series) -> str:
    return " and ".join(sorted(values.astype(str).unique()))


def failed_numbers(runs: pd.DataFrame) -> Iterator[Number]:
    """A sentence on the runs of the unified experiment that failed, empty where none did."""
    trained = runs[runs.run.notna()]
    failed = int(trained.status.eq("failed").sum())
    sentence = f"Of the {len(trained)} runs {failed} failed; means are of the others."
    yield Number("unified/failed", sentence if failed else "", "text", "summary")


def named(cell: pd.Series) -> str:
    """The label of a cell, with the seeds that it lost."""
    lost = f" ({cell.n_failed} of {cell.n + cell.n_failed} seeds failed)" if cell.n_failed else ""
    return f"{cell.label}{lost}"


def with_runs(
    numbers_of: Callable[[str, pd.Series], Iterator[Number]],
) -> Callable[[str, pd.Series], Iterator[Number]]:
    """Each number of a cell with its runs, and a difference with the dense runs as well."""

    def numbers(prefix: str, cell: pd.Series) -> Iterator[Number]:
        own, dense = ("" if pd.isna(ids) else ids for ids in (cell.runs, cell.runs_dense))
        for number in numbers_of(prefix, cell):
            runs = f"{own} {dense}" if number.key.endswith("_minus_dense") else own
            yield replace(number, runs=runs)

    return numbers


@with_runs
def cell_numbers(prefix: str, cell: pd.Series) -> Iterator[Number]:
    """Label, capacity factor and measures of one cell of the aggregate.

    A measure that failed runs left empty is there and has no value.
    """
    hole = cell.n == 0 or cell.n_failed > 0 or cell.bits_per_byte_minus_dense_n_failed > 0
    yield Number(f"{prefix}/label", named(cell), "text", "aggregate")
    if pd.notna(cell.capacity_factor) or hole:
        factor = _finite(cell.capacity_factor)
        yield Number(f"{prefix}/capacity_factor", factor, "setting", "aggregate")
    intervals = {
        "bits_per_byte": "bits_per_byte",
        "bits_per_byte_minus_dense": "bits_per_byte",
        "leak_premium": "bits_per_byte",
        "perplexity": "ratio",
        "drop_rate": "share",
        "load_cv": "ratio",
    }
    for key, unit in intervals.items():
        if pd.notna(cell[key]) or hole:
            mean, low, high = (_finite(cell[f"{key}{end}"]) for end in ("", "_low", "_high"))
            n = cell.get(f"{key}_n", cell.n)  # pairs, of a difference
            n = 0 if mean is None else int(n)
            yield Number(f"{prefix}/{key}", mean, unit, "aggregate", low, high, n)
    if pd.notna(cell.tokens_per_s) or hole:
        yield Number(f"{prefix}/tokens_per_s", _finite(cell.tokens_per_s), "rate", "aggregate")


def unified_numbers(aggregate: pd.DataFrame, runs: pd.DataFrame) -> Iterator[Number]:
    """Every cell by name, then the cells that the text speaks of by their role.

    Cells without a finished seed are not ranked. Best and worst are so over the seeds that all
    ranked cells have. A role that no cell can have has no values.
    """
    for _, cell in aggregate.iterrows():
        yield from cell_numbers(f"unified/{cell.cell}", cell)
    nothing = pd.Series({"label": "none", "n": 0, "n_failed": 0}).reindex(aggregate.columns)
    routed = aggregate[~aggregate.control]
    ranked = routed[routed.n > 0]

    def extreme(values: pd.Series, smallest: bool = False) -> pd.Series:
        values = values[ranked.index].dropna()
        if values.empty:
            return nothing
        return ranked.loc[values.idxmin() if smallest else values.idxmax()]

    def dense_of(cell: pd.Series) -> pd.Series:
        same = dense[dense.ffn_hidden == cell.dense_width]
        return nothing if same.empty else same.iloc[0]

    dense = aggregate[aggregate.strategy == "dense"]
    usual = aggregate.capacity_factor.max()
    controls = aggregate[aggregate.capacity_factor.isna() | aggregate.capacity_factor.eq(usual)]
    controls = controls.set_index("strategy")
    by_seed = runs.pivot_table(index="cell", columns="seed", values="bits_per_byte")
    common = by_seed.columns[by_seed.loc[ranked.cell].notna().all()]
    on_common_seeds = aggregate.cell.map(by_seed[common].mean(axis=1, skipna=False))
    best, fastest = extreme(on_common_seeds, smallest=True), extreme(aggregate.tokens_per_s)
    roles = {
        "best": best,
        "worst": extreme(on_common_seeds),
        "dense_of_best": dense_of(best),
        "fastest": fastest,
        "slowest": extreme(aggregate.tokens_per_s, smallest=True),
        "most_balanced": extreme(aggregate.load_cv, smallest=True),
        "least_balanced": extreme(aggregate.load_cv),
        "most_dropped": extreme(aggregate.drop_rate),
        "most_leaking": extreme(aggregate.leak_premium),
        # the dense model that most arms are compared with, and that of equal size
        "dense": dense[dense.dense_width == routed.dense_width.mode().max()].iloc[0],
        "dense_largest": dense.loc[dense.ffn_hidden.idxmax()],
        "ngram": controls.loc["ngram"],
    }
    roles |= {n: controls.loc[n] for n in ("frozen_router", "position_hash") if n in controls.index}
    for role, cell in roles.items():
        yield from cell_numbers(f"unified/{role}", cell)
    yield Number("unified/common_seeds", len(common), "count", "summary")
    for role in ("best", "worst", "dense_of_best"):
        mean = _finite(on_common_seeds.get(roles[role].name))
        yield Number(f"unified/{role}/on_common_seeds", mean, "bits_per_byte", "summary")
    beaten = int((ranked.bits_per_byte < roles["ngram"].bits_per_byte).sum())
    yield Number("unified/ranked_cells", len(ranked), "count", "aggregate")
    yield Number("unified/ranked_cells_better_than_ngram", beaten, "count", "aggregate")
    yield Number("unified/regime", regime(beaten, len(ranked)), "text", "aggregate")
    deviation = runs[runs.cell.isin(ranked.cell)].groupby("cell").bits_per_byte.std()
    yield Number("unified/seed_sd_median", _finite(deviation.median()), "bits_per_byte", "summary")
    sure = ranked[ranked.bits_per_byte_minus_dense_p_holm < 0.05]
    for side, sign in (("better", -1), ("worse", 1)):
        cells = sure[sign * sure.bits_per_byte_minus_dense > 0]
        names = _words(named(cell) for _, cell in cells.iterrows())
        yield Number(f"unified/{side}_than_dense", names, "text", "aggregate")
    detectable = ranked.bits_per_byte_minus_dense_detectable
    yield Number(
        "unified/detectable_median", _finite(detectable.median()), "bits_per_byte", "aggregate"
    )
    yield Number("unified/detectable_max", _finite(detectable.max()), "bits_per_byte", "aggregate")
    speed = fastest.tokens_per_s / dense_of(fastest).tokens_per_s
    yield Number("unified/fastest_over_dense_speed", _finite(speed), "share", "aggregate")
    peaks = aggregate.matmul_peak_flops
    yield Number("throughput/drift", _finite(peaks.max() / peaks.min()), "ratio", "aggregate")


def regime(beaten: int, cells: int) -> str:
    """What the n-gram control says of how far the models are trained, as a sentence."""
    if not cells:
        return "No ranked cell has a seed that finished."
    if beaten == cells:
        return "Every ranked cell is ahead of the 5-gram control."
    if beaten:
        return (
            f"Of {cells} ranked cells {beaten} are ahead of the 5-gram control; the others are "
            "undertrained."
        )
    return (
        "No ranked cell is ahead of the 5-gram control: all models are undertrained, and what is "
        "found holds for the first steps of training."
    )


def claim_numbers(ledger: pd.DataFrame) -> Iterator[Number]:
    """The verdict of each claim, and how many have which."""
    for _, row in ledger.iterrows():
        yield Number(f"claims/{row.id}", row.verdict.lower(), "text", "ledger")
    for verdict in ("supported", "equivalent", "refuted", "inconclusive", "not testable", "awaits"):
        count = int(ledger.verdict.str.lower().eq(verdict).sum())
        yield Number(f"claims/count/{verdict.replace(' ', '_')}", count, "count", "ledger")
    yield Number("claims/count/all", len(ledger), "count", "ledger")
    judged = int((~ledger.verdict.isin(["AWAITS", "NOT TESTABLE"])).sum())
    yield Number("claims/count/judged", judged, "count", "ledger")
    changed = ledger[ledger.changed.astype(bool)].id
    yield Number("claims/changed", _words(changed), "text", "ledger")


def audit_numbers(audits: pd.DataFrame) -> Iterator[Number]:
    """How much was audited, and what the audits found."""
    audits = audits[audits.not_audited.isna()]
    invariances = audits[audits.audit == "suffix"]
    yield Number("audits/strategies", audits.strategy.nunique(), "count", "audits")
    yield Number("audits/trials", _finite(invariances.trials.min()), "count", "audits")
    declared = audits[audits.declared]
    yield Number("audits/declared", len(declared), "count", "audits")
    yield Number("audits/breaches", int((~declared.passed).sum()), "count", "audits")
    yield Number(
        "audits/failed_as_declared",
        int((~audits[~audits.declared].passed).sum()),
        "count",
        "audits",
    )
    passing = declared[declared.audit.eq("suffix")]
    yield Number("audits/high", _finite(passing.high.max()), "share_fine", "audits")


def rate_numbers(choice: pd.DataFrame) -> Iterator[Number]:
    """What the shared learning rate costs the strategies that were tuned."""

    def arm(row: pd.Series) -> str:
        width = f", F = {row.ffn_hidden:.0f}" if row.strategy == "dense" else ""
        return f"{row.strategy}{width}"

    worst = _finite(choice.regret_bits_per_byte.max())
    on_edge = [arm(row) for _, row in choice[choice.best_on_edge].iterrows()]
    yield Number("rates/arms", len(choice), "count", "choice")
    yield Number("rates/edge", edge(on_edge, len(choice)), "text", "choice")
    lost = choice[choice.failures.notna()]
    failed = [f"{arm(row)} ({row.failures})" for _, row in lost.iterrows()]
    sentence = f"Rates at which a seed failed are not compared: {'; '.join(failed)}."
    yield Number("rates/failed", sentence if failed else "", "text", "choice")
    yield Number("rates/regret_max", worst, "bits_per_byte", "choice")
    yield Number("rates/seeds", int(choice.tuning_seeds.min()), "count", "choice")
    yield Number("rates/steps", int(choice.steps.max()), "count", "choice")


def edge(on_edge: list[str], arms: int) -> str:
    """Whether the grid of learning rates was wide enough, as a sentence."""
    if not on_edge:
        return f"Of {arms} arms none is best at an end of it."
    names = _words(on_edge)
    return f"Of {arms} arms these are best at an end of it, perhaps better still beyond: {names}."


TASKS = {
    "stories": ("stories in the style of telegrams", "bits per byte of test stories"),
    "commonsense": ("multiple choice in the form of commonsense_170k", "bits per answer"),
}


def arm_name(arm: pd.Series) -> str:
    """A method with its adapters and rank."""
    rank = f"rank {arm['rank']}" if arm["rank"] else ""
    many = how_many(arm.strategy, arm.num_adapters, arm.top_k)
    setting = ", ".join(part for part in (many, rank) if part)
    return f"{arm.label} ({setting})" if setting else str(arm.label)


def adapter_numbers(arms: pd.DataFrame) -> Iterator[Number]:
    """What the adapters reached, against the base alone and against one another."""
    task, unit = TASKS[arms.task.iloc[0]]
    lost = arms[arms.n_failed > 0]
    failed = f"{lost.n_failed.sum():.0f} runs of adapters failed; means are of the others."
    yield Number("perft/task", task, "text", "adapters")
    yield Number("perft/unit", unit, "text", "adapters")
    yield Number("perft/arms", len(arms), "count", "adapters")
    yield Number("perft/runs", int((arms.n + arms.n_failed).sum()), "count", "adapters")
    yield Number("perft/seeds", int(arms.n.max()), "count", "adapters")
    yield Number("perft/steps", int(arms.steps.iloc[0]), "count", "adapters")
    yield Number("perft/failed", failed if len(lost) else "", "text", "adapters")
    finished = arms[arms.bits_per_byte.notna()]
    base = _finite(arms.bits_per_byte_base.iloc[0])
    yield Number("perft/base", base, "bits_per_byte", "adapters")
    adapters = finished[finished.strategy.ne("full")].sort_values("bits_per_byte")
    for name, place in (("best", 0), ("worst", -1)):
        row = adapters.iloc[place] if len(adapters) else None
        label = "none" if row is None else arm_name(row)
        ids = None if row is None else row.runs
        keys = [f"bits_per_byte{end}" for end in ("", "_low", "_high")]
        bits, low, high = (None if row is None else _finite(row[key]) for key in keys)
        n = 0 if row is None else int(row.n)
        yield Number(f"perft/{name}/label", label, "text", "adapters", runs=ids)
        yield Number(f"perft/{name}/bits", bits, "bits_per_byte", "adapters", low, high, n, ids)
    full = finished[finished.strategy.eq("full")]
    bits = _finite(full.bits_per_byte.iloc[0]) if len(full) else None
    yield Number("perft/full/bits", bits, "bits_per_byte", "adapters")
    routed = finished[finished.strategy.eq("perft_r")]
    for key, unit_of in (("load_cv", "ratio"), ("drop_rate", "share")):
        for end in ("min", "max"):
            value = _finite(routed[key].agg(end)) if len(routed) else None
            yield Number(f"perft/routed/{key}_{end}", value, unit_of, "adapters")
    base_load = finished[finished.strategy.eq("perft_e")].load_cv
    yield Number(
        "perft/base_load_cv",
        _finite(base_load.mean()) if len(base_load) else None,
        "ratio",
        "adapters",
    )


def adapter_cost_numbers(measured: dict) -> Iterator[Number]:
    """What a step costs, as stored with the code."""
    rows, source = measured["methods"], "costs_of_adapters"
    yield Number("perft/cost/device", measured["process"]["device_name"], "text", source)
    for method, row in rows.items():
        yield Number(f"perft/cost/{method}/over_full", row["step_over_full"], "ratio", source)
        yield Number(f"perft/cost/{method}/over_lora", row["step_over_lora"], "ratio", source)


def capacity_numbers(table: pd.DataFrame) -> Iterator[Number]:
    """What the microbenchmark says in the text."""
    holes = table[table.not_recorded.notna()].drop_duplicates("num_experts")
    table = table[table.not_recorded.isna()]
    why = [f"E = {row.num_experts} ({brief(row.not_recorded)})" for row in holes.itertuples()]
    sentence = f"Not recorded, for the runs to record failed: {', '.join(why)}."
    yield Number("capacity/not_recorded", sentence if why else "", "text", "microbench")
    random = table[table.assignments == "random"]
    error = (random.drop_rate - random.drop_rate_law).abs().max()
    yield Number("capacity/law_max_error", float(error), "share_fine", "microbench")
    yield Number("capacity/cells", len(table), "count", "microbench")
    yield Number("capacity/tokens", int(table.tokens.iloc[0]), "count", "microbench")
    yield Number("capacity/dim", int(table.dim.iloc[0]), "count", "microbench")
    largest = table.capacity_factor.max()
    yield Number("capacity/largest_factor", largest, "setting", "microbench")
    for source in ("random", "zipf", "recorded"):
        at_largest = table[table.assignments.eq(source) & table.capacity_factor.eq(largest)]
        low, high = (_finite(at_largest.drop_rate.agg(end)) for end in ("min", "max"))
        yield Number(f"capacity/{source}/drop_at_largest_low", low, "share", "microbench")
        yield Number(f"capacity/{source}/drop_at_largest_high", high, "share", "microbench")
    for end in ("min", "max"):
        share = float(table.memcpy_share.agg(end))
        yield Number(f"capacity/memcpy_share_{end}", share, "share", "microbench")
    memcpy = float(table.memcpy_bytes_per_s.iloc[0] / 1e9)
    yield Number("capacity/memcpy", memcpy, "gbytes_per_s", "microbench")


def _sequence(values: list[float]) -> str:
    *first, last = [f"{v:g}" if v % 1 else f"{v:.1f}" for v in values]
    return f"{', '.join(first)} and {last}" if first else last


def _words(labels: Iterable[str]) -> str:
    """Names in a sentence, ``none`` without any."""
    *first, last = [*labels] or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


def _finite(value: float | None) -> float | None:
    """None for nan, as where one seed leaves nothing to detect with, or all failed."""
    return float(value) if pd.notna(value) else None


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", required=True, help="canonical JSON of the configuration")
    path_argument(arguments, *SOURCES, "out")
    given = arguments.parse_args()
    paths: dict[str, Path] = {name: getattr(given, name) for name in SOURCES}
    read = {
        n: json.loads(paths[n].read_text())
        for n in ("meta", "run", "throughput", "ngram", "costs_of_adapters")
    }
    summary = pd.read_csv(given.summary)
    numbers = [
        *study_numbers(json.loads(given.spec), read["meta"]),
        *environment_numbers(summary, read["run"], read["throughput"]),
        Number("ngram/train_tokens", read["ngram"]["train_tokens"], "count", "ngram"),
        *failed_numbers(summary),
        *unified_numbers(pd.read_csv(given.aggregate), summary),
        *capacity_numbers(pd.read_csv(given.microbench)),
        *claim_numbers(pd.read_csv(given.ledger)),
        *audit_numbers(pd.read_csv(given.audits)),
        *rate_numbers(pd.read_csv(given.choice)),
        *adapter_numbers(pd.read_csv(given.adapters)),
        *adapter_cost_numbers(read["costs_of_adapters"]),
    ]
    table = {
        "sources": {n: {"path": str(p), "sha256": file_sha256(p)} for n, p in paths.items()},
        "numbers": {
            number.key: {k: v for k, v in asdict(number).items() if k != "key"}
            for number in numbers
        },
    }
    write_atomic(given.out, json.dumps(table, indent=1, allow_nan=False, default=_plain))


def _plain(value: object) -> object:
    """numpy scalars as Python's."""
    return value.item()  # type: ignore[attr-defined]


if __name__ == "__main__":
    run(main)
