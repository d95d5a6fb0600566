"""The simulated world's time: real Unix time, and sleeps that ``time_scale`` makes shorter."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

_NS_PER_US = 1_000
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Where every time stamp and every delay of the simulator comes from."""

    time_scale: float = 1.0
    time_ns: Callable[[], int] = time.time_ns
    sleep_real: Callable[[float], Awaitable[None]] = asyncio.sleep

    def now_ns(self) -> int:
        """Unix nanoseconds, cut to the microsecond that the API's timestamps can carry."""
        return self.time_ns() // _NS_PER_US * _NS_PER_US

    def scaled_ns(self, seconds: float) -> int:
        """How many real nanoseconds so many simulated seconds take."""
        return round(seconds / self.time_scale * _NS_PER_S)

    async def sleep(self, seconds: float) -> None:
        """Waits for so many simulated seconds."""
        await self.sleep_real(seconds / self.time_scale)


def rfc3339(ns: int) -> str:
    """Unix nanoseconds as an RFC 3339 date-time in UTC with microseconds."""
    seconds, rest = divmod(ns, _NS_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // _NS_PER_US)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
