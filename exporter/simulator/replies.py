"""What the API's answers look like: JSON, errors, pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from exporter.simulator.connection import Connection

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    429: "rate_limit_exceeded",
    503: "service_unavailable",
}

Body = TypeVar("Body")
Item = TypeVar("Item")


class ApiError(Exception):
    """An answer with an error status; the API's body for it is ``{code, message}``."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer to send."""
        code = _CODES.get(self.status, "internal_error")
        body = {"code": code, "message": self.message}
        return reply(body, status=self.status, headers=self.headers)


def reply(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:  # noqa: ANN401 - whatever msgspec encodes
    """A JSON answer."""
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )


async def read_body(request: Request, shape: type[Body]) -> Body:
    """The request's JSON body.

    Raises:
        ApiError: 400, where it is not JSON or not of that shape.
    """
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=shape)
    except msgspec.MsgspecError as error:
        raise ApiError(400, f"invalid body: {error}") from None


def found(connections: Mapping[str, Connection], connection_id: str) -> Connection:
    """The connection with that id.

    Raises:
        ApiError: 404, where there is none.
    """
    connection = connections.get(connection_id)
    if connection is None:
        raise ApiError(404, "auth connection not found")
    return connection


def page_reply(
    items: Sequence[Item], query: QueryParams, show: Callable[[Item], object]
) -> Response:
    """One page as a bare JSON array, with the headers that say how to go on.

    ``X-Next-Offset`` is absolute, and 0 on the last page (API reference; the official SDKs stop
    there).

    Raises:
        ApiError: 400, where limit or offset is out of range.
    """
    limit = _number(query, "limit", DEFAULT_LIMIT, range(1, MAX_LIMIT + 1))
    offset = _number(query, "offset", 0, range(10**9))
    more = offset + limit < len(items)
    headers = {
        "X-Has-More": "true" if more else "false",
        "X-Next-Offset": str(offset + limit if more else 0),
    }
    page = [show(item) for item in items[offset : offset + limit]]
    return reply(page, headers=headers)


def _number(query: QueryParams, name: str, default: int, allowed: range) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or int(text) not in allowed:
        raise ApiError(400, f"{name} must be a number from {allowed[0]} to {allowed[-1]}")
    return int(text)
