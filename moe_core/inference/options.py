"""What ``python -m moe_core generate`` can be told. Free of torch."""

from argparse import ArgumentParser
from pathlib import Path


def add_options(command: ArgumentParser) -> None:
    """Add the options of the command."""
    command.add_argument("--run", required=True, help="id of a finished run")
    command.add_argument("--results", type=Path, default=Path("results"))
    told = command.add_mutually_exclusive_group(required=True)
    told.add_argument("--prompt", nargs="+", metavar="TEXT", help="texts to continue, all at once")
    told.add_argument("--prompts", type=Path, metavar="FILE", help="the same, one a line")
    command.add_argument(
        "--tokens",
        type=int,
        metavar="N",
        help="tokens to write at most; a text ends before at a story's end, and always where "
        "prompt and text are as long as a training sequence",
    )
    command.add_argument(
        "--temperature", type=float, default=0.0, help="0, the default, takes the likeliest token"
    )
    command.add_argument(
        "--top-p", type=float, default=1.0, help="draw from the likeliest tokens of this mass"
    )
    command.add_argument("--seed", type=int, default=0, help="of what is drawn")
    command.add_argument("--threads", type=int, default=1, help="of the CPU; few suit small models")
    command.add_argument(
        "--routing", action="store_true", help="print each token's experts and weights by layer"
    )
    command.add_argument(
        "--trace", type=Path, metavar="FILE", help="write them as JSON that the explorer opens"
    )
