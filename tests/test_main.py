"""How the command ends when it is stopped, or when nobody can be told."""

import subprocess
import sys

import pytest

from moe_core import __main__ as command


def test_an_interruption_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "print_strategies", interrupted)
    monkeypatch.setattr(sys, "argv", ["moe_core", "strategies"])
    with pytest.raises(SystemExit) as raised:
        command.main()
    assert raised.value.code == 130


def test_a_full_disk_under_stdout_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "moe_core", "strategies"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: cannot print: No space left on device\n"
