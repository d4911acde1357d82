"""What every command here shares: a user's mistake ends in one line and a failed exit."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from moe_core.errors import StudyError


def parser(description: str | None) -> argparse.ArgumentParser:
    """An argument parser described by the first line of the script's docstring."""
    return argparse.ArgumentParser(description=(description or "").partition("\n")[0])


def run(main: Callable[[], None]) -> None:
    """Call a command; print a StudyError as ``error: …`` without a traceback."""
    try:
        main()
    except StudyError as error:
        sys.exit(f"error: {error}")


def path_argument(arguments: argparse.ArgumentParser, *names: str) -> None:
    """Required path options."""
    for name in names:
        arguments.add_argument(f"--{name}", type=Path, required=True)
