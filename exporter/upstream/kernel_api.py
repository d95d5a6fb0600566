"""The part of Kernel's API that the exporter reads: list, retrieve, events. Never anything but GET.

Requests go straight to a transport, not through a client: so nothing follows a redirect, keeps a
cookie or reads a password file behind our back, and the key goes to the configured origin only.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, NamedTuple, cast
from urllib.parse import quote

import httpx

import exporter
from exporter.core.events import Listing
from exporter.core.observations import ApiRequest, RateLimit, Sink, StreamEndReason
from exporter.upstream.base_url import checked_base_url
from exporter.upstream.budget import PollBudget
from exporter.upstream.clock import SYSTEM_CLOCK, Clock
from exporter.upstream.gate import Gate, Lane
from exporter.upstream.health import SourceHealth
from exporter.upstream.listings import is_connection_id, parse_connection, parse_page
from exporter.upstream.responses import (
    ApiError,
    error_for,
    is_event_stream,
    is_identity,
    next_offset,
    rate_limit,
    retry_after_seconds,
)
from exporter.upstream.transport import StreamTransport, proxy_for

PAGE_SIZE: Final = 100
"""The most that Kernel's lists give at once."""
MAX_PAGES: Final = 1000
"""So many pages are asked for: a server that always says more must not keep a poll for ever."""
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Largest answer that is read: a hundred connections at over 100 KiB each."""
MAX_LISTED: Final = MAX_PAGES * PAGE_SIZE
"""So many connections are taken, also from a server whose pages are larger than asked for."""
POLL_TRIES: Final = 5
"""So often in a row a poll asks for the same page when it is over the rate limit."""
ANSWER_SECONDS: Final = 30.0
"""How long an answer may take from connecting to its last byte; for a stream, to its headers."""

_TIMEOUT: Final = {"connect": 10.0, "read": None, "write": 10.0, "pool": None}
_ALWAYS: Final = {
    "user-agent": f"managed-auth-exporter/{exporter.__version__}",
    "accept-encoding": "identity",
}
_JSON: Final = {"accept": "application/json"}
_EVENT_STREAM: Final = {"accept": "text/event-stream", "cache-control": "no-store"}
_UNREACHABLE: Final = (httpx.TransportError, httpx.InvalidURL, OSError)

Endpoint = Literal["list", "retrieve", "events"]


class _Answer(NamedTuple):
    headers: httpx.Headers
    body: bytes
    requested_ns: int
    received_ns: int


class KernelApi:
    """Reads connections and opens event streams.

    Every request passes one gate, and polls keep to their share of the rate limit besides.
    ``key`` is called for each request; ``rate_limit`` is what the API last said of it. What goes
    wrong with a request is an ``ApiError``.

    Raises:
        ValueError: the base URL or the environment's proxy will not do; the text names the mend.
    """

    def __init__(
        self,
        base_url: str,
        key: Callable[[], str],
        sink: Sink,
        *,
        clock: Clock = SYSTEM_CLOCK,
        health: SourceHealth | None = None,
        allow_insecure: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        url = checked_base_url(base_url, allow_insecure=allow_insecure)
        context = ssl_context or httpx.create_ssl_context()
        proxy = proxy_for(url)
        self.rate_limit: RateLimit | None = None
        self._connections = f"{str(url).rstrip('/')}/auth/connections"
        self._key = key
        self._key_sent = ""
        self._sink = sink
        self._clock = clock
        self._health = health or SourceHealth()
        self._answer_seconds = answer_seconds
        self._gate = Gate(clock)
        self._budget = PollBudget()
        self._streams = StreamTransport(context, proxy=proxy)
        self._polls = httpx.AsyncHTTPTransport(verify=context, trust_env=False, proxy=proxy)

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
            answer = await self._get("list", f"{self._connections}?{query}", poll=True)
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
        answer = await self._get("retrieve", self._url(connection_id), poll=poll)
        return parse_connection(answer.body, answer.requested_ns, answer.received_ns)

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
        url = f"{self._url(connection_id)}/events"
        await self._gate.wait(Lane.STREAM)
        response, _ = await self._send("events", self._streams, url, headers)
        try:
            self._check(response)
            if not is_event_stream(response.headers):
                raise ApiError(StreamEndReason.PROTOCOL, "the answer is not an event stream")
            yield cast("AsyncIterable[bytes]", response.stream)
        finally:
            await response.aclose()

    def has_new_key(self) -> bool:
        """Whether the key has been replaced since the last request."""
        return self._key() != self._key_sent

    async def aclose(self) -> None:
        """Close the connections that are kept for polls."""
        await self._polls.aclose()

    def _url(self, connection_id: str) -> str:
        if not is_connection_id(connection_id):
            raise ApiError(StreamEndReason.HTTP_404, "no connection can have this id")
        return f"{self._connections}/{quote(connection_id, safe='')}"

    async def _get(self, endpoint: Endpoint, url: str, *, poll: bool) -> _Answer:
        for tries_left in reversed(range(POLL_TRIES if poll else 1)):
            await self._turn(poll=poll)
            requested_ns = self._clock.unix_ns()
            response, body = await self._send(endpoint, self._polls, url, httpx.Headers(_JSON))
            if response.status_code != 429 or not tries_left:
                break
        self._check(response)
        if body is None:
            raise ApiError(StreamEndReason.PROTOCOL, "the answer is encoded or too large to read")
        return _Answer(response.headers, body, requested_ns, self._clock.unix_ns())

    async def _turn(self, *, poll: bool) -> None:
        """Wait until a request may be sent."""
        while True:
            await self._gate.wait(Lane.POLL)
            limit = self.rate_limit.limit if self.rate_limit else None
            seconds = self._budget.take(self._clock.monotonic(), limit) if poll else 0.0
            if not seconds:
                return
            await self._clock.sleep(seconds)

    def _check(self, response: httpx.Response) -> None:
        if response.status_code != 200:
            raise error_for(response.status_code, response.headers, self._clock.unix_ns())

    async def _send(
        self,
        endpoint: Endpoint,
        transport: httpx.AsyncBaseTransport,
        url: str,
        headers: httpx.Headers,
    ) -> tuple[httpx.Response, bytes | None]:
        """Send the request, and read the answer's body unless it is an event stream."""
        self._key_sent = self._key()
        headers.update({**_ALWAYS, "authorization": f"Bearer {self._key_sent}"})
        request = httpx.Request("GET", url, headers=headers, extensions={"timeout": _TIMEOUT})
        body, started = None, self._clock.monotonic()
        try:
            async with asyncio.timeout(self._answer_seconds):
                response = await transport.handle_async_request(request)
                if endpoint != "events":
                    body = await _read(response)
        except _UNREACHABLE as error:
            self._note(endpoint, None, started)
            reason = reason_of(error)
            raise ApiError(reason, f"no answer from the API ({type(error).__name__})") from None
        self._note(endpoint, response, started)
        return response, body

    def _note(self, endpoint: Endpoint, response: httpx.Response | None, started: float) -> None:
        seconds = self._clock.monotonic() - started
        status = None if response is None else response.status_code
        self._sink.observe(ApiRequest(endpoint, status, seconds))
        if response is None:
            return
        retry_after = retry_after_seconds(response.headers, self._clock.unix_ns())
        self._gate.answered(response.status_code, retry_after)
        self._health.answered(endpoint, response.status_code)
        limit = rate_limit(response.headers)
        if limit is not None:
            self.rate_limit = limit
            self._sink.observe(limit)


def reason_of(error: Exception) -> StreamEndReason:
    """Whose fault a failed request or stream is: the network's, or a peer's that breaks HTTP."""
    if isinstance(error, httpx.ProtocolError | httpx.InvalidURL):
        return StreamEndReason.PROTOCOL
    return StreamEndReason.NETWORK


async def _read(response: httpx.Response) -> bytes | None:
    """The body of a good answer; None where it is none, encoded, or too large."""
    body = bytearray()
    try:
        if response.status_code != 200 or not is_identity(response.headers):
            return None
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return None
        return bytes(body)
    finally:
        await response.aclose()
