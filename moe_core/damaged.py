"""A file that is missing, damaged or of something else, told in one line."""

from pathlib import Path

from moe_core.errors import StudyError


def damaged(path: Path, error: Exception) -> StudyError:
    """The error for a file that a library could not read: its name, and the library's reason."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return StudyError(str(path), f"cannot be read: {reason.strip().partition(chr(10))[0]}")
