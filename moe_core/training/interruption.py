"""SIGTERM and SIGINT as a wish that is met where nothing is lost by it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class Terminated(Exception):  # noqa: N818
    """The process was asked to end. signum: by which signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class Interruption:
    """While it is entered, a signal only sets ``wanted``, but in ``at_once`` raises Terminated."""

    def __init__(self) -> None:
        self.wanted: int | None = None
        self._at_once = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        for signum in (signal.SIGTERM, signal.SIGINT):
            self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.wanted = signum
        if self._at_once:
            self._at_once = False  # what follows is not to be interrupted again
            raise Terminated(signum)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """For work that changes nothing of the run, such as an evaluation."""
        self._at_once = True
        try:
            if self.wanted is not None:
                raise Terminated(self.wanted)
            yield
        finally:
            self._at_once = False
