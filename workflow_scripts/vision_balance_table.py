"""Typeset what each balance makes of a mixture of CNNs: experts that die, and what a gate tells."""

import pandas as pd

from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.vision_table import balance, experts, points

ROUTERS = ("trained", "untrained")


def told(routers: pd.DataFrame, router: str) -> list[str]:
    """What a first choice tells of the class beyond chance: nats, and points of the most."""
    own = routers[routers.router.eq(router)]
    nats = typeset(own.class_nats_gain.mean(), "ratio")
    return [nats, points(own.class_nmi_gain.mean())]


def line(arm: pd.Series, routers: pd.DataFrame) -> str:
    """A row of the table."""
    failed = r"\,$^{\ddagger}$" if arm.n_failed else ""
    own = routers[routers.cell.eq(arm.cell)]
    cells = [
        f"{escape(arm.label)}, {experts(arm)}{failed}",
        balance(arm),
        typeset(arm.dead_experts, "ratio"),
        typeset(arm.load_cv, "ratio"),
        typeset(arm.router_entropy_nats, "ratio"),
        typeset(arm.marginal_entropy_nats, "ratio"),
        *(cell for router in ROUTERS for cell in told(own, router)),
        points(arm.accuracy),
    ]
    return " & ".join(cells)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--table", nargs=2, required=True, help="arms, specialisation")
    path_argument(arguments, "out")
    given = arguments.parse_args()
    arms, routers = map(pd.read_csv, given.table)
    routed = arms[arms.balance.notna()]
    lines = [line(arm, routers) for _, arm in routed.iterrows()]
    hole = r" $\ddagger$ Seeds of this arm failed." if routed.n_failed.any() else ""
    caption = rf"""Gates of image models, means over seeds. Dead: experts that no image goes
    to. Entropy in nats, of each image's gate and of the mean gate of a batch. Told: mutual
    information of first expert and class less its mean where experts are dealt out at random, in
    nats and in points of the most that could be told, by the trained gate and by the same one
    before training.{hole}"""
    head = r"""Gate & Balance & dead & CV & entropy: each & mean & told: nats & points
    & untrained: nats & points & accuracy, \%"""
    write_atomic(given.out, table(caption, "tab:gates", "llrrrrrrrrr", head, lines))


if __name__ == "__main__":
    run(main)
