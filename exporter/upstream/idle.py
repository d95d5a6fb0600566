"""How long a stream may be silent before it is taken for dead, learnt from its heartbeats. Pure."""

from collections import deque
from typing import Final

FLOOR_SECONDS: Final = 30.0
CEILING_SECONDS: Final = 600.0
"""However rare a server makes its heartbeats, a dead stream is noticed within this."""
UNLEARNT_SECONDS: Final = 120.0
"""Before two heartbeats were seen. Long, because closing a slow stream too early would mean that
its interval is never learnt."""
MISSED_HEARTBEATS: Final = 3
_REMEMBERED: Final = 8


class IdleLimit:
    """Three heartbeat intervals, never under 30 s.

    One serves all streams: they come from the same server, and most flows are over before their
    stream has sent two heartbeats. The longest of the last few intervals counts, so that a burst
    after a stall does not make it impatient.
    """

    def __init__(
        self,
        *,
        floor_seconds: float = FLOOR_SECONDS,
        unlearnt_seconds: float = UNLEARNT_SECONDS,
    ) -> None:
        self._floor = floor_seconds
        self._intervals: deque[float] = deque(maxlen=_REMEMBERED)
        self.seconds = unlearnt_seconds

    def learn(self, interval_seconds: float) -> None:
        """Take note of the time between two heartbeats of one stream."""
        self._intervals.append(interval_seconds)
        limit = MISSED_HEARTBEATS * max(self._intervals)
        self.seconds = max(self._floor, min(limit, CEILING_SECONDS))
