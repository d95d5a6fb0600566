"""The peer of everything that follows streams: Kernel's own SDK, which does no more than parse."""

import asyncio
from collections.abc import Sequence

from kernel import AsyncKernel, KernelError

from benchmarks.progress import Progress

STREAMS_A_CLIENT = 50
"""All streams in one client cost the square of their number; in one each, an SSLContext each."""
PEER = "kernel.AsyncKernel, parsing alone"


class Official:
    """Follows streams of several upstreams, fifty with each client."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.progress = Progress()
        self._urls = urls
        self._clients: dict[int, AsyncKernel] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def prepare(self, streams: int) -> None:
        """Make the clients, so that their SSLContexts are no part of the cost."""
        for number in range(streams):
            self._client(number)

    def open(self, connection_id: str, number: int) -> None:
        """Follow a stream; which upstream it is on follows from its number."""
        task = asyncio.create_task(self._follow(connection_id, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def flush(self) -> None:
        """There is nothing to export."""

    async def aclose(self) -> None:
        """Close every stream."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients.values():
            await client.close()

    def _client(self, number: int) -> AsyncKernel:
        upstreams = len(self._urls)
        place = number // (STREAMS_A_CLIENT * upstreams) * upstreams + number % upstreams
        if place not in self._clients:
            url = self._urls[number % upstreams]
            client = AsyncKernel(api_key="sk_benchmark", base_url=url, max_retries=0)
            self._clients[place] = client
        return self._clients[place]

    async def _follow(self, connection_id: str, number: int) -> None:
        try:
            stream = await self._client(number).auth.connections.follow(connection_id)
            async with stream:
                async for _ in stream:
                    self.progress.message()
        except KernelError as error:
            self.progress.fail(error)
        self.progress.end()
