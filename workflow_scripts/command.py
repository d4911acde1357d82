"""What every command here shares: a user's mistake ends in one line and a failed exit."""

import argparse
import errno
import sys
from collections.abc import Callable
from pathlib import Path

from moe_core.errors import StudyError

# what is no mistake of the code, and what helps
DISK_REMEDIES = {
    errno.ENOSPC: "free some and run again",
    errno.EDQUOT: "free some and run again",
    errno.EROFS: "make it writable and run again",
    errno.EACCES: "change its permissions and run again",
    errno.ENAMETOOLONG: "shorten it",
}


def parser(description: str | None) -> argparse.ArgumentParser:
    """An argument parser described by the first line of the script's docstring."""
    return argparse.ArgumentParser(description=(description or "").partition("\n")[0])


def run(main: Callable[[], None]) -> None:
    """Call a command; print a StudyError or a full or closed disk as one line, ``error: …``."""
    try:
        main()
    except StudyError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in DISK_REMEDIES:
            raise
        where = error.filename or "a write"
        sys.exit(f"error: {where}: {error.strerror}; {DISK_REMEDIES[error.errno]}")


def path_argument(arguments: argparse.ArgumentParser, *names: str) -> None:
    """Required path options."""
    for name in names:
        arguments.add_argument(f"--{name}", type=Path, required=True)
