"""Bytes of an event stream into the data of its messages, whatever the bytes are.

httpx-sse reads the fields; what it is handed first passes a framer, because on its own it keeps an
endless line in memory, takes a byte order mark for part of the first field, and holds a message
that ends in CR back until more arrives. The rules are those of the WHATWG HTML standard, section
9.2 "Server-sent events".
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

import httpx
import httpx_sse

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Largest message, line ends included. A state with every field Kernel documents is a few KiB; the
bound is there so that no stream can hold more memory than this."""

MAX_RETRY_MILLISECONDS: Final = 60_000
"""Longest reconnection time that a ``retry:`` line can set."""

MAX_EVENT_ID_CHARACTERS: Final = 1024
"""Longest event id that is sent back. Servers refuse headers of more than 8 to 16 KiB."""

MESSAGES_PER_SLICE: Final = 100
"""So many messages are handled before other streams get their turn."""

_BOM: Final = b"\xef\xbb\xbf"
_BLANK_LINE: Final = b"\n\n"


class Framer:
    """Cuts a byte stream into whole messages. No I/O; memory stays below the limit and one chunk.

    ``oversized`` counts the messages that were dropped for their size.
    """

    __slots__ = ("_after_cr", "_discarding", "_limit", "_pending", "_start", "oversized")

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self.oversized = 0
        self._limit = limit
        self._pending = bytearray()
        self._start: bytes | None = b""
        self._after_cr = False
        self._discarding = False

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished message is in memory."""
        return len(self._pending)

    def feed(self, chunk: bytes) -> bytes:
        """All messages that this chunk completes, with LF line ends; empty where there is none."""
        text = self._with_lf(chunk if self._start is None else self._without_bom(chunk))
        whole = not self._pending and not self._discarding
        if whole and len(text) <= self._limit and text.endswith(_BLANK_LINE):
            return text
        return self._cut(text)

    def _without_bom(self, chunk: bytes) -> bytes:
        start = (self._start or b"") + chunk
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(_BOM)

    def _with_lf(self, chunk: bytes) -> bytes:
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            # The CR before it has ended the line already.
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        if self._after_cr or b"\r" in chunk:
            return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _cut(self, text: bytes) -> bytes:
        if self._discarding:
            text = self._skip(text)
        if not self._pending:
            text = text.lstrip(b"\n")
        searched = max(len(self._pending) - 1, 0)
        self._pending += text
        end = self._pending.rfind(_BLANK_LINE, searched)
        complete = b""
        if end >= 0:
            complete = self._within_limit(bytes(self._pending[: end + len(_BLANK_LINE)]))
            del self._pending[: end + len(_BLANK_LINE)]
        if len(self._pending) > self._limit:
            self.oversized += 1
            self._discarding = True
            del self._pending[: -1 if self._pending.endswith(b"\n") else None]
        return complete

    def _skip(self, text: bytes) -> bytes:
        """What follows the end of the message that is being dropped."""
        joined = bytes(self._pending) + text
        self._pending.clear()
        _, found, rest = joined.partition(_BLANK_LINE)
        self._discarding = not found
        if not found:
            self._pending += joined[-1:] if joined.endswith(b"\n") else b""
            return b""
        return rest

    def _within_limit(self, messages: bytes) -> bytes:
        if len(messages) <= self._limit:
            return messages
        parts = [part.lstrip(b"\n") for part in messages.split(_BLANK_LINE)]
        good = [part for part in parts if part and len(part) + len(_BLANK_LINE) <= self._limit]
        self.oversized += sum(1 for part in parts if part) - len(good)
        return b"".join(part + _BLANK_LINE for part in good)


class Cursor:
    """What a reconnect needs: the last event id, and the reconnection time the server asked for."""

    __slots__ = ("last_event_id", "retry_seconds")

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry_seconds = 0.0

    def header(self) -> bytes | None:
        """The value for ``Last-Event-ID``, or None where there is none that HTTP can carry."""
        value = self.last_event_id.encode()
        bad = value != value.strip() or any(byte < 0x20 or byte == 0x7F for byte in value)
        return None if bad or not value else value


class _FramedResponse(httpx.Response):
    """A response as httpx-sse reads it, whose text is whole messages only."""

    def __init__(
        self,
        chunks: AsyncIterable[bytes],
        on_block: Callable[[], None],
        on_oversized: Callable[[], None],
    ) -> None:
        super().__init__(200, headers={"content-type": "text/event-stream"})
        self._chunks = chunks
        self._on_block = on_block
        self._on_oversized = on_oversized

    async def aiter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """Whole messages as text; ``chunk_size`` does not apply."""
        del chunk_size
        framer, reported = Framer(), 0
        async for chunk in self._chunks:
            messages = framer.feed(chunk)
            for _ in range(framer.oversized - reported):
                self._on_oversized()
            reported = framer.oversized
            if messages:
                self._on_block()
                yield messages.decode("utf-8", "replace")


async def messages(
    chunks: AsyncIterable[bytes],
    cursor: Cursor,
    *,
    on_block: Callable[[], None],
    on_oversized: Callable[[], None],
) -> AsyncGenerator[str]:
    """The data of each message of a stream; ``cursor`` is kept up to date.

    ``on_block`` is called when something complete has arrived, a comment included; ``on_oversized``
    for each message that was dropped for its size. A message without data is no message, but its
    ``id`` and ``retry`` count, and what is unfinished at the end of the stream is dropped.
    """
    response = _FramedResponse(chunks, on_block, on_oversized)
    events = httpx_sse.EventSource(response).aiter_sse()
    event_id, handled = "", 0
    async with aclosing(events):
        async for event in events:
            if event.id != event_id:
                event_id = event.id
                cursor.last_event_id = event_id if len(event_id) <= MAX_EVENT_ID_CHARACTERS else ""
            if event.retry is not None and event.retry >= 0:
                # Bounded before it is divided: what has over 308 digits is no float.
                cursor.retry_seconds = min(event.retry, MAX_RETRY_MILLISECONDS) / 1000
            if event.data:
                yield event.data
            handled += 1
            if handled % MESSAGES_PER_SLICE == 0:
                await asyncio.sleep(0)
