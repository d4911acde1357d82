"""What every command that trains does: four outputs, checkpoints, failures that are results.

metrics by evaluation, a summary, nats by story, weights. Continues where an earlier attempt was
killed. A run that is sick ends as a failed one, with what it was before it fell ill: that is a
result, so the command succeeds.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from moe_core.model.language_model import LanguageModel
from moe_core.provenance import data_digest, environment
from moe_core.runs import JobSpec
from moe_core.training.health import SickRun, is_out_of_memory
from moe_core.training.interruption import Interruption, Terminated
from moe_core.training.keeper import Keeper, locked
from moe_core.training.outputs import finished, write
from moe_core.training.process import ProcessSettings, prepare_process
from moe_core.training.ranks import Ranks, joined_ranks, relaunch, relaunched
from moe_core.training.run import TrainedRun
from workflow_scripts.command import path_argument

Spec = TypeVar("Spec", bound=JobSpec)
Prepare = Callable[[Spec, Namespace], "Job"]
STORY_COLUMNS = ("story", "bytes", "nats", "nats_train_mode")


@dataclass(frozen=True)
class Job:
    """One row of the table of runs, made ready.

    name: its id. inputs: digests of all that is read besides the row. vocab_size: of the tokens, or
    classes of images. build: the model as it is before the first step. most_parts: into which its
    batch can be cut. train: to the end.
    """

    name: str
    spec: JobSpec
    inputs: dict[str, str]
    vocab_size: int
    build: Callable[[], LanguageModel]
    most_parts: int
    train: Callable[[Keeper, Ranks], TrainedRun]


def failed(sick: SickRun, job: Job, keeper: Keeper) -> dict[str, Any]:
    """The same of a sick run: what it was when it was last measured and found healthy."""
    last = keeper.sound()
    if last is None:
        tensors = job.build().stored_tensors()
    else:
        model = {k: v for k, v in last.tensors.items() if k.startswith("model.")}
        tensors = {name.removeprefix("model."): tensor for name, tensor in model.items()}
    failure = {"step": sick.step, "cause": sick.cause, "detail": sick.detail}
    return {
        "rows": last.notes["rows"] if last else [],
        "stories": {name: np.empty(0) for name in STORY_COLUMNS},
        "tensors": tensors,
        "status": "failed",
        "failure": failure | {"checkpoint_step": last.step if last else 0},
        "warnings": keeper.warnings(),
        "test": None,
    }


def run_job(
    module: str, arguments: ArgumentParser, read_spec: Callable[[str], Spec], prepare: Prepare[Spec]
) -> None:
    """The command of a module: take its arguments, train, write.

    prepare: spec and arguments to a job; called once the process is set up.
    """
    arguments.add_argument("--spec", required=True, help="canonical JSON of the row")
    arguments.add_argument("--code", required=True, help="digest of the code that computes it")
    arguments.add_argument("--checkpoint-seconds", type=float, required=True)
    path_argument(arguments, "folder")
    given = arguments.parse_args()
    spec = read_spec(given.spec)
    with nullcontext() if relaunched() else locked(given.folder / "state"):
        relaunch(spec.world_size, module)
        process = prepare_process(spec.device, spec.threads)
        if train(prepare(spec, given), given, process):
            return
    # memory ran out: the same in smaller parts, by a process that starts with all of it
    os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])


def train(job: Job, given: Namespace, process: ProcessSettings) -> bool:
    """Train to the end, or to a failure, and write it; False if memory ran out in one process."""
    spec, training, name = job.spec, job.spec.training, job.name
    key = data_digest([given.spec, given.code, job.inputs])[:16]
    with (
        Interruption() as stop,
        joined_ranks(spec.world_size, spec.device, spec.expert_parallel) as ranks,
    ):
        state, steps = given.folder / "state", training.steps
        every_s, device_name = given.checkpoint_seconds, process.device_name
        keeper = Keeper(state, key, steps, every_s, ranks, stop, device_name)
        trained = sick = None
        try:
            if keeper.parts > 1 and keeper.parts * ranks.size > job.most_parts:
                detail = f"in {keeper.parts // 2} micro-batches, as small as they can be"
                raise SickRun(keeper.reached, "out of memory", detail)
            trained = job.train(keeper, ranks)
        except Terminated as error:
            keeper.note("terminated", keeper.step)
            leave(128 + error.signum, f"{name}: {error} at step {keeper.step}, saved")
        except SickRun as error:
            sick = error.with_traceback(None)  # nor the memory that its frames hold
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            keeper.out_of_memory()
            why = (str(error) or type(error).__name__).partition("\n")[0]
            line = f"{name}: out of memory at step {keeper.step} ({why}), on in smaller parts"
            if ranks.size > 1:
                leave(1, line)
            print(line, file=sys.stderr, flush=True)
            return False
        if not ranks.first:
            return True
        result = failed(sick, job, keeper) if sick else finished(trained, keeper.warnings())
        summary = {
            "run": name,
            "spec": spec.model_dump(mode="json"),
            "code": given.code,
            "tokens_sha256": job.inputs,
            "vocab_size": job.vocab_size,
            "environment": environment(),
            "process": process.as_dict(),
        }
        write(given.folder, result, summary)
        if sick:
            keeper.note("failed", sick.step, cause=sick.cause)
            cause = f"{sick.cause} at step {sick.step} ({sick.detail})"
            print(f"{name}: FAILED: {cause}", file=sys.stderr)
        else:
            keeper.finished()
    return True


def leave(status: int, line: str) -> None:
    """End with a line; nobody may be left to read it."""
    try:
        print(line, file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(status)
