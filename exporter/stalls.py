"""How long the event loop was held up: the clock of everything that a stream brings.

One timer tells: it asks to be woken after a while, and is woken the later, the longer something
else kept the loop. Timestamps of streams cannot tell, for the server's clock is another one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

EVERY_SECONDS: Final = 0.05
"""How often the loop is looked at. A stall is seen by its end, if it is as long as this; twenty
looks a second cost a twentieth of a per cent of a processor."""


async def watch_stalls(
    observe: Callable[[float], None],
    *,
    monotonic: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Tell ``observe`` again and again by how many seconds the loop was late; never returns."""
    while True:
        due = monotonic() + EVERY_SECONDS
        await sleep(EVERY_SECONDS)
        observe(max(0.0, monotonic() - due))
