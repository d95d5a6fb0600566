"""Whose turn it is to send a request: the gate that a 429 closes, and the budget, as one."""

from typing import Final

from exporter.core.observations import ApiBudget, RateLimit, Sink, StreamEndReason
from exporter.upstream.budget import Budget, Spender
from exporter.upstream.clock import Clock
from exporter.upstream.gate import Gate, Lane
from exporter.upstream.responses import MAX_RETRY_AFTER_SECONDS, ApiError

NOTICEABLE: Final = 0.01
"""A budget that changed by less than this part of it is not worth telling."""


class Turns:
    """Lets requests pass, and learns from the answers.

    ``rate_limit`` is what the API last said of it.
    """

    def __init__(self, budget: Budget, clock: Clock, sink: Sink) -> None:
        self.rate_limit: RateLimit | None = None
        self._budget = budget
        self._told: float | None = None
        self._clock = clock
        self._sink = sink
        self._gate = Gate(clock)

    async def wait(self, spender: Spender, until_seconds: float | None = None) -> None:
        """Return when a request may be sent, which is then charged.

        Raises:
            ApiError: ``http_429``, where that would not be until a moment of the monotonic clock.
        """
        lane = Lane.STREAM if spender is Spender.PROMPT else Lane.POLL
        while True:
            now = self._clock.monotonic()
            seconds = self._gate.seconds(lane) or self._budget.take(spender, now)
            if not seconds:
                return
            if until_seconds is not None and now + seconds > until_seconds:
                raise ApiError(
                    StreamEndReason.HTTP_429,
                    "the API budget is used up",
                    retry_after_seconds=min(seconds, MAX_RETRY_AFTER_SECONDS),
                )
            await self._clock.sleep(seconds)

    def answered(
        self, status: int, retry_after_seconds: float | None, limit: RateLimit | None
    ) -> None:
        """Take note of an answer: its status, and what its headers say of the limit."""
        self._gate.answered(status, retry_after_seconds)
        if limit is not None:
            self.rate_limit = limit
            self._budget.told(limit.limit, limit.remaining)
            self._sink.observe(limit)
        if status == 429:
            self._budget.refused()
        self._tell()

    def _tell(self) -> None:
        allowed, told = self._budget.requests_per_minute, self._told
        if allowed is None:
            return
        if told is None or abs(allowed - told) > NOTICEABLE * max(allowed, told):
            self._told = allowed
            self._sink.observe(ApiBudget(allowed))
