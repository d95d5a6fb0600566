"""The wish of somebody who has just called ``login`` to have the stream of a connection now."""

import asyncio
from collections.abc import Callable

from exporter.upstream.clock import Clock


class Wish:
    """Made while the connection is being followed already, and kept until it is looked at anew.

    ``made`` holds until whoever follows the connection takes it back; ``interrupt`` is called when
    one is made, None where there is nothing to interrupt.
    """

    __slots__ = ("interrupt", "made")

    def __init__(self) -> None:
        self.made = False
        self.interrupt: Callable[[], object] | None = None

    def make(self) -> None:
        """Want the stream now."""
        self.made = True
        if self.interrupt:
            self.interrupt()

    async def sleep(self, clock: Clock, seconds: float) -> None:
        """Sleep, but no longer than until a wish is made."""
        if self.made:
            return
        sleeping = asyncio.ensure_future(clock.sleep(seconds))
        self.interrupt = sleeping.cancel
        try:
            await asyncio.wait({sleeping})
        finally:
            sleeping.cancel()
            self.interrupt = None
