"""How long jobs take that wait for each other and share cores."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """seconds of a job, the threads and GPUs it holds, and the places of those it waits for."""

    seconds: float
    threads: int
    gpus: int
    after: tuple[int, ...]


def makespan(tasks: Sequence[Task], cores: int, gpus: int | None) -> float:
    """Seconds until all are done: whatever may start and fits does, in the order given.

    gpus: how many there are to count, None for no limit. A task that wants more than there is gets
    what there is. Raises ValueError if tasks wait for each other in a circle.
    """
    waits_for = {place: set(task.after) for place, task in enumerate(tasks)}
    running: list[tuple[float, int]] = []
    now, free_cores = 0.0, cores
    free_gpus = sum(task.gpus for task in tasks) if gpus is None else gpus
    most_gpus = free_gpus

    def held(place: int) -> tuple[int, int]:
        return min(tasks[place].threads, cores), min(tasks[place].gpus, most_gpus)

    while waits_for or running:
        for place in [place for place, others in waits_for.items() if not others]:
            wanted_cores, wanted_gpus = held(place)
            if wanted_cores <= free_cores and wanted_gpus <= free_gpus:
                free_cores, free_gpus = free_cores - wanted_cores, free_gpus - wanted_gpus
                heapq.heappush(running, (now + tasks[place].seconds, place))
                del waits_for[place]
        if not running:
            raise ValueError("tasks wait for each other in a circle")
        now, done = heapq.heappop(running)
        free_cores, free_gpus = (
            free_cores + held(done)[0],
            free_gpus + held(done)[1],
        )
        for others in waits_for.values():
            others.discard(done)
    return now
