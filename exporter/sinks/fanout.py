"""One sink that stands for many: it isolates, times and counts each."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import structlog

from exporter.core.observations import Observation, Sink
from exporter.errors import where_raised

LOG_INTERVAL_SECONDS: Final = 60.0
"""A sink that fails may fail on every event; one line a minute tells as much as thousands."""

FAILING_SECONDS: Final = 60.0
"""How long a sink counts as failing after an error: longer than most scrape intervals."""

_log = structlog.get_logger()


class SinkAccount(msgspec.Struct, frozen=True):
    """What a sink cost: observations that it failed to take, and the time spent in it."""

    errors: int
    seconds: float


class _Branch:
    __slots__ = ("errors", "failed_at", "logged_at", "name", "observe", "seconds")

    def __init__(self, name: str, sink: Sink) -> None:
        self.name: Final = name
        self.observe: Final = sink.observe
        self.errors = 0
        self.seconds = 0.0
        self.failed_at: float | None = None
        self.logged_at: float | None = None


class FanOut:
    """Hands each observation to every sink, in order; one that raises does not stop the others.

    ``clock`` gives seconds that only ever go forward.
    """

    def __init__(
        self, sinks: Mapping[str, Sink], *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._branches: Final = tuple(_Branch(name, sink) for name, sink in sinks.items())
        self._clock: Final = clock

    def observe(self, observation: Observation, /) -> None:
        """Hand one observation on; never raises."""
        before = self._clock()
        for branch in self._branches:
            try:
                branch.observe(observation)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other sinks go on
                branch.errors += 1
                branch.failed_at = before
                self._tell(branch, error, before)
            after = self._clock()
            branch.seconds += after - before
            before = after

    def accounts(self) -> dict[str, SinkAccount]:
        """What each sink has cost until now, by name."""
        return {x.name: SinkAccount(x.errors, x.seconds) for x in self._branches}

    def failing(self) -> list[str]:
        """The names of the sinks that failed within the last minute."""
        now = self._clock()
        return [
            branch.name
            for branch in self._branches
            if branch.failed_at is not None and now - branch.failed_at < FAILING_SECONDS
        ]

    def _tell(self, branch: _Branch, error: Exception, now: float) -> None:
        """Log a failure by its type and place: its message could quote the observation."""
        if branch.logged_at is not None and now - branch.logged_at < LOG_INTERVAL_SECONDS:
            return
        branch.logged_at = now
        _log.error(
            "a sink failed",
            sink=branch.name,
            error=type(error).__name__,
            at=where_raised(error),
            errors=branch.errors,
        )
