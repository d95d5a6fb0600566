"""Sends requests to the API and takes note of what every answer says of the key and the limits.

Requests go straight to a transport, not through an HTTP client: so nothing follows a redirect,
keeps a cookie or reads a password file behind our back, and the key goes to the configured origin
only.
"""

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, NamedTuple, cast

import httpx

import exporter
from exporter.core.observations import ApiRequest, RateLimit, Sink, StreamEndReason
from exporter.upstream.budget import Budget, Spender
from exporter.upstream.clock import Clock
from exporter.upstream.health import SourceHealth
from exporter.upstream.responses import (
    ApiError,
    error_for,
    is_event_stream,
    is_identity,
    rate_limit,
    retry_after_seconds,
)
from exporter.upstream.transport import StreamTransport, proxy_for
from exporter.upstream.turns import Turns

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Largest answer that is read: a hundred connections at over 100 KiB each."""
POLL_TRIES: Final = 5
"""So often in a row a poll asks for the same page when it is over the rate limit."""
REQUESTS_AT_ONCE: Final = 32
"""So many requests that are no streams are under way at once; the others wait for them."""
ANSWER_SECONDS: Final = 30.0
"""How long an answer may take from connecting to its last byte; for a stream, to its headers."""

_TIMEOUT: Final = {"connect": 10.0, "read": None, "write": 10.0, "pool": None}
_ALWAYS: Final = {
    "user-agent": f"managed-auth-exporter/{exporter.__version__}",
    "accept-encoding": "identity",
}
# A request that is cancelled while it queues in httpcore's pool can leave behind a connection that
# nobody uses and nobody closes, until the pool is full of them. So nothing queues there.
_NO_QUEUE: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)
_JSON: Final = {"accept": "application/json"}
_UNREACHABLE: Final = (httpx.TransportError, httpx.InvalidURL, OSError)

Endpoint = Literal["list", "retrieve", "timeline", "events"]


class Answer(NamedTuple):
    """A good answer; the times are local, around the request that brought it, Unix nanoseconds."""

    headers: httpx.Headers
    body: bytes
    requested_ns: int
    received_ns: int


class Client:
    """Sends ``GET`` requests, each when it is its turn. What goes wrong is an ``ApiError``."""

    def __init__(
        self,
        base_url: httpx.URL,
        key: Callable[[], str],
        sink: Sink,
        *,
        budget: Budget,
        clock: Clock,
        health: SourceHealth,
        ssl_context: ssl.SSLContext | None,
        answer_seconds: float,
    ) -> None:
        context = ssl_context or httpx.create_ssl_context()
        proxy = proxy_for(base_url)
        self._key = key
        self._key_sent = ""
        self._sink = sink
        self._clock = clock
        self._health = health
        self._answer_seconds = answer_seconds
        self._turns = Turns(budget, clock, sink)
        self._streams = StreamTransport(context, proxy=proxy)
        self._polls = httpx.AsyncHTTPTransport(
            verify=context, trust_env=False, proxy=proxy, limits=_NO_QUEUE
        )
        self._at_once = asyncio.Semaphore(REQUESTS_AT_ONCE)

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the API last said of the organisation's rate limit."""
        return self._turns.rate_limit

    async def get(
        self,
        endpoint: Endpoint,
        url: str,
        spender: Spender,
        *,
        patience_seconds: float | None = None,
    ) -> Answer:
        """The answer to one request; where it has the time, asked for again after a 429.

        Raises:
            ApiError: there is no good answer; ``reason`` is ``http_429`` also where its turn would
                not have come within ``patience_seconds``.
        """
        now = self._clock.monotonic()
        until = None if patience_seconds is None else now + patience_seconds
        for tries_left in reversed(range(1 if spender is Spender.PROMPT else POLL_TRIES)):
            await self._turns.wait(spender, until)
            async with self._at_once:
                requested_ns = self._clock.unix_ns()
                response, body = await self._send(endpoint, self._polls, url, httpx.Headers(_JSON))
            if response.status_code != 429 or not tries_left:
                break
        self._check(response)
        if body is None:
            raise ApiError(StreamEndReason.PROTOCOL, "the answer is encoded or too large to read")
        return Answer(response.headers, body, requested_ns, self._clock.unix_ns())

    @asynccontextmanager
    async def stream(self, url: str, headers: httpx.Headers) -> AsyncIterator[AsyncIterable[bytes]]:
        """The bytes of an event stream, once the server has agreed to send one.

        Reading them raises ``httpx.TransportError``. The connection is closed on leaving.

        Raises:
            ApiError: there is no stream to be had.
        """
        await self._turns.wait(Spender.PROMPT)
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
        """Close the connections that are kept for all but streams."""
        await self._polls.aclose()

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
        self._turns.answered(response.status_code, retry_after, rate_limit(response.headers))
        self._health.answered(endpoint, response.status_code)


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
