"""Typeset the arms of image models: cost, accuracy, and how far from dense CNNs of equal cost."""

from collections.abc import Iterator

import pandas as pd

from moe_core.figures.typeset import escape, signed, table, typeset
from moe_core.provenance import write_atomic
from moe_core.vision.experiment import balance_name
from workflow_scripts.command import parser, path_argument, run


def points(share: float) -> str:
    """A share in hundredths."""
    return "--" if pd.isna(share) else signed(f"{100 * share:.1f}")


def with_interval(arm: pd.Series, key: str) -> str:
    """Mean and ends of the interval in points; an asterisk where Holm's correction leaves it."""
    if pd.isna(arm[key]):
        return "--"
    mean, low, high = (points(arm[f"{key}{end}"]) for end in ("", "_low", "_high"))
    sure = r"\,$^{*}$" if arm.get(f"{key}_p_holm", 1) < 0.05 else ""
    return f"{mean} [{low}, {high}]{sure}"


def experts(arm: pd.Series) -> str:
    """``1 of 8``, or how many where nothing is chosen."""
    if pd.isna(arm.num_experts):
        return "--"
    soft = arm.strategy == "soft_moe"
    return f"{'' if soft else f'{arm.top_k:.0f} of '}{arm.num_experts:.0f}"


def balance(arm: pd.Series) -> str:
    """What evens out the load."""
    if pd.isna(arm.balance):
        return "--"
    return balance_name(arm.balance, arm.balance_weight) or "its rule"


def line(arm: pd.Series) -> str:
    """A row of the table."""
    failed = r"\,$^{\ddagger}$" if arm.n_failed else ""
    cells = [
        escape(arm.label) + failed,
        experts(arm),
        balance(arm),
        str(arm.channels).replace("x", r"\,/\,"),
        typeset(arm.params_total, "count"),
        typeset(arm.flops_active / 1e6, "ratio"),
        with_interval(arm, "accuracy"),
        with_interval(arm, "accuracy_minus_dense"),
        with_interval(arm, "accuracy_minus_dense_of_size"),
        typeset(arm.load_cv, "ratio"),
        f"{arm.n:.0f}",
    ]
    return " & ".join(cells)


def kind(arm: pd.Series) -> str:
    """Kinds of models, parted by rules: mixtures, dense CNNs, ResNets."""
    return "mixture" if pd.notna(arm.num_experts) else str(arm.strategy)


def lines(arms: pd.DataFrame) -> Iterator[str]:
    """Kinds in the order of their first arm; dense CNNs by their FLOPs."""
    kinds = arms.assign(kind=[kind(arm) for _, arm in arms.iterrows()])
    for place, (name, own) in enumerate(kinds.groupby("kind", sort=False)):
        if place:
            yield r"\midrule"
        ordered = own.sort_values("flops_active") if name == "dense" else own
        yield from (line(arm) for _, arm in ordered.iterrows())


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    arms = pd.read_csv(given.table)
    hole = r" $\ddagger$ Seeds of this arm failed." if arms.n_failed.any() else ""
    caption = rf"""Image models. Channels: of the stages of one expert, or of the dense CNN.
    FLOPs: of a forward pass of one image, by chosen experts alone. Accuracy on the test images
    and differences in points, with 95\,\% intervals over paired seeds and images; $*$ differs
    from zero after Holm's correction over the column. Load CV as in training.{hole}"""
    head = r"""Model & Experts & Balance & Channels & params & MFLOPs & accuracy, \%
    & less dense of its FLOPs & less dense of its size & CV & $n$"""
    body = table(caption, "tab:vision", "llllrrlllrr", head, lines(arms), column_separation="2.6pt")
    write_atomic(given.out, body)


if __name__ == "__main__":
    run(main)
