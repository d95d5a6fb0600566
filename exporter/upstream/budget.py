"""How much of the organisation's rate limit the exporter may take. Pure: time is an argument.

The limit is the organisation's and shared with its own product; what Kernel says of it stands in
``X-RateLimit-Limit`` (requests a minute) and ``X-RateLimit-Remaining`` (API reference).
"""

from collections import deque
from enum import Enum
from math import inf
from typing import Final

SHARE: Final = 0.5
"""The share of the rate limit that is taken: the rest is the organisation's own product's."""
POLLS_SHARE: Final = 0.5
"""The part of the budget that polls take at most: the rest is for timelines."""
MAX_PACED_SECONDS: Final = 300.0
"""Longest rest that the rate limit can impose: a limit that is wrong, or small for a moment only,
must not blind the exporter for longer."""
FLOOR: Final = 0.1
"""What is always left of our share, however little remains: only answers bring news of the rest."""
TRICKLE: Final = 0.1
"""What polls and timelines may take of the budget even where prompt requests have used it up."""
MAX_REQUESTS_PER_MINUTE: Final = 60_000
"""A budget is never larger: so many requests are remembered, and no more."""
MAX_WAIT_SECONDS: Final = 60.0
"""After so long at the latest it is worth to ask again: the budget may have grown meanwhile."""
GIVE_WAY_SECONDS: Final = 0.25
"""How long a request that is due is waited for by the one that had the turn before it."""

_MINUTE_SECONDS: Final = 60.0


class Spender(Enum):
    """Who asks. Somebody waits for what is ``PROMPT``, so it goes at once; the others pay for it.

    ``PROMPT`` are streams, and retrieves that a user has asked for.
    """

    POLL = "poll"
    TIMELINE = "timeline"
    PROMPT = "prompt"


_OTHER: Final = {Spender.POLL: Spender.TIMELINE, Spender.TIMELINE: Spender.POLL}


class Budget:
    """Lets all requests together have their share of any minute.

    ``share`` is of the organisation's rate limit; ``per_minute`` bounds it besides, and holds alone
    where no limit is known. When the organisation's own product needs more than the rest, the
    budget shrinks in proportion to what remains, down to a tenth; so it does after a 429.

    A burst goes through at once; what is more than a minute's worth is spread over as many minutes
    as it needs. Polls and timelines that both wait go in turn.
    """

    def __init__(self, share: float = SHARE, per_minute: int | None = None) -> None:
        self._share = share
        self._per_minute = per_minute
        self._limit = self._remaining = 0
        self._reserved = 0.0
        self._all, self._patient, self._timelines = _log(), _log(), _log()
        self._due: dict[Spender, float] = {}
        self._last: Spender | None = None

    def told(self, limit: int, remaining: int) -> None:
        """Take note of the limit, in requests a minute, and of what an answer says remains."""
        self._limit, self._remaining = limit, remaining

    def refused(self) -> None:
        """Take note of a 429: until an answer says otherwise, nothing remains."""
        self._remaining = 0

    @property
    def requests_per_minute(self) -> float | None:
        """How many requests a minute are allowed now; None where no limit is known and none set."""
        most = inf if self._per_minute is None else float(self._per_minute)
        if not self._limit:
            return None if self._per_minute is None else most
        ours = min(self._limit * self._share, most)
        least = max(ours * FLOOR, min(ours, _MINUTE_SECONDS / MAX_PACED_SECONDS))
        theirs = self._limit * (1 - self._share)
        # Who leaves nothing to others goes on until nothing remains.
        left = min(1.0, self._remaining / theirs) if theirs else float(self._remaining > 0)
        return max(least, ours * left)

    def reserve(self, requests_per_minute: float) -> None:
        """Keep so much from timelines for polls; at most half of the budget is kept."""
        self._reserved = max(0.0, requests_per_minute)

    def take(self, spender: Spender, now_seconds: float) -> float:
        """Take one request; 0 where it may be sent now, else the seconds until the next try.

        ``now_seconds`` is of a monotonic clock.
        """
        if spender is not Spender.PROMPT:
            ready = max(self._ready(spender), self._turn(spender, now_seconds))
            if ready > now_seconds:
                self._due[spender] = ready
                return min(ready - now_seconds, MAX_WAIT_SECONDS)
            self._due.pop(spender, None)
            self._last = spender
            self._patient.append(now_seconds)
            if spender is Spender.TIMELINE:
                self._timelines.append(now_seconds)
        self._all.append(now_seconds)
        return 0.0

    def _ready(self, spender: Spender) -> float:
        """From when on there is room for one more."""
        allowed = self.requests_per_minute
        if allowed is None:
            return -inf
        return min(
            self._ready_within(allowed, self._all, spender),
            self._ready_within(allowed * TRICKLE, self._patient, spender),
        )

    def _ready_within(self, allowed: float, log: deque[float], spender: Spender) -> float:
        ready = _room_at(log, allowed)
        if spender is Spender.TIMELINE:
            left = allowed - min(self._reserved, allowed * POLLS_SHARE)
            ready = max(ready, _room_at(self._timelines, left))
        return ready

    def _turn(self, spender: Spender, now_seconds: float) -> float:
        """From when on it need not be left to the other: not before one that waits had its turn."""
        due = self._due.get(_OTHER[spender], inf)
        if self._last is spender and due <= now_seconds:
            return due + GIVE_WAY_SECONDS
        return -inf


def _log() -> deque[float]:
    return deque(maxlen=MAX_REQUESTS_PER_MINUTE)


def _room_at(log: deque[float], per_minute: float) -> float:
    """When one more than the ``log`` holds is within so many a minute, or one in many minutes."""
    count = max(1, min(int(per_minute), MAX_REQUESTS_PER_MINUTE))
    if len(log) < count:
        return -inf
    return log[-count] + _MINUTE_SECONDS * max(1.0, 1.0 / per_minute)


def paced_seconds(interval_seconds: float, *, requests: int, allowed: float | None) -> float:
    """The time from poll to poll of so many ``requests`` that takes half of the budget at most.

    ``allowed`` is the budget, in requests a minute, None where there is none: the other half is for
    timelines. Never longer than ``MAX_PACED_SECONDS``, unless the interval is.
    """
    if not allowed:
        return interval_seconds
    needed = _MINUTE_SECONDS * requests / (allowed * POLLS_SHARE)
    return max(interval_seconds, min(needed, MAX_PACED_SECONDS))
