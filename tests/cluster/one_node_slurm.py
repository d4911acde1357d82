"""A Slurm of one node on this machine, for tests: Debian's `slurm-wlm` and `munge`, run as root.

All of it lies in one folder, but for the link /etc/slurm/slurm.conf: Snakemake takes SLURM_CONF
from the environment of a job's step, so the default path has to resolve. Daemons run in the
foreground as children that the kernel ends with this process, and no systemd has a part in it.
"""

import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")

CONFIGURATION = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "setpriv")
CLUSTER = "one-node-for-tests"
HOST = socket.gethostname().partition(".")[0]
NULL_DEVICE = os.makedev(1, 3)

SLURM_CONF = """
ClusterName={cluster}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
# the delay before a job that lost its node starts again is the life of its credential
AuthInfo=socket={folder}/munge.sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmdParameters=config_overrides
# a node that went down is up again as soon as it registers
ReturnToService=2
SlurmdTimeout={down_after_s}
MessageTimeout=3
KillWait=10
# without accounting, squeue is to remember what ended
MinJobAge=7200
SchedulerParameters=sched_interval=2,bf_interval=2,defer_batch=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory_mb} Gres=gpu:{gpus}
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE DefMemPerCPU=100 State=UP
"""


def obstacle() -> str | None:
    """Why no such Slurm can be started here, or None."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"{', '.join(missing)} not installed: run envs/install.sh slurm"
    if os.geteuid() != 0:
        return "a Slurm of its own takes root"
    if CONFIGURATION.exists() and not abandoned():
        return f"{CONFIGURATION} is there: this machine has a Slurm"
    return None


def abandoned() -> bool:
    """Whether the configuration is a link that a killed test left; its daemons died with it."""
    if f"ClusterName={CLUSTER}\n" not in CONFIGURATION.read_text():
        return False
    return "UP" not in subprocess.run(["scontrol", "ping"], capture_output=True, text=True).stdout


class Node:
    """The running node: its jobs, and its failure."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._slurmd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start slurmd and wait until jobs can run.

        Raises:
            TimeoutError: the node did not become ready; the message ends with its log.
        """
        self._slurmd = slurm_daemon("slurmd", self.folder)
        try:
            wait_for("a node that takes jobs", lambda: self.state() in ("idle", "mixed"))
        except TimeoutError as error:
            log = (self.folder / "slurmd.log").read_text()
            raise TimeoutError(f"{error}\n{log[-2000:]}") from error

    def fail(self) -> None:
        """Lose the node as by a power cut: slurmd and all of its jobs, killed; wait for `down`."""
        assert self._slurmd is not None
        self._slurmd.kill()
        self._slurmd.wait()
        for file, mark in (("comm", b"slurmstepd"), ("environ", b"\0SLURM_JOB_ID=")):
            for pid in processes(file, mark):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        wait_for("slurmctld to miss its node", lambda: self.state().startswith("down"))

    def stop(self) -> None:
        """Cancel what runs, and stop slurmd."""
        with suppress(subprocess.CalledProcessError, TimeoutError):
            call("scancel", "--state=PENDING")
            call("scancel", "--state=RUNNING", "--signal=KILL", "--full")
            wait_for("the jobs to end", lambda: not call("squeue", "--noheader"))
        if self._slurmd is not None:
            self._slurmd.kill()
            self._slurmd.wait()

    def state(self) -> str:
        """idle, mixed, allocated, down..., as sinfo says it."""
        return call("sinfo", "--noheader", "--format=%T").strip()

    def jobs(self) -> list[dict[str, str]]:
        """Every job since the start, in order, as `scontrol show job` has it."""
        lines = call("scontrol", "--oneliner", "show", "job").splitlines()
        fields = [dict(word.split("=", 1) for word in x.split() if "=" in word) for x in lines]
        return sorted((job for job in fields if "JobId" in job), key=lambda job: int(job["JobId"]))

    def running(self, rule: str) -> list[str]:
        """Ids of the running jobs of a rule."""
        return [
            job["JobId"]
            for job in self.jobs()
            if job["JobState"] == "RUNNING" and f"rule_{rule}_" in job["Comment"] + "_"
        ]


@contextmanager
def one_node_slurm(folder: Path, gpus: int = 2, down_after_s: int = 3) -> Iterator[Node]:
    """A Slurm in an empty folder, with this machine's cores and fake GPUs; gone at the end.

    Raises:
        RuntimeError: it cannot run here (`obstacle`).
        TimeoutError: a daemon did not come up; the message ends with its log.
    """
    if (reason := obstacle()) is not None:
        raise RuntimeError(reason)
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    # Slurm wants a file a device; any character device does
    for gpu in range(gpus):
        os.mknod(folder / f"gpu{gpu}", stat.S_IFCHR | 0o600, NULL_DEVICE)
    devices = "".join(f"Name=gpu File={folder}/gpu{gpu}\n" for gpu in range(gpus))
    (folder / "gres.conf").write_text(devices)
    controller_port, node_port = free_ports(2)
    text = SLURM_CONF.format(
        cluster=CLUSTER,
        host=HOST,
        folder=folder,
        controller_port=controller_port,
        node_port=node_port,
        cores=os.cpu_count(),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 * 9 // 10,
        gpus=gpus,
        down_after_s=down_after_s,
    )
    (folder / "slurm.conf").write_text(text)
    with ExitStack() as stack:
        CONFIGURATION.unlink(missing_ok=True)  # dangling, or abandoned
        CONFIGURATION.symlink_to(folder / "slurm.conf")
        stack.callback(CONFIGURATION.unlink)
        stack.callback(end, munged(folder))
        stack.callback(end, slurm_daemon("slurmctld", folder))
        wait_for("slurmctld", lambda: "UP" in call("scontrol", "ping"))
        node = Node(folder)
        stack.callback(node.stop)
        node.start()
        yield node


def munged(folder: Path) -> "subprocess.Popen[bytes]":
    """Start munge with a key and a socket of its own."""
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(1024))
    socket_path = folder / "munge.sock"
    process = daemon(
        *("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={socket_path}"),
        *(f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munge.seed"),
        f"--log-file={folder}/munged.log",
        log=folder / "munged.out",
    )
    wait_for("munged", socket_path.exists)
    return process


def slurm_daemon(name: str, folder: Path) -> "subprocess.Popen[bytes]":
    """Start slurmctld or slurmd; by its real path they find gres.conf beside slurm.conf."""
    return daemon(name, "-D", "-f", f"{folder}/slurm.conf", log=folder / f"{name}.out")


def daemon(*command: str, log: Path) -> "subprocess.Popen[bytes]":
    """Start a daemon in the foreground; the kernel ends it if this process dies.

    It has nothing of this process's environment: jobs get theirs from who submits them.
    """
    with log.open("ab") as out:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env={"PATH": os.defpath + ":/usr/sbin:/sbin"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end, and see to it."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def call(*command: str) -> str:
    """Output of one of Slurm's commands."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def wait_for(what: str, ask: Callable[[], Answer], seconds: float = 60) -> Answer:
    """Ask until the answer is true, and return it; a command that fails is a no.

    Raises:
        TimeoutError: it never was.
    """
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        with suppress(subprocess.SubprocessError):
            if answer := ask():
                return answer
        time.sleep(0.2)
    raise TimeoutError(f"waited {seconds:g} s for {what}")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


def processes(file: str, mark: bytes) -> list[int]:
    """Processes in one of whose files under /proc a mark stands."""
    found = []
    for path in Path("/proc").glob(f"[0-9]*/{file}"):
        with suppress(OSError):
            if mark in path.read_bytes():
                found.append(int(path.parent.name))
    return found
