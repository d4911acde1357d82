"""Numbers of the unified experiment: its cells, and those that the text speaks of."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd

from moe_core.numbers.number import Number, finite, words


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
        factor = finite(cell.capacity_factor)
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
            mean, low, high = (finite(cell[f"{key}{end}"]) for end in ("", "_low", "_high"))
            n = cell.get(f"{key}_n", cell.n)  # pairs, of a difference
            n = 0 if mean is None else int(n)
            yield Number(f"{prefix}/{key}", mean, unit, "aggregate", low, high, n)
    if pd.notna(cell.tokens_per_s) or hole:
        yield Number(f"{prefix}/tokens_per_s", finite(cell.tokens_per_s), "rate", "aggregate")


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
        return ranked.loc[values.index].iloc[values.argmin() if smallest else values.argmax()]

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
        "dense_largest": dense.iloc[dense.ffn_hidden.argmax()],
        "ngram": controls.loc["ngram"],
    }
    roles |= {n: controls.loc[n] for n in ("frozen_router", "position_hash") if n in controls.index}
    for role, cell in roles.items():
        yield from cell_numbers(f"unified/{role}", cell)
    labels = aggregate[aggregate.control].label.drop_duplicates()
    yield Number("unified/controls", "; ".join(labels), "text", "aggregate")
    yield Number("unified/common_seeds", len(common), "count", "summary")
    for role in ("best", "worst", "dense_of_best"):
        mean = finite(on_common_seeds.get(roles[role].name))
        yield Number(f"unified/{role}/on_common_seeds", mean, "bits_per_byte", "summary")
    beaten = int((ranked.bits_per_byte < roles["ngram"].bits_per_byte).sum())
    yield Number("unified/ranked_cells", len(ranked), "count", "aggregate")
    yield Number("unified/ranked_cells_better_than_ngram", beaten, "count", "aggregate")
    yield Number("unified/regime", regime(beaten, len(ranked)), "text", "aggregate")
    deviation = runs[runs.cell.isin(ranked.cell)].groupby("cell").bits_per_byte.std()
    yield Number("unified/seed_sd_median", finite(deviation.median()), "bits_per_byte", "summary")
    sure = ranked[ranked.bits_per_byte_minus_dense_p_holm < 0.05]
    for side, sign in (("better", -1), ("worse", 1)):
        cells = sure[sign * sure.bits_per_byte_minus_dense > 0]
        names = words(named(cell) for _, cell in cells.iterrows())
        yield Number(f"unified/{side}_than_dense", names, "text", "aggregate")
    detectable = ranked.bits_per_byte_minus_dense_detectable
    yield Number(
        "unified/detectable_median", finite(detectable.median()), "bits_per_byte", "aggregate"
    )
    yield Number("unified/detectable_max", finite(detectable.max()), "bits_per_byte", "aggregate")
    speed = fastest.tokens_per_s / dense_of(fastest).tokens_per_s
    yield Number("unified/fastest_over_dense_speed", finite(speed), "share", "aggregate")
    peaks = aggregate.matmul_peak_flops
    yield Number("throughput/drift", finite(peaks.max() / peaks.min()), "ratio", "aggregate")


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
