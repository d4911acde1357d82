"""What Snakemake would run for a target, and why, as plain data: a dry run in this process."""

import logging
from dataclasses import dataclass
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.exceptions import WorkflowError
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

from moe_core.errors import StudyError

NAMED = 3  # files or rules that a reason names


@dataclass(frozen=True)
class Job:
    """A job that would run.

    output: its first file. reason: why, in a few words. spec: the row it is given, if it is given
    one. after: places of the jobs it waits for.
    """

    rule: str
    output: str
    reason: str
    threads: int
    gpus: int
    benchmark: str | None
    spec: str | None
    after: tuple[int, ...]


def planned(
    target: str, snakefile: Path, config: dict, cores: int, max_checksum_file_size: int
) -> list[Job]:
    """The jobs that a target needs, as of now. Takes no lock and writes no file of the study.

    config: the whole configuration. max_checksum_file_size: bytes, as in the profile. Rules that
    only name files are left out. Raises StudyError where Snakemake finds no plan.
    """
    silent = OutputSettings(
        dryrun=True,
        # with these two a dry run ends when its plan is made
        quiet={Quietness.RULES, Quietness.PROGRESS},
        log_level_override=logging.ERROR,
        enable_file_logging=False,
    )
    with SnakemakeApi(silent) as api:
        try:
            workflow = api.workflow(
                ResourceSettings(cores=cores), ConfigSettings(config=config), snakefile=snakefile
            )
            workflow.dag(
                DAGSettings(
                    targets={target},
                    force_incomplete=True,
                    max_checksum_file_size=max_checksum_file_size,
                )
            ).execute_workflow("dryrun")
        except WorkflowError as error:
            raise StudyError(target, str(error)) from None
        dag = workflow._workflow.dag  # the plan itself has no door in the API
        needed = [job for job in dag.needrun_jobs() if not job.rule.norun]
        needed.sort(key=lambda job: (job.rule.name, str(job.output)))
        place = {job: number for number, job in enumerate(needed)}
        return [
            Job(
                rule=job.rule.name,
                output=str(job.output[0]),
                reason=reason(job, dag),
                threads=job.threads,
                gpus=job.resources.get("gpu", 0),
                benchmark=job.benchmark and str(job.benchmark),
                spec=dict(job.params.items()).get("spec"),
                after=tuple(place[other] for other in dag.dependencies[job] if other in place),
            )
            for job in needed
        ]


def reason(job, dag) -> str:
    """Why Snakemake would run a job, its foremost reason alone."""
    found = dag.reason(job)
    changed = ["code"] if found.code_changed else []
    for name, value in job.params.items():
        # Snakemake keeps parameters as a set of their texts; the digest of the code is one of them
        if repr(value) in found.params_changed.only_new and name not in changed:
            changed.append(name if name == "code" else f"parameter {name}")
    if changed:
        return f"{' and '.join(changed)} changed"
    if found.params_changed:
        return "a parameter is gone"
    if found.forced:
        return "incomplete output"  # nothing else is forced here
    if found.missing_output:
        return "missing output"
    own = found.updated_input - found.updated_input_run
    if own:
        return f"input changed: {listed(own)}"
    if found.updated_input_run:
        before = dag.dependencies[job]
        return f"after {listed({other.rule.name for other in before if dag.needrun(other)})}"
    if found.input_changed:
        return "other set of inputs"
    return ", ".join(found.get_names())


def listed(names: set) -> str:
    """The first few names, and how many more there are."""
    ordered = sorted(map(str, names))
    more = len(ordered) - NAMED
    return ", ".join(ordered[:NAMED]) + (f" and {more} more" if more > 0 else "")
