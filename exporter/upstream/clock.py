"""Time and chance as arguments, so that whatever waits can be tested without waiting."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec


class Clock(msgspec.Struct, frozen=True):
    """The sources of time and chance of everything with a socket.

    ``unix_ns`` is the wall clock in Unix nanoseconds; ``monotonic`` and ``sleep`` are in seconds;
    ``random`` is uniform in [0, 1).
    """

    unix_ns: Callable[[], int] = time.time_ns
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


SYSTEM_CLOCK: Final = Clock()
