"""The options of every figure that is drawn from a table of routing."""

from argparse import Namespace

from workflow_scripts.command import parser, path_argument


def options(description: str | None) -> Namespace:
    """table, pdf and png; strategies: those to draw; tokens: name of the text of the runs."""
    arguments = parser(description)
    path_argument(arguments, "table", "pdf", "png")
    arguments.add_argument("--strategies", nargs="+", required=True)
    arguments.add_argument("--tokens", required=True)
    return arguments.parse_args()
