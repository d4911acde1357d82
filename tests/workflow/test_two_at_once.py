"""A second snakemake in a folder is told of the first; a killed one leaves no lock."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml

from tests.workflow.conftest import Workspace, copy_of_repository, small_config


def corpus_of(stories: int) -> dict:
    config = small_config()
    config["corpus"]["builtin"]["stories"] = stories
    return config


@pytest.fixture
def at_work(tmp_path):
    """A workspace with a snakemake that works in it for long, and its process."""
    workspace = copy_of_repository(tmp_path / "repository")
    workspace.configure(corpus_of(10**7))
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", "data"],
        cwd=workspace.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_a_story(workspace)
        yield workspace, process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for_a_story(workspace: Workspace) -> None:
    until = time.monotonic() + 60
    while not list((workspace.folder / "results/data").glob("builtin/.train.jsonl.*")):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_the_second_is_told_of_the_first_and_a_killed_one_is_forgotten(at_work):
    workspace, process = at_work
    second = workspace.snakemake("--cores", "1", "data")
    assert second.returncode == 1
    assert re.fullmatch(
        rf"error: another snakemake \(pid {process.pid} on \S+ since [-0-9]+ [:0-9]+\) works in "
        r"this folder: wait for it, stop it, or look with `snakemake -n`",
        second.stdout.splitlines()[-1],
    )
    assert "Traceback" not in second.stdout
    assert not re.search(r"^(local)?rule ", second.stdout, re.M)
    assert workspace.snakemake("-n", "data").returncode == 0
    assert process.poll() is None

    os.kill(process.pid, signal.SIGKILL)  # alone: its job lives on
    process.wait()
    workspace.configure(corpus_of(200))
    third = workspace.snakemake("--cores", "1", "data")
    assert third.returncode == 0, third.stdout[-2000:]
    (meta,) = (workspace.folder / "results/tokens").glob("*-char/meta.json")
    splits = yaml.safe_load(meta.read_text())["splits"]
    assert sum(split["stories"] for split in splits.values()) == 200


def test_the_snakemake_of_a_job_on_another_node_is_not_refused(at_work):
    workspace, _ = at_work
    small = "corpus={builtin: {stories: 200}}"
    corpus = "results/data/builtin/train.jsonl"
    # as the executors of clusters call it
    done = workspace.snakemake(
        *("--cores", "1", "--mode", "remote", "--force", "--no-hooks", "--ignore-incomplete"),
        *(corpus, "--config", small),
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (workspace.folder / corpus).is_file()
