"""Processes of this machine that do one piece of work together, as torchrun would start them."""

import uuid
from collections.abc import Callable
from typing import Any

from torch.distributed.launcher.api import LaunchConfig, elastic_launch


def side_by_side(world_size: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What a function of a module returns in each of so many processes, by rank.

    It joins them itself (``joined_ranks``). If it raises in one of them, all end.
    """
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=world_size,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
    )
    found = elastic_launch(config, work)(*arguments)
    return [found[rank] for rank in range(world_size)]
