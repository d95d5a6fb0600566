"""The part of Kernel's API that the exporter reads: list, retrieve, timeline, events.

Never anything but GET.
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from urllib.parse import quote

import httpx

from exporter.core.events import Listing, TimelineEntry
from exporter.core.observations import RateLimit, Sink, StreamEndReason
from exporter.upstream.base_url import checked_base_url
from exporter.upstream.budget import Budget, Spender
from exporter.upstream.client import ANSWER_SECONDS, Client
from exporter.upstream.clock import SYSTEM_CLOCK, Clock
from exporter.upstream.health import SourceHealth
from exporter.upstream.listings import is_connection_id, parse_connection, parse_page
from exporter.upstream.responses import ApiError, next_offset
from exporter.upstream.timelines import parse_timeline

PAGE_SIZE: Final = 100
"""The most that Kernel's lists give at once."""
MAX_PAGES: Final = 1000
"""So many pages are asked for: a server that always says more must not keep a poll for ever."""
MAX_LISTED: Final = MAX_PAGES * PAGE_SIZE
"""So many connections are taken, also from a server whose pages are larger than asked for."""

_EVENT_STREAM: Final = {"accept": "text/event-stream", "cache-control": "no-store"}


class TimelinePage(NamedTuple):
    """A page of a connection's timeline, newest first; ``next_offset`` is None on the last one.

    The times are local, around the request, in Unix nanoseconds.
    """

    entries: list[TimelineEntry]
    next_offset: int | None
    requested_ns: int
    received_ns: int


class KernelApi:
    """Reads connections and their timelines, and opens event streams.

    Every request passes one gate and is on one ``budget``: polls and timelines wait for their turn,
    streams and retrieves that somebody waits for do not. ``key`` is called for each request. What
    goes wrong with a request is an ``ApiError``.

    Raises:
        ValueError: the base URL or the environment's proxy will not do; the text names the mend.
    """

    def __init__(  # noqa: PLR0913 - the parts that it is made of, each with a default
        self,
        base_url: str,
        key: Callable[[], str],
        sink: Sink,
        *,
        budget: Budget | None = None,
        clock: Clock = SYSTEM_CLOCK,
        health: SourceHealth | None = None,
        allow_insecure: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        url = checked_base_url(base_url, allow_insecure=allow_insecure)
        self.budget: Final = budget or Budget()
        self._connections = f"{str(url).rstrip('/')}/auth/connections"
        self._client = Client(
            url,
            key,
            sink,
            budget=self.budget,
            clock=clock,
            health=health or SourceHealth(),
            ssl_context=ssl_context,
            answer_seconds=answer_seconds,
        )

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the API last said of the organisation's rate limit."""
        return self._client.rate_limit

    async def list_connections(
        self, domain: str | None = None, profile_name: str | None = None
    ) -> AsyncGenerator[list[Listing]]:
        """All connections, page by page, optionally of one domain or profile.

        A page that is over the rate limit is asked for again once the API lets it, so that a list
        of any length is completed.

        Raises:
            ApiError: a page could not be had, or the server does not say where the next one is.
                What was given so far is then not the whole list.
        """
        filters = {"domain": domain, "profile_name": profile_name}
        params = {name: value for name, value in filters.items() if value is not None}
        offset = listed = 0
        for _ in range(MAX_PAGES):
            query = httpx.QueryParams({**params, "limit": PAGE_SIZE, "offset": offset})
            answer = await self._client.get("list", f"{self._connections}?{query}", Spender.POLL)
            page = parse_page(answer.body, answer.requested_ns, answer.received_ns)
            listed += len(page)
            if listed > MAX_LISTED:
                break
            yield page
            following = next_offset(answer.headers, offset)
            if following is None:
                return
            offset = following
        raise ApiError(
            StreamEndReason.PROTOCOL, f"the list is longer than {MAX_LISTED} connections"
        )

    async def retrieve(self, connection_id: str, *, poll: bool = False) -> Listing:
        """One connection; a ``poll`` has the time to keep to its share of the rate limit.

        Raises:
            ApiError: it could not be had; ``reason`` is ``http_404`` where there is none.
        """
        spender = Spender.POLL if poll else Spender.PROMPT
        answer = await self._client.get("retrieve", self._url(connection_id), spender)
        return parse_connection(answer.body, answer.requested_ns, answer.received_ns)

    async def timeline(
        self, connection_id: str, offset: int = 0, *, patience_seconds: float | None = None
    ) -> TimelinePage:
        """A page of a connection's timeline, newest first, from ``offset`` on.

        With ``patience_seconds`` it is given up where its turn would not come within that time.

        Raises:
            ApiError: it could not be had, or does not say where the next page is; ``reason`` is
                ``http_429`` also where its turn would not come in time.
        """
        query = httpx.QueryParams({"limit": PAGE_SIZE, "offset": offset})
        answer = await self._client.get(
            "timeline",
            f"{self._url(connection_id)}/timeline?{query}",
            Spender.TIMELINE,
            patience_seconds=patience_seconds,
        )
        return TimelinePage(
            parse_timeline(answer.body),
            next_offset(answer.headers, offset),
            answer.requested_ns,
            answer.received_ns,
        )

    @asynccontextmanager
    async def events(
        self, connection_id: str, last_event_id: bytes | None = None
    ) -> AsyncIterator[AsyncIterable[bytes]]:
        """The bytes of a connection's event stream, once the server has agreed to send one.

        Reading them raises ``httpx.TransportError``. The connection is closed on leaving.

        Raises:
            ApiError: there is no stream to be had.
        """
        resume = {} if last_event_id is None else {b"last-event-id": last_event_id}
        headers = httpx.Headers(_EVENT_STREAM)
        headers.update(resume)
        async with self._client.stream(f"{self._url(connection_id)}/events", headers) as chunks:
            yield chunks

    def has_new_key(self) -> bool:
        """Whether the key has been replaced since the last request."""
        return self._client.has_new_key()

    async def aclose(self) -> None:
        """Close the connections that are kept for all but streams."""
        await self._client.aclose()

    def _url(self, connection_id: str) -> str:
        if not is_connection_id(connection_id):
            raise ApiError(StreamEndReason.HTTP_404, "no connection can have this id")
        return f"{self._connections}/{quote(connection_id, safe='')}"
