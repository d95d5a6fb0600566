"""The one gate that every request to the API passes: a 429 closes it for all of them."""

from enum import Enum
from typing import Final

from exporter.upstream.backoff import Backoff
from exporter.upstream.clock import Clock
from exporter.upstream.responses import MAX_RETRY_AFTER_SECONDS

SPREAD_SECONDS: Final = 5.0
"""Over how long those who waited set out again: all at once would meet the next 429."""


class Lane(Enum):
    """Who waits: streams go first, because a flow that is not watched is lost; a poll comes again.

    The value is the head start, in seconds, that it leaves to the others.
    """

    STREAM = 0.0
    POLL = SPREAD_SECONDS


class Gate:
    """Open, or closed until a moment.

    Kernel's rate limit is the organisation's, so one gate serves all requests of the process.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed_until = 0.0
        self._backoff = Backoff(clock.random)

    async def wait(self, lane: Lane) -> None:
        """Return when a request may be sent; at once while the gate is open."""
        while seconds := self.seconds(lane):
            await self._clock.sleep(seconds)

    def seconds(self, lane: Lane) -> float:
        """How long to wait before the next try; 0 while the gate is open."""
        remaining = self._closed_until - self._clock.monotonic()
        if remaining <= 0:
            return 0.0
        return remaining + lane.value + SPREAD_SECONDS * self._clock.random()

    def answered(self, status: int, retry_after_seconds: float | None) -> None:
        """Take note of an answer: a 429 closes the gate, for at most 120 s; any other does not."""
        if status != 429:
            self._backoff.reset()
            return
        pause = retry_after_seconds
        if pause is None:
            pause = self._backoff.next_seconds()
        until = self._clock.monotonic() + min(pause, MAX_RETRY_AFTER_SECONDS)
        self._closed_until = max(self._closed_until, until)
