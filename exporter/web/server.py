"""The HTTP server: binds, starts and stops within an event loop that belongs to somebody else."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from starlette.types import ASGIApp

from exporter.errors import UserError

_BACKLOG = 128
# Leaves room for the rest of a shutdown that is to take less than 5 s in all.
_GRACE_SECONDS = 1
_STOP_SECONDS = 2.0
# What a machine without IPv6 says, by kernel and by setting.
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})
_MENDS = {
    errno.EADDRINUSE: "is already in use: stop what listens there, or choose another address",
    errno.EACCES: "may not be used: choose a port from 1024 on, or give the permission",
    errno.EADDRNOTAVAIL: "is no address of this machine: choose one that is",
}


class ListenError(UserError):
    """The address cannot be listened on."""


def bind(host: str, port: int, *, option: str) -> socket.socket:
    """A listening socket; an empty host is every interface, IPv6 and IPv4.

    Args:
        host: name or address.
        port: 0 lets the system choose.
        option: what the user would change, for the message.

    Raises:
        ListenError: the port is taken, or the host is not of this machine.
    """
    try:
        return _bind(host, port)
    except OSError as error:
        why = "is no host that can be found: check its spelling"
        if not isinstance(error, socket.gaierror):
            why = _MENDS.get(error.errno or 0, f"cannot be listened on: {error.strerror}")
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise ListenError(f"{option} {shown} {why}") from None


def _bind(host: str, port: int) -> socket.socket:
    if not host:
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(
                    ("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
                )
            except OSError as error:
                if error.errno not in _NO_IPV6:
                    raise
        return socket.create_server(("", port), backlog=_BACKLOG)
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(address[:2], family=family, backlog=_BACKLOG)


class _Server(uvicorn.Server):
    """Leaves signals to the application, and says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_started = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_started.set()


class WebServer:
    """Serves one application on any number of sockets, which it takes over and closes.

    Attributes:
        urls: where it is served, as a browser on this machine would write it.
    """

    def __init__(self, app: ASGIApp, sockets: Sequence[socket.socket]) -> None:
        self._sockets = list(sockets)
        self.urls = tuple(_url(one) for one in self._sockets)
        self._server = _Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve; returns when requests are answered."""
        self._task = asyncio.create_task(self._server.serve(self._sockets), name="web server")
        started = asyncio.create_task(self._server.is_started.wait())
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Answer what was asked, close everything; within 2 s, whatever clients do."""
        self._server.should_exit = True
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._task, _STOP_SECONDS)
        for one in self._sockets:
            one.close()


def _url(one: socket.socket) -> str:
    host, port = one.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104 - recognised, not bound
        host = "localhost"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
