"""The door of the API: bearer key, rate limit, and the headers that tell how much is left of it."""

import hmac
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.ratelimit import Grant, RateLimit
from exporter.simulator.replies import ApiError
from exporter.simulator.requests import ApiRequest, RequestLog

OWN_PREFIX = "/_simulator/"
"""The simulator's own paths, outside the API: no key, no limit."""


class Gate:
    """Lets a request of the API through when it carries the key and the budget allows it.

    Each is written down, refused ones too. The limit is a minute's by the ``monotonic`` clock.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: SimulatorConfig,
        requests: RequestLog,
        monotonic: Callable[[], float],
    ) -> None:
        self._app = app
        self._requests = requests
        self._expected = f"Bearer {config.api_key}".encode()
        per_minute = config.rate_limit_per_minute
        self._limit = None if per_minute is None else RateLimit(per_minute, monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 401 or 429 itself; hands everything else on."""
        if scope["type"] != "http" or scope["path"].startswith(OWN_PREFIX):
            await self._app(scope, receive, send)
            return
        send = _noting(self._requests.arrived(scope["method"], scope["path"]), send)
        given = Headers(scope=scope).get("authorization", "").encode()
        if not hmac.compare_digest(given, self._expected):
            await ApiError(401, "invalid API key").response()(scope, receive, send)
            return
        if self._limit is None:
            await self._app(scope, receive, send)
            return
        grant = self._limit.take()
        if grant.retry_after:
            refusal = ApiError(429, "rate limit exceeded", {"Retry-After": str(grant.retry_after)})
            await refusal.response()(scope, receive, _telling(grant, send))
        else:
            await self._app(scope, receive, _telling(grant, send))


def _noting(request: ApiRequest, send: Send) -> Send:
    async def send_and_note(message: Message) -> None:
        if message["type"] == "http.response.start":
            request.status = message["status"]
        await send(message)

    return send_and_note


def _telling(grant: Grant, send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-RateLimit-Limit"] = str(grant.limit)
            headers["X-RateLimit-Remaining"] = str(grant.remaining)
        await send(message)

    return send_with_headers
