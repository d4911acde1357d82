"""A command that cannot write says so in one line."""

import errno

import pytest

from workflow_scripts.command import run


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG])
def test_a_disk_that_takes_nothing_is_told_in_one_line(number: int):
    def main() -> None:
        raise OSError(number, "It is so", "results/x")

    with pytest.raises(SystemExit, match=r"^error: results/x: It is so; \w+"):
        run(main)


def test_other_errors_of_the_system_keep_their_traceback():
    def main() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "results/x")

    with pytest.raises(FileNotFoundError):
        run(main)
