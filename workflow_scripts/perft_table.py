"""Typeset the arms of adapters: quality, parameters, and what their routers do."""

import pandas as pd

from moe_core.adapters.labels import how_many
from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

QUALITY = {"stories": "bits/byte", "commonsense": "bits/answer"}


def with_interval(arm: pd.Series, key: str, unit: str) -> str:
    """A mean and the ends of its interval."""
    ends = [typeset(arm.get(f"{key}_{end}"), unit) for end in ("low", "high")]
    return f"{typeset(arm.get(key), unit)} [{', '.join(ends)}]"


def setting(arm: pd.Series) -> str:
    """How many adapters, and of what rank."""
    if arm.strategy == "full":
        return "--"
    many = how_many(arm.strategy, arm.num_adapters, arm.top_k)
    return f"{many + ', ' if many else ''}$r = {arm['rank']:.0f}$"


def budgets(arm: pd.Series) -> str:
    """T and A: of the arms of equal trainable, and of equal active parameters."""
    marks = {"T": arm.get("matched_trainable"), "A": arm.get("matched_active")}
    return "".join(mark for mark, is_one in marks.items() if is_one is True)


def line(arm: pd.Series) -> str:
    """A row of the table."""
    failed = r"\,$^{\ddagger}$" if arm.n_failed else ""
    cells = [
        escape(arm.label) + failed,
        setting(arm),
        budgets(arm),
        with_interval(arm, "bits_per_byte", "bits_per_byte"),
        typeset(arm.get("bits_per_byte_minus_base"), "bits_per_byte"),
        with_interval(arm, "accuracy", "share") if pd.notna(arm.get("accuracy")) else "--",
        typeset(arm.get("params_trainable"), "count"),
        typeset(arm.get("trainable_share_active"), "share_fine"),
        typeset(arm.get("load_cv"), "ratio"),
        typeset(arm.get("drop_rate"), "share"),
        typeset(arm.get("router_entropy_nats"), "ratio"),
        f"{arm.n:.0f}",
    ]
    return " & ".join(cells)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    arms = pd.read_csv(given.table)
    task = arms.task.iloc[0]
    lines = []
    for _, own in arms.groupby("strategy", sort=False):
        lines += [*([r"\midrule"] if lines else []), *(line(arm) for _, arm in own.iterrows())]
    base = arms.bits_per_byte_base.dropna()
    alone = f" The base alone reads {typeset(base.iloc[0], 'bits_per_byte')}." if len(base) else ""
    hole = r" $\ddagger$ Seeds of this arm failed." if arms.n_failed.any() else ""
    chance = ""
    if "chance_accuracy" in arms and arms.chance_accuracy.notna().any():
        chance = f" Guessing answers {typeset(arms.chance_accuracy.dropna().iloc[0], 'share')}."
    tested = "stories" if task == "stories" else "questions"
    caption = rf"""Adapters on a frozen mixture of experts; brackets: 95\,\% intervals over paired
    seeds and test {tested}. T, A: arms of equal trainable and of equal active parameters. Share:
    trained parameters that a token uses, of those of the base that it uses. Load CV, drops that the
    usual capacity would make, and entropy (nats) are of the adapters' own router in PERFT-R and of
    the base's elsewhere, which in PERFT-E chooses the adapters.{alone}{chance}{hole}"""
    quality = f"{QUALITY[task]} & less base & accuracy"
    head = f"Method & Adapters & & {quality} & trained & share & CV & drops & entropy & $n$"
    write_atomic(given.out, table(caption, "tab:perft", "llllrlrrrrrr", head, lines))


if __name__ == "__main__":
    run(main)
