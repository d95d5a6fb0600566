"""What the status and the headers of an answer mean. Pure; every header is hostile text.

Sources: Kernel's API reference (errors, rate limits, pagination) and, for ``retry-after-ms`` and
``x-should-retry``, what Kernel's official SDKs do.
"""

import math
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from exporter.core.observations import RateLimit, StreamEndReason

MAX_RETRY_AFTER_SECONDS: Final = 120.0
"""Longest wait that a server can impose: a wrong header must not silence the exporter for days."""

_REASONS: Final = {
    401: StreamEndReason.HTTP_401,
    403: StreamEndReason.HTTP_401,
    404: StreamEndReason.HTTP_404,
    410: StreamEndReason.HTTP_404,
    429: StreamEndReason.HTTP_429,
    408: StreamEndReason.HTTP_5XX,
    409: StreamEndReason.HTTP_5XX,
    425: StreamEndReason.HTTP_5XX,
}

_LARGEST_COUNT: Final = 2**53


class ApiError(Exception):
    """The API refused, failed, could not be reached, or did not say what it promises.

    The text is ours and safe to log: it never holds the key, a query, or anything upstream wrote.
    ``should_retry`` is what the server said of it (``x-should-retry``), None where it said nothing.
    """

    def __init__(
        self,
        reason: StreamEndReason,
        text: str,
        *,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        should_retry: bool | None = None,
    ) -> None:
        super().__init__(text)
        self.reason = reason
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.should_retry = should_retry


def reason_for(status: int) -> StreamEndReason:
    """Why there is no stream, by HTTP status; what the SDKs retry is the server's trouble."""
    if status >= 500:
        return StreamEndReason.HTTP_5XX
    return _REASONS.get(status, StreamEndReason.PROTOCOL)


def error_for(status: int, headers: httpx.Headers, now_ns: int) -> ApiError:
    """The error that an answer other than 200 stands for."""
    return ApiError(
        reason_for(status),
        f"the API answered with status {status}",
        status=status,
        retry_after_seconds=retry_after_seconds(headers, now_ns),
        should_retry={"true": True, "false": False}.get(headers.get("x-should-retry", "")),
    )


def retry_after_seconds(headers: httpx.Headers, now_ns: int) -> float | None:
    """How long the server asks to wait, at most 120 s; None where it does not ask.

    ``retry-after-ms`` goes before ``Retry-After``, which is seconds or a date (RFC 9110, 10.2.3).
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return _bounded(seconds)
    try:
        date = parsedate_to_datetime(value or "")
        return _bounded(date.timestamp() - now_ns / 1e9)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def rate_limit(headers: httpx.Headers) -> RateLimit | None:
    """The organisation's rate limit as this answer tells it, if it does."""
    limit = _count(headers.get("x-ratelimit-limit"))
    remaining = _count(headers.get("x-ratelimit-remaining"))
    return None if limit is None or remaining is None else RateLimit(limit, remaining)


def next_offset(headers: httpx.Headers, offset: int) -> int | None:
    """Where the next page of a list begins; None after the last.

    Raises:
        ApiError: there is more, but it does not say where: going on would lose connections.
    """
    if headers.get("x-has-more", "").strip().lower() != "true":
        return None
    following = _count(headers.get("x-next-offset"))
    if following is None or following <= offset:
        raise ApiError(
            StreamEndReason.PROTOCOL,
            "the list says X-Has-More, but X-Next-Offset does not say where to go on",
            status=200,
        )
    return following


def is_event_stream(headers: httpx.Headers) -> bool:
    """Whether the body is an event stream that can be read as it comes."""
    essence = headers.get("content-type", "").partition(";")[0].strip().lower()
    return essence == "text/event-stream" and is_identity(headers)


def is_identity(headers: httpx.Headers) -> bool:
    """Whether the body came unencoded, as asked: a small gzip body can unpack to anything."""
    return headers.get("content-encoding", "identity").strip().lower() in {"", "identity"}


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _count(value: str | None) -> int | None:
    text = (value or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        return None
    return min(int(text), _LARGEST_COUNT)
