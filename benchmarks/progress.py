"""Counts what arrives, so that a benchmark waits for that and for no clock."""

import asyncio

_PATIENCE_SECONDS = 120.0


class Progress:
    """Messages that arrived and streams that ended so far."""

    def __init__(self) -> None:
        self.messages = self.ended = 0
        self._wanted = (0, 0)
        self._reached: asyncio.Future[None] | None = None

    def message(self) -> None:
        """One more message."""
        self.messages += 1
        self._look()

    def end(self) -> None:
        """One more stream has ended."""
        self.ended += 1
        self._look()

    def fail(self, error: Exception) -> None:
        """A stream could not be followed: whoever waits has to know."""
        if self._reached and not self._reached.done():
            self._reached.set_exception(error)

    async def until(self, *, messages: int = 0, ended: int = 0) -> None:
        """Return once there were so many."""
        self._wanted = (messages, ended)
        self._reached = asyncio.get_running_loop().create_future()
        self._look()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._reached

    def _look(self) -> None:
        waiting = self._reached and not self._reached.done()
        if waiting and self.messages >= self._wanted[0] and self.ended >= self._wanted[1]:
            assert self._reached
            self._reached.set_result(None)
