"""Run a command on a free GPU: ``python -m moe_core.devices [--whole] -- command ...``.

Snakemake counts devices and assigns none, and two calls of it count apart. Here a device has
``SLOTS`` locks in a folder that all processes of a user on a machine share. A run holds one of
them, a timing all, from before its command starts until the last of its processes has ended:

- each lock is a flock on a file that the command inherits, so that the kernel frees it however
  the command dies, and not before a child that was forked has ended;
- a child may have closed the file, as those of Python's ``subprocess`` do. All inherit ``HELD``
  in their environment, so a slot that a living process names there is taken too (Linux).

Not seen: jobs of other users, and processes that give up both file and environment. A device that
is named by number here and by UUID there counts as two. Under Slurm, which assigned the devices,
the command is run as it is.
"""

import argparse
import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from itertools import chain, takewhile
from pathlib import Path
from urllib.parse import quote

from moe_core.errors import StudyError

SLOTS = 16  # of a device: the most runs that may share one
HELD = "MOE_DEVICE_SLOTS"  # of a job's processes: its slots, a path a line
POLL_S = 0.1


def main() -> None:
    """Take what is asked for, waiting if need be, and become the command."""
    arguments = argparse.ArgumentParser(prog="python -m moe_core.devices", description=__doc__)
    arguments.add_argument("--count", type=int, default=1, help="devices that the command needs")
    arguments.add_argument("--shares", type=int, default=1, help="runs that may share a device")
    arguments.add_argument("--whole", action="store_true", help="share with no run")
    arguments.add_argument("command", nargs="+")
    given = arguments.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and so would the command
    others, slots = (0, SLOTS) if given.whole else (given.shares - 1, 1)
    try:
        if "SLURM_JOB_ID" not in os.environ:
            os.environ |= acquire(visible_devices(), given.count, others, slots)
        os.execvp(given.command[0], given.command)
    except (StudyError, OSError) as error:
        sys.exit(f"error: {error}")


def visible_devices() -> list[str]:
    """Names in CUDA_VISIBLE_DEVICES, else numbers by nvidia-smi. Raises StudyError for none."""
    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is None:
        where, found = "to nvidia-smi", _numbers()
    else:
        where, names = f"in CUDA_VISIBLE_DEVICES={named}", named.replace(" ", "").split(",")
        found = [*takewhile(lambda name: name not in ("", "-1"), names)]  # CUDA hides the rest
    if not found:
        raise StudyError("device", f"no GPU is visible {where}", "set device: cpu")
    return [*dict.fromkeys(found)]


def acquire(devices: list[str], count: int, others: int, slots: int) -> dict[str, str]:
    """Environment of a command that has so many slots of each of ``count`` devices.

    others: the most slots of a device that may be taken already; of those, the emptiest devices are
    chosen. Waits until there are enough, and says so once. Raises StudyError where fewer devices
    are visible, or the folder of locks is not the user's own.

    First come, first served: behind the gates of its devices one job at a time looks for slots,
    and it takes all that it needs or none. So jobs neither starve nor wait in a ring.
    """
    if count > len(devices):
        raise StudyError("device", f"{count} GPUs are needed and {len(devices)} visible")
    tell = cache(lambda: print(f"waiting for GPU {', '.join(devices)}", file=sys.stderr))
    folder = lock_folder()
    # in one order for all; close when the command replaces this process
    for device in sorted(devices):
        gate = _open(f"{folder}/{quote(device, safe='')}.gate")
        if not _locked(gate):
            tell()
            fcntl.flock(gate, fcntl.LOCK_EX)
    while not (taken := _take(folder, devices, count, others, slots)):
        tell()
        time.sleep(POLL_S)
    paths = [*chain.from_iterable(taken.values())]
    return {
        "CUDA_VISIBLE_DEVICES": ",".join(device for device in devices if device in taken),
        HELD: "\n".join(paths),
    }


def lock_folder() -> Path:
    """The user's own folder on this machine. Raises StudyError if it is someone else's."""
    folder = Path(tempfile.gettempdir(), f"moe-devices-{os.getuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StudyError(
            str(folder), "is not a private folder of this user", "remove it, or set TMPDIR"
        )
    return folder


def _take(
    folder: Path, devices: list[str], count: int, others: int, slots: int
) -> dict[str, list[str]]:
    """Paths of the slots taken, by device; nothing where too little is free."""
    paths = {
        device: [f"{folder}/{quote(device, safe='')}.{slot}" for slot in range(SLOTS)]
        for device in devices
    }
    locks = {path: _open(path) for path in chain.from_iterable(paths.values())}
    unlocked = {path for path, lock in locks.items() if _locked(lock)}
    # after the locks: a command that ended between would have left no trace of its children
    unused = unlocked - _slots_of_the_living()
    free = {device: [path for path in paths[device] if path in unused] for device in devices}
    emptiest = sorted(devices, key=lambda device: len(free[device]), reverse=True)
    fit = [device for device in emptiest if SLOTS - len(free[device]) <= others][:count]
    taken = {device: free[device][:slots] for device in fit} if len(fit) == count else {}
    kept = {*chain.from_iterable(taken.values())}
    for path, lock in locks.items():
        if path in kept:
            os.utime(lock)  # what tidies temporary files away takes old ones
            os.set_inheritable(lock, True)
        else:
            os.close(lock)
    return taken


def _slots_of_the_living() -> set[str]:
    """Paths of slots that processes of this user name in their environment."""
    mark, found = f"{HELD}=", set[str]()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = os.fsdecode(path.read_bytes()).split("\0")
        except OSError:  # it ended meanwhile, or is another user's
            continue
        for variable in variables:
            if variable.startswith(mark):
                found |= {*variable.removeprefix(mark).split("\n")}
    return found


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _locked(lock: int) -> bool:
    """Takes the lock if it is free."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _numbers() -> list[str]:
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True).stdout
    except OSError:
        return []
    return [line for line in told.split() if line.isdigit()]


if __name__ == "__main__":
    main()
