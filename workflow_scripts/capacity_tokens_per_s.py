"""Tokens per second of capacity, pack and combine against capacity factor."""

from moe_core.figures.capacity_grid import capacity_grid
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    capacity_grid(
        given.table,
        measure="tokens_per_s",
        scale=1e-6,
        ylabel="million tokens/s",
        law=None,
        pdf=given.pdf,
        png=given.png,
    )


if __name__ == "__main__":
    run(main)
