"""A sink that keeps what it is given, and a clock whose sleeps return at once."""

import asyncio
from typing import TypeVar

from exporter.core.observations import Observation
from exporter.upstream.clock import Clock

T = TypeVar("T", bound=Observation)


class Recorder:
    def __init__(self) -> None:
        self.observations: list[Observation] = []

    def observe(self, observation: Observation, /) -> None:
        self.observations.append(observation)

    def of(self, kind: type[T]) -> list[T]:
        return [each for each in self.observations if isinstance(each, kind)]


class FakeTime:
    """Time that moves only when somebody sleeps; every sleep is remembered.

    With ``sleeping_for_ever`` no sleep returns: whoever sleeps has to be woken.
    """

    def __init__(self, start_seconds: float = 1_750_000_000.0) -> None:
        self.now = start_seconds
        self.slept: list[float] = []
        self.sleeping_for_ever = False

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.sleeping_for_ever:
            await asyncio.Event().wait()
        self.now += seconds
        await asyncio.sleep(0)

    def clock(self, random: float = 0.5) -> Clock:
        return Clock(
            unix_ns=lambda: int(self.now * 1e9),
            monotonic=lambda: self.now,
            sleep=self.sleep,
            random=lambda: random,
        )


class StillTime(FakeTime):
    """Time that moves only when a test moves it; whoever sleeps wakes when it has come so far."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now + seconds
        while self.now < until:  # noqa: ASYNC110 - time has no event
            await asyncio.sleep(0.001)
