from email.utils import formatdate

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.observations import RateLimit, StreamEndReason
from exporter.upstream.responses import (
    MAX_RETRY_AFTER_SECONDS,
    ApiError,
    error_for,
    is_event_stream,
    next_offset,
    rate_limit,
    reason_for,
    retry_after_seconds,
)

NOW_NS = 1_750_000_000 * 10**9


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [
        ((401, 403), StreamEndReason.HTTP_401),
        ((404, 410), StreamEndReason.HTTP_404),
        ((429,), StreamEndReason.HTTP_429),
        ((408, 409, 425, 500, 502, 503, 504, 599, 999), StreamEndReason.HTTP_5XX),
        ((201, 204, 301, 302, 307, 400, 402, 418, 422), StreamEndReason.PROTOCOL),
    ],
)
def test_reason_by_status(statuses: tuple[int, ...], reason: StreamEndReason) -> None:
    assert {reason_for(status) for status in statuses} == {reason}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": formatdate(1_750_000_030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(1_749_999_000, usegmt=True)}, 0.0),
        ({"retry-after": "86400"}, MAX_RETRY_AFTER_SECONDS),
        ({"retry-after": "inf"}, MAX_RETRY_AFTER_SECONDS),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Fri, 99 Foo 99999 99:99:99 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(httpx.Headers(headers), NOW_NS) == seconds


@given(st.text(max_size=40), st.text(max_size=40))
def test_hostile_headers_never_raise_nor_impose_an_endless_wait(one: str, two: str) -> None:
    headers = httpx.Headers(
        {
            b"retry-after": one.encode(),
            b"retry-after-ms": two.encode(),
            b"x-ratelimit-limit": one.encode(),
            b"x-ratelimit-remaining": two.encode(),
            b"content-type": one.encode(),
        }
    )
    seconds = retry_after_seconds(headers, NOW_NS)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_SECONDS
    limit = rate_limit(headers)
    assert limit is None or (limit.limit >= 0 and limit.remaining >= 0)
    assert not is_event_stream(headers)


def test_error_says_what_the_server_said_of_retrying() -> None:
    headers = httpx.Headers({"x-should-retry": "false", "retry-after": "3", "x": "sk_secret"})
    error = error_for(503, headers, NOW_NS)
    assert (error.reason, error.status) == (StreamEndReason.HTTP_5XX, 503)
    assert (error.should_retry, error.retry_after_seconds) == (False, 3.0)
    assert str(error) == "the API answered with status 503"
    assert error_for(500, httpx.Headers({"x-should-retry": "true"}), NOW_NS).should_retry is True
    assert error_for(500, httpx.Headers({"x-should-retry": "maybe"}), NOW_NS).should_retry is None


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        ({"x-ratelimit-limit": "600", "x-ratelimit-remaining": "599"}, RateLimit(600, 599)),
        ({"x-ratelimit-limit": "600"}, None),
        ({"x-ratelimit-limit": "600", "x-ratelimit-remaining": "-1"}, None),
        ({"x-ratelimit-limit": "٣", "x-ratelimit-remaining": "1"}, None),
        ({"x-ratelimit-limit": "9" * 40, "x-ratelimit-remaining": "1"}, None),
    ],
)
def test_rate_limit_is_taken_only_where_both_numbers_are_good(
    headers: dict[str, str], limit: RateLimit | None
) -> None:
    raw = httpx.Headers({name.encode(): value.encode() for name, value in headers.items()})
    assert rate_limit(raw) == limit


def test_next_offset_follows_the_headers() -> None:
    more = httpx.Headers({"x-has-more": "true", "x-next-offset": "200"})
    assert next_offset(more, 100) == 200
    assert next_offset(httpx.Headers({"x-has-more": "false", "x-next-offset": "0"}), 100) is None
    assert next_offset(httpx.Headers(), 0) is None


@pytest.mark.parametrize("offset", [None, "", "0", "100", "50", "-5", "soon", "1e3", "9" * 30])
def test_more_without_a_place_to_go_on_is_an_error_and_not_the_end(offset: str | None) -> None:
    headers = httpx.Headers({"x-has-more": "true"})
    if offset is not None:
        headers["x-next-offset"] = offset
    with pytest.raises(ApiError, match="X-Next-Offset"):
        next_offset(headers, 100)


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"content-type": "text/event-stream"}, True),
        ({"content-type": "Text/Event-Stream; charset=utf-8"}, True),
        ({"content-type": "text/event-stream", "content-encoding": "identity"}, True),
        ({"content-type": "text/event-stream", "content-encoding": "gzip"}, False),
        ({"content-type": "text/html"}, False),
        ({"content-type": "application/json+text/event-stream"}, False),
        ({}, False),
    ],
)
def test_only_an_unencoded_event_stream_is_one(headers: dict[str, str], *, good: bool) -> None:
    assert is_event_stream(httpx.Headers(headers)) is good
