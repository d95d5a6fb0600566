"""A clock for a whole world: sleeps take no real time, and all moments are a test's to choose."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import Final

from exporter.simulator.clock import Clock

START_NS: Final = 1_700_000_000_000_000_000
_TURNS: Final = 6
"""So many turns of the loop let every task that was woken, or begun, come to its next sleep."""


class VirtualTime:
    """Time that stands still until ``advance``; ``offset_ns`` sets the wall clock forth or back."""

    def __init__(self) -> None:
        self.offset_ns = 0
        self._now_ns = START_NS
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()
        self.clock = Clock(time_ns=self.time_ns, sleep_real=self._sleep)

    def time_ns(self) -> int:
        return self._now_ns + self.offset_ns

    async def advance(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Lets that time pass, or less: to the moment at which ``until`` comes true."""
        end_ns = self._now_ns + round(seconds * 1e9)
        await self.settle()
        while not until():
            if not self._sleepers or self._sleepers[0][0] > end_ns:
                self._now_ns = end_ns
                return
            self._now_ns, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)
                await self.settle()

    async def settle(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _sleep(self, seconds: float) -> None:
        sleeper = asyncio.get_running_loop().create_future()
        at_ns = self._now_ns + round(seconds * 1e9)
        heapq.heappush(self._sleepers, (at_ns, next(self._number), sleeper))
        await sleeper
