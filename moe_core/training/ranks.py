"""The processes that train one run side by side, and what they tell one another.

Started by torchrun, one a shard of the batch. Gloo between CPUs, NCCL between GPUs; a rank that
does not answer in ``TIMEOUT`` ends the others with an error, and torchrun ends those it started.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from moe_core.errors import StudyError
from moe_core.routing.routing import Routing
from moe_core.routing.strategy import RoutedLayer

TIMEOUT = timedelta(seconds=120)  # of a collective; evaluation is the same work on every rank


@dataclass(frozen=True)
class Ranks:
    """rank: of this process. size: processes; with one, nothing is sent.

    expert_parallel: each holds a share of the experts, not all of them.
    """

    rank: int = 0
    size: int = 1
    expert_parallel: bool = False

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def add_up(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its sum over ranks, in place, by one exchange."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten().float() for tensor in tensors])
        dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def any(self, *flags: bool) -> list[bool]:
        """Of each, whether any rank says so. Asked of the host: a GPU need not be waited for."""
        if self.size == 1:
            return list(flags)
        said = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return said.bool().tolist()

    def agree(self, step: int) -> None:
        """Raises StudyError if ranks found different checkpoints, as on a slow shared disk."""
        if self.size > 1:
            found = torch.tensor([step, -step])
            dist.all_reduce(found, dist.ReduceOp.MAX)
            if found.sum() != 0:
                raise StudyError(
                    "training", f"ranks stand at steps {-found[1]} to {found[0]}", "run it again"
                )

    def gather(self, shards: list[list[RoutedLayer]]) -> list[list[RoutedLayer]]:
        """What the shards of all ranks decided, in the order of the batch; no gradient crosses."""
        if self.size == 1:
            return shards
        columns = [
            [self._of_all_ranks(layer) for layer in layers] for layers in shards
        ]  # shard, layer, rank
        return [
            [of_ranks[rank] for of_ranks in layers]
            for rank in range(self.size)
            for layers in columns
        ]

    def _of_all_ranks(self, layer: RoutedLayer) -> list[RoutedLayer]:
        routing = layer.routing
        tokens, experts, weights = (
            self.rows(rows_A) for rows_A in (routing.token_A, routing.expert_A, routing.weight_A)
        )
        kept = self.rows(routing.kept_A.to(torch.uint8))
        logits = [None] * self.size if layer.logits_TE is None else self.rows(layer.logits_TE)
        ids, positions = self.rows(layer.context.token_id_T), self.rows(layer.context.position_T)
        return [
            replace(
                layer,
                routing=Routing(
                    tokens[r],
                    experts[r],
                    weights[r],
                    kept[r].bool(),
                    len(ids[r]),
                    routing.num_experts,
                    routing.per_token,
                ),
                logits_TE=logits[r],
                context=replace(layer.context, token_id_T=ids[r], position_T=positions[r]),
            )
            for r in range(self.size)
        ]

    def rows(self, rows: Tensor) -> list[Tensor]:
        """The rows of every rank, of which each may have another number."""
        own = torch.tensor([len(rows)], device=rows.device)
        counts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(counts, own)
        most = max(int(count) for count in counts)
        padded = rows.new_zeros(most, *rows.shape[1:])
        padded[: len(rows)] = rows
        gathered = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(gathered, padded)
        return [part[: int(count)] for part, count in zip(gathered, counts, strict=True)]


ALONE = Ranks()


@contextmanager
def joined_ranks(world_size: int, device: str, expert_parallel: bool = False) -> Iterator[Ranks]:
    """The ranks of a process that ``relaunched`` started, for as long as they work together."""
    if world_size == 1:
        yield ALONE
        return
    die_with_parent()
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl", timeout=TIMEOUT)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), expert_parallel)
    finally:
        dist.destroy_process_group()


def relaunched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def relaunch(world_size: int, module: str) -> None:
    """Become torchrun with so many processes of this command; returns in each of them, or if one.

    On several nodes of Slurm (SLURM_JOB_NUM_NODES) one torchrun a node, which meet at the first.
    """
    if world_size == 1 or relaunched():
        return
    nodes = int(os.environ.get("SLURM_JOB_NUM_NODES", 1))
    if world_size % nodes:
        raise StudyError("world_size", f"{world_size} processes do not fill {nodes} nodes evenly")
    command = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={nodes}"]
    command += [f"--nproc-per-node={world_size // nodes}"]
    if nodes == 1:
        command += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    else:
        shown = subprocess.check_output(["scontrol", "show", "hostnames"], text=True)
        command = ["srun", f"--nodes={nodes}", "--ntasks-per-node=1", *command]
        command += [f"--rdzv-id={os.environ['SLURM_JOB_ID']}", "--rdzv-backend=c10d"]
        command += [f"--rdzv-endpoint={shown.split()[0]}:29500"]
    command += ["-m", module, *sys.argv[1:]]
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # what torchrun warns of; train.py sets threads
    os.execvp(command[0], command)


def die_with_parent() -> None:
    """Let the kernel end this process when torchrun dies (prctl(2)): nobody else would."""
    if sys.platform.startswith("linux"):
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
