"""How much of the organisation's rate limit polls may take. Pure: time is an argument."""

from collections import deque
from typing import Final

SHARE: Final = 0.5
"""The share of the rate limit that polls may take: the rest is the organisation's own product's."""
MAX_PACED_SECONDS: Final = 300.0
"""Longest rest that the rate limit can impose: a limit that is wrong, or small for a moment only,
must not blind the exporter for longer."""

_MINUTE_SECONDS: Final = 60.0


class PollBudget:
    """Lets polls have their share of the requests of any minute.

    A short list goes through at once; a long one is spread over as many minutes as it needs.
    """

    def __init__(self) -> None:
        self._taken: deque[float] = deque()

    def take(self, now_seconds: float, limit: int | None) -> float:
        """Take one request; 0 where it may be sent now, else the seconds until the next try.

        ``now_seconds`` is of a monotonic clock; ``limit`` is the organisation's, in requests a
        minute (Kernel's ``X-RateLimit-Limit``), None or 0 where it is not known.
        """
        allowed = (limit or 0) * SHARE
        window = _MINUTE_SECONDS * (max(1.0, 1.0 / allowed) if allowed else 1.0)
        while self._taken and self._taken[0] + window <= now_seconds:
            self._taken.popleft()
        count = max(1, int(allowed))
        if allowed and len(self._taken) >= count:
            return self._taken[-count] + window - now_seconds
        self._taken.append(now_seconds)
        return 0.0


def paced_seconds(interval_seconds: float, *, requests: int, limit: int | None) -> float:
    """The time from poll to poll of so many ``requests`` that keeps to the share.

    Never longer than ``MAX_PACED_SECONDS``, unless the interval is.
    """
    if not limit:
        return interval_seconds
    needed = _MINUTE_SECONDS * requests / (limit * SHARE)
    return max(interval_seconds, min(needed, MAX_PACED_SECONDS))
