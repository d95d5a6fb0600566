"""The organisation's rate limit: a token bucket that refills over a minute.

Kernel limits requests per minute and organisation, answers 429 with ``Retry-After`` in seconds, and
says in ``X-RateLimit-Limit`` and ``X-RateLimit-Remaining`` how it stands (API reference).
"""

import math
import time
from collections.abc import Callable

import msgspec

_MINUTE = 60.0


class Grant(msgspec.Struct, frozen=True):
    """The answer for one request. ``retry_after`` is whole seconds, 0 where it may pass."""

    limit: int
    remaining: int
    retry_after: int


class RateLimit:
    """A bucket of ``per_minute`` tokens; each request takes one."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._monotonic = monotonic
        self._tokens = float(per_minute)
        self._filled_at = monotonic()

    def take(self) -> Grant:
        """Takes a token for one request, or says how long to wait for it."""
        now = self._monotonic()
        refill = (now - self._filled_at) * self._limit / _MINUTE
        self._tokens = min(float(self._limit), self._tokens + refill)
        self._filled_at = now
        if self._tokens < 1:
            wait = (1 - self._tokens) * _MINUTE / self._limit
            return Grant(self._limit, 0, max(1, math.ceil(wait)))
        self._tokens -= 1
        return Grant(self._limit, int(self._tokens), 0)
