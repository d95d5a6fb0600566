"""An upstream that costs next to nothing: bytes made before, written by a bare protocol.

Run by ``serving``: python -m benchmarks.server HEARTBEAT_SECONDS; it prints its port, and ends when
its standard input does. What a stream sends is in the id of the connection: ``full-FLOWS-N`` that
many flows at full speed, ``held-N`` three events, the second and third each when ``/release`` is
asked for, ``quiet-N`` one event, then heartbeats. Whatever is posted, spans that is, is dropped.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import cast

from benchmarks.events import chunk, flow, heartbeat, short_flow
from benchmarks.machine import loop_factory

_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
)
_DONE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_AT_ONCE = 64
_SHORT = [chunk(event) for event in short_flow()]


@cache
def pieces(flows: int) -> list[bytes]:
    """A stream of so many flows, cut where it may wait for the client."""
    chunks = [chunk(event) for number in range(flows) for event in flow(number)]
    return [b"".join(chunks[start : start + _AT_ONCE]) for start in range(0, len(chunks), _AT_ONCE)]


class Upstream:
    """What all connections share: the streams that are held."""

    def __init__(self, heartbeat_seconds: float) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self.held: dict[Connection, Iterator[bytes]] = {}

    def release(self) -> None:
        """The next event of every stream that is held."""
        for connection, rest in list(self.held.items()):
            event = next(rest)
            last = event is _SHORT[-1]
            connection.write(event + _LAST_CHUNK if last else event)
            if last:
                del self.held[connection]
                connection.close()


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, until one of them opens a stream."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._received = b""
        self._left: Iterator[bytes] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        both = cast("asyncio.Transport", transport)  # uvloop's is none by descent.
        self.write, self.close = both.write, both.close

    def connection_lost(self, _: Exception | None) -> None:
        self._left = None
        self._upstream.held.pop(self, None)
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            _, named, length = head.lower().partition(b"content-length:")
            size = int(length.split(b"\r\n")[0]) if named else 0
            if len(rest) < size:
                return
            self._received = rest[size:]
            self._answer(*head.split(b" ", 2)[:2])

    def _answer(self, method: bytes, path: bytes) -> None:
        if method == b"POST":
            self.write(_DONE)
        elif path == b"/release":
            self._upstream.release()
            self.write(_DONE)
        else:
            kind, *rest = path.split(b"/")[-2].decode().split("-")
            self.write(_STREAM)
            self._begin(kind, rest)

    def _begin(self, kind: str, rest: list[str]) -> None:
        if kind == "full":
            self._left = iter(pieces(int(rest[0])))
            self.resume_writing()
            return
        self.write(_SHORT[0])
        if kind == "held":
            self._upstream.held[self] = iter(_SHORT[1:])
        else:
            self._beat_later()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        while self._left is not None and not self._paused:
            piece = next(self._left, None)
            if piece is None:
                self._left = None
                self.write(_LAST_CHUNK)
                self.close()
            else:
                self.write(piece)

    def _beat_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._upstream.heartbeat_seconds, self._beat)

    def _beat(self) -> None:
        self.write(chunk(heartbeat()))
        self._beat_later()


async def serve(heartbeat_seconds: float) -> None:
    """Serve until standard input ends."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    upstream = Upstream(heartbeat_seconds)
    server = await loop.create_server(lambda: Connection(upstream), "127.0.0.1", 0, backlog=4096)
    loop.add_reader(sys.stdin.fileno(), over.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await over.wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory()) as run:
        run.run(serve(float(sys.argv[1])))
