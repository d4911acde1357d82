"""Profiles add to profiles/default and take nothing from it."""

from argparse import Namespace
from pathlib import Path

import pytest
from snakemake.cli import parse_args

ROOT = Path(__file__).resolve().parents[2]
PROFILES = sorted(path.name for path in (ROOT / "profiles").iterdir())


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def settings(profile: str, *arguments: str) -> Namespace:
    """The options of a `snakemake` call with a profile."""
    return parse_args([*arguments, "--profile", f"profiles/{profile}"])[1]


def test_there_is_one_for_each_kind_of_machine():
    assert PROFILES == ["default", "gpu", "local", "slurm"]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_default_holds_in_every_profile(profile):
    default, given = settings("default"), settings(profile)
    for key in ("cores", "rerun_incomplete", "max_checksum_file_size"):
        assert getattr(given, key) == getattr(default, key)
    assert default.rerun_incomplete


@pytest.mark.parametrize("profile", sorted({*PROFILES} - {"default"}))
def test_one_failure_does_not_stop_the_rest(profile):
    given = settings(profile)
    assert given.keep_going
    assert given.retries > 0


def test_timings_are_exclusive_and_of_one_number_of_threads():
    given = settings("slurm")
    assert {*given.set_threads} == {*given.set_resources} == {"throughput", "microbench"}
    assert len({value.raw for value in given.set_threads.values()}) == 1
    for resources in given.set_resources.values():
        assert resources["slurm_extra"].raw == "--exclusive"


def test_the_command_line_wins():
    assert settings("gpu", "--resources", "gpu=2").resources["gpu"].value == 2
