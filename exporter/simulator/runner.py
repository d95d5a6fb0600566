"""Starts and stops a simulator inside a running event loop."""

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Self

import httpx
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.connection import Connection
from exporter.simulator.ledger import Ledger
from exporter.simulator.requests import ApiRequest
from exporter.simulator.server import create_app
from exporter.simulator.world import World

_BACKLOG = 4096
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 1
_NOTIFY_TIMEOUT_SECONDS = 5.0
_LOGGER = logging.getLogger("exporter.simulator.http")


class _CutsAreFine(logging.Filter):
    """A stream that is cut on purpose looks to uvicorn like an application that forgot its end."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "without completing response" not in record.getMessage()


_LOGGER.addFilter(_CutsAreFine())


class _Protocol(H11Protocol):
    """HTTP/1.1 with a logger of its own, so that filtering it touches no other server."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as uvicorn calls it
        super().__init__(*args, **kwargs)
        self.logger = _LOGGER
        self.access_log = False


class _Server(uvicorn.Server):
    """A server inside somebody else's program: signals are not its business."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Simulator:
    """The upstream API, served over HTTP; ``async with`` starts and stops it.

    ``ledger`` says what really happened, ``world`` holds the connections. ``port`` 0 takes a free
    one. ``notify_url`` may be set at any time; it counts for the flows that begin from then on.
    ``monotonic`` is the clock, in seconds, of the rate limit and of the log of requests.
    """

    def __init__(
        self,
        config: SimulatorConfig,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.notify_url = config.notify_url
        self.world = World(config, monotonic=monotonic)
        self.world.on_started = self._announce
        self._address = (host, port)
        self._base_url: str | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._notices: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(timeout=_NOTIFY_TIMEOUT_SECONDS, trust_env=False)

    @property
    def ledger(self) -> Ledger:
        """What really happened, one record a flow."""
        return self.world.ledger

    @property
    def requests(self) -> deque[ApiRequest]:
        """The newest requests of the API, refused ones too, in the order in which they came in."""
        return self.world.requests.entries

    @property
    def base_url(self) -> str:
        """Where the API is served.

        Raises:
            RuntimeError: the simulator has not been started.
        """
        if self._base_url is None:
            raise RuntimeError("the simulator has not been started")
        return self._base_url

    async def start(self) -> None:
        """Serves, and lets the population's flows begin.

        Raises:
            OSError: the address cannot be listened on.
        """
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        name = f"[{host}]" if family is socket.AF_INET6 else host
        self._base_url = f"http://{name}:{listener.getsockname()[1]}"
        settings = uvicorn.Config(
            create_app(self.world),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = _Server(settings)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        self.world.begin()

    async def stop(self) -> None:
        """Stops everything within 2 s, open streams included."""
        if self._server is not None:
            self._server.should_exit = True
        await self.world.close()
        for task in self._notices:
            task.cancel()
        await asyncio.gather(*self._notices, return_exceptions=True)
        await self._client.aclose()
        if self._serving is not None:
            await self._serving

    async def finished(self) -> None:
        """Returns when ``max_flows`` have begun by themselves (if set) and no flow is running.

        Raises:
            Exception: whatever a flow died of; a defect of the simulator.
        """
        await self.world.finished()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    def _announce(self, connection: Connection) -> None:
        if self.notify_url is None:
            return
        url = self.notify_url.replace("{id}", connection.id)
        task = asyncio.create_task(_post(self._client, url))
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)


async def _post(client: httpx.AsyncClient, url: str) -> None:
    """Nobody may be listening (yet); a product would not mind either."""
    with suppress(httpx.HTTPError):
        await client.post(url)
