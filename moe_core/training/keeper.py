"""What a run keeps on disk while it trains, so that nothing is lost when it is killed.

The folder is not an output of the workflow, which deletes those of a job that did not finish:

- ``lock``: held by the one process that trains; the kernel frees it however that ends;
- ``<key>/``: checkpoints of one row, code and tokens, and of nothing else;
- ``progress.json``: how far it is, rewritten in place at each step;
- ``metrics.csv``: a row an evaluation, for eyes and plots while it trains;
- ``history.jsonl``: a line an event, kept over all attempts.
"""

import csv
import fcntl
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from moe_core.provenance import write_atomic
from moe_core.training.checkpoint import Checkpoint, load_checkpoint, newest_first, save_checkpoint
from moe_core.training.history import History
from moe_core.training.interruption import Interruption, Terminated
from moe_core.training.loop import Progress, Trainer
from moe_core.training.ranks import Ranks

PROGRESS_BYTES = 256


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only process that trains this run; waits for one that does.

    A trainer outlives a snakemake that was killed: its successor waits for it and then finds all
    that it did. The descriptor is passed on by exec, so that torchrun holds it too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            print(f"{folder.parent.name}: waiting for {holder}, which trains it", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            print(f"warning: {file.name}: {error.strerror}; train it once only", file=sys.stderr)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
        file.flush()
        yield


class Keeper:
    """Keeps one run; hand it to ``train`` and it saves, continues, and stops when asked to.

    key: digest of all that the run depends on. every_s: seconds between checkpoints, besides one at
    each evaluation and one when asked to stop. device_name: what trains it. step: how far the run
    is. parts: micro-batches, twice as many as when memory last ran out.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        steps: int,
        every_s: float,
        ranks: Ranks,
        stop: Interruption,
        device_name: str,
    ) -> None:
        self.folder, self.checkpoints, self.steps = folder, folder / key, steps
        self.key, self.every_s, self.ranks, self.stop = key, every_s, ranks, stop
        self.history = History(folder / "history.jsonl")
        self.machines = [f"{device_name}, torch {torch.__version__}"]
        self.saved_at = time.monotonic()
        self.started, self.first_step = time.time(), 0
        self.step, self.parts = 0, self._micro_batches()
        self.reached = self._reached()
        self.progress_file: int | None = None
        if ranks.first:
            for part in self.checkpoints.glob(".*"):
                part.unlink()  # of a writer that was killed

    def _micro_batches(self) -> int:
        parts = 1
        for event in self.history.events():
            if event["key"] == self.key:
                if event["event"] == "out of memory":
                    parts = 2 * event["micro_batches"]
                if event["event"] in ("failed", "finished"):
                    parts = 1  # whoever starts it again may have found more
        return parts

    def _reached(self) -> int:
        """How far an earlier attempt at the same came before it ended."""
        try:
            shown = json.loads((self.folder / "progress.json").read_text())
        except (OSError, ValueError):
            return 0
        return int(shown["step"]) if shown.get("key") == self.key else 0

    def resume(self, trainer: Trainer) -> Progress:
        """Set a trainer to the last good checkpoint, or leave it at its start; where it stands."""
        found = load_checkpoint(self.checkpoints, self._corrupt)
        progress = Progress()
        if found is not None:
            trainer.restore(found.tensors)
            progress = restored(found)
            progress.losses = [loss.to(trainer.device) for loss in progress.losses]
            known = found.notes["machines"]
            self.machines = known + [m for m in self.machines if m not in known]
        self.ranks.agree(progress.step)
        self.first_step = self.step = progress.step
        started = {"reached": self.reached, "micro_batches": self.parts, "pid": os.getpid()}
        self.note("start", progress.step, **started)
        self._show(progress)
        return progress

    def sound(self) -> Checkpoint | None:
        """The last checkpoint at which the run was healthy."""
        return load_checkpoint(self.checkpoints, self._corrupt, sound=True)

    def after_step(self, trainer: Trainer, progress: Progress) -> None:
        """Show how far it is; save if it is time to. Raises Terminated if asked to stop."""
        self.step = progress.step
        self._show(progress)
        due = time.monotonic() - self.saved_at >= self.every_s
        stopped, due = self.ranks.any(self.stop.wanted is not None, due)
        if stopped:
            self.save(trainer, progress, "step")
            raise Terminated(self.stop.wanted or 15)
        if due:
            self.save(trainer, progress, "step")

    def after_evaluation(self, trainer: Trainer, progress: Progress) -> None:
        """Save what was found healthy, and the rows so far where a person may look at them."""
        self.save(trainer, progress, "sound")
        if self.ranks.first:
            write_atomic(self.folder / "metrics.csv", as_csv(progress.rows))

    @contextmanager
    def measuring(self, trainer: Trainer, progress: Progress) -> Iterator[None]:
        """Around work that changes nothing. Ranks stop together, so between steps alone."""
        if self.ranks.size > 1:
            yield
            return
        try:
            with self.stop.at_once():
                yield
        except Terminated:
            self.save(trainer, progress, "step")
            raise

    def save(self, trainer: Trainer, progress: Progress, kind: Literal["step", "sound"]) -> None:
        """Write a checkpoint, if this is the process that writes."""
        self.saved_at = time.monotonic()
        tensors = trainer.tensors(with_optimiser=progress.step < self.steps)  # of all ranks
        if not self.ranks.first:
            return
        tensors |= {f"choices.{i}": choices for i, choices in enumerate(progress.choices)}
        if progress.losses:
            tensors["losses"] = torch.stack(progress.losses)
        notes = {"rows": progress.rows, "machines": self.machines}
        save_checkpoint(self.checkpoints, Checkpoint(kind, progress.step, tensors, notes))
        self.note("checkpoint", progress.step)

    def out_of_memory(self) -> None:
        """Note it, by whichever rank it happened to."""
        self.history.note("out of memory", self.step, key=self.key, micro_batches=self.parts)

    def finished(self) -> None:
        """Note it, and keep nothing but the last checkpoint: what gives the outputs again."""
        self.note("finished", self.steps)
        for old in newest_first(self.checkpoints)[1:]:
            old.unlink()
        for other in self.folder.iterdir():
            if other.is_dir() and not other.is_symlink() and other != self.checkpoints:
                shutil.rmtree(other)

    def warnings(self) -> list[str]:
        """Told where bytes may not repeat: a run that went on elsewhere, or in smaller parts."""
        elsewhere = f"continued on another machine: {' then '.join(self.machines)}"
        parts = f"memory ran out: trained in {self.parts} micro-batches"
        return [elsewhere] * (len(self.machines) > 1) + [parts] * (self.parts > 1)

    def note(self, event: str, step: int, **more: object) -> None:
        """An event of this run, told by one rank."""
        if self.ranks.first:
            self.history.note(event, step, key=self.key, **more)

    def _show(self, progress: Progress) -> None:
        if not self.ranks.first:
            return
        shown = {
            "step": progress.step,
            "steps": self.steps,
            "started": round(self.started, 3),
            "started_at_step": self.first_step,
            "pid": os.getpid(),
            "key": self.key,
        }
        line = json.dumps(shown).ljust(PROGRESS_BYTES).encode()
        if self.progress_file is None:  # whoever watches never finds it empty
            write_atomic(self.folder / "progress.json", line)
            self.progress_file = os.open(self.folder / "progress.json", os.O_WRONLY | os.O_CLOEXEC)
        else:
            os.pwrite(self.progress_file, line, 0)

    def _corrupt(self, path: Path) -> None:
        print(f"warning: {path} is not what was written; it is skipped", file=sys.stderr)
        self.note("corrupt checkpoint", 0, file=path.name)


def restored(checkpoint: Checkpoint) -> Progress:
    """Where a checkpoint stands."""
    tensors = checkpoint.tensors
    choices: list[Tensor] = []
    while f"choices.{len(choices)}" in tensors:
        choices.append(tensors[f"choices.{len(choices)}"])
    losses = list(tensors["losses"]) if "losses" in tensors else []
    return Progress(checkpoint.step, losses, checkpoint.notes["rows"], choices)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Rows of equal keys as CSV in full precision."""
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
