"""Drop rate against capacity factor, by source of assignments, K and E, with the random law."""

from moe_core.figures.capacity_grid import capacity_grid
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    capacity_grid(
        given.table,
        measure="drop_rate",
        scale=100,
        ylabel="drop rate (%)",
        law="drop_rate_law",
        pdf=given.pdf,
        png=given.png,
    )


if __name__ == "__main__":
    run(main)
