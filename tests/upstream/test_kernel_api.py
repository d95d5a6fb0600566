"""The API client over real sockets, against servers that misbehave."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
import msgspec
import pytest

import exporter.upstream.client as client_module
import exporter.upstream.kernel_api as module
from exporter.core.events import Listing, TimelineEntry
from exporter.core.observations import ApiBudget, ApiRequest, RateLimit, StreamEndReason
from exporter.upstream.budget import Budget
from exporter.upstream.client import POLL_TRIES
from exporter.upstream.clock import SYSTEM_CLOCK, Clock
from exporter.upstream.health import SourceHealth
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.responses import ApiError
from tests.upstream.raw_server import Exchange, raw_server
from tests.upstream.recorder import FakeTime, Recorder

KEY = "sk_very_secret"


def make_api(url: str, sink: Recorder, clock: Clock = SYSTEM_CLOCK) -> KernelApi:
    return KernelApi(url, lambda: KEY, sink, clock=clock, answer_seconds=2.0)


def connection(number: int) -> dict[str, str]:
    return {"id": f"c{number}", "domain": "example.com", "profile_name": "p", "status": "X"}


async def every_page(api: KernelApi) -> list[list[str]]:
    return [[each.connection_id for each in page] async for page in api.list_connections()]


async def read_events(api: KernelApi) -> bytes:
    async with api.events("c1") as chunks:
        return b"".join([chunk async for chunk in chunks])


async def failure(call: Awaitable[object]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await call
    assert KEY not in f"{caught.value} {caught.value!r}"
    return caught.value


CALLS: dict[str, Callable[[KernelApi], Awaitable[object]]] = {
    "list": every_page,
    "retrieve": lambda api: api.retrieve("c1"),
    "timeline": lambda api: api.timeline("c1"),
    "events": read_events,
}


async def test_list_goes_through_all_pages() -> None:
    async def pages(exchange: Exchange) -> None:
        offset = int(httpx.URL(exchange.target).params["offset"])
        last = offset == 200
        await exchange.answer(
            200,
            msgspec.json.encode([connection(offset), connection(offset + 1)]),
            X_Has_More="false" if last else "true",
            X_Next_Offset="0" if last else str(offset + 100),
        )

    sink = Recorder()
    async with raw_server(pages) as server:
        api = make_api(server.url + "/base/", sink)
        pages_seen = [page async for page in api.list_connections("example.com", "a b&c")]
        await api.aclose()
    ids = [[each.connection_id for each in page] for page in pages_seen]
    assert ids == [["c0", "c1"], ["c100", "c101"], ["c200", "c201"]]
    assert isinstance(pages_seen[0][0], Listing)
    assert pages_seen[0][0].requested_ns <= pages_seen[0][0].received_ns
    url = httpx.URL(server.requests[1].target)
    assert url.path == "/base/auth/connections"
    assert dict(url.params) == {
        "domain": "example.com",
        "profile_name": "a b&c",
        "limit": "100",
        "offset": "100",
    }
    assert [(each.endpoint, each.code) for each in sink.of(ApiRequest)] == [("list", 200)] * 3
    assert all(each.duration_seconds >= 0 for each in sink.of(ApiRequest))


async def test_more_without_a_next_offset_gives_what_came_and_then_an_error() -> None:
    async def lost(exchange: Exchange) -> None:
        await exchange.answer(200, msgspec.json.encode([connection(1)]), X_Has_More="true")

    async with raw_server(lost) as server:
        pages = make_api(server.url, Recorder()).list_connections()
        assert [each.connection_id for each in await anext(pages)] == ["c1"]
        error = await failure(anext(pages))
    assert error.reason is StreamEndReason.PROTOCOL


async def test_endless_list_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(exchange: Exchange) -> None:
        offset = int(httpx.URL(exchange.target).params["offset"])
        await exchange.answer(200, b"[]", X_Has_More="true", X_Next_Offset=str(offset + 1))

    monkeypatch.setattr(module, "MAX_PAGES", 5)
    async with raw_server(endless) as server:
        await failure(every_page(make_api(server.url, Recorder())))
        assert len(server.requests) == 5


async def test_pages_of_any_size_add_up_to_a_bounded_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def large(exchange: Exchange) -> None:
        await exchange.answer(200, msgspec.json.encode([connection(n) for n in range(101)]))

    monkeypatch.setattr(module, "MAX_LISTED", 100)
    async with raw_server(large) as server:
        await failure(every_page(make_api(server.url, Recorder())))


async def test_retrieve_quotes_the_id() -> None:
    async def one(exchange: Exchange) -> None:
        await exchange.answer(200, msgspec.json.encode(connection(7)))

    async with raw_server(one) as server:
        api = make_api(server.url, Recorder())
        assert (await api.retrieve("a/../b?c#d é")).connection_id == "c7"
        assert server.requests[0].target == "/auth/connections/a%2F..%2Fb%3Fc%23d%20%C3%A9"


async def test_timeline_is_read_page_by_page_from_where_it_is_asked_for() -> None:
    entry = {"id": "e1", "type": "reauth", "timestamp": "2025-06-15T15:06:40Z", "status": "SUCCESS"}

    async def pages(exchange: Exchange) -> None:
        offset = int(httpx.URL(exchange.target).params["offset"])
        more = {"X_Has_More": "true", "X_Next_Offset": "100"} if offset == 0 else {}
        await exchange.answer(200, msgspec.json.encode([entry]), **more)

    sink, time = Recorder(), FakeTime()
    async with raw_server(pages) as server:
        api = make_api(server.url, sink, time.clock())
        first = await api.timeline("a b")
        last = await api.timeline("a b", 100)
        await api.aclose()
    assert first.entries == [TimelineEntry("e1", "reauth", 1_750_000_000 * 10**9, "SUCCESS")]
    assert (first.next_offset, last.next_offset) == (100, None)
    assert first.requested_ns == first.received_ns == int(time.now * 1e9)
    assert [request.target for request in server.requests] == [
        "/auth/connections/a%20b/timeline?limit=100&offset=0",
        "/auth/connections/a%20b/timeline?limit=100&offset=100",
    ]
    assert [(each.endpoint, each.code) for each in sink.of(ApiRequest)] == [("timeline", 200)] * 2


async def test_timeline_that_does_not_say_where_it_goes_on_is_an_error() -> None:
    async def lost(exchange: Exchange) -> None:
        await exchange.answer(200, b"[]", X_Has_More="true", X_Next_Offset="0")

    async with raw_server(lost) as server:
        api = make_api(server.url, Recorder())
        assert (await failure(api.timeline("c1"))).reason is StreamEndReason.PROTOCOL
        await api.aclose()


@pytest.mark.parametrize("connection_id", ["", ".", "..", "a\nb", "x" * 300])
async def test_id_that_cannot_be_one_is_not_found_without_a_request(connection_id: str) -> None:
    async def never(exchange: Exchange) -> None:
        pytest.fail(f"asked for {exchange.target}")

    async with raw_server(never) as server:
        api = make_api(server.url, Recorder())
        for call in (api.retrieve(connection_id), api.timeline(connection_id)):
            assert (await failure(call)).reason is StreamEndReason.HTTP_404
        assert server.requests == []


async def test_events_yields_the_bytes_and_closes_on_leaving() -> None:
    async def stream(exchange: Exchange) -> None:
        await exchange.open_stream("text/event-stream; charset=utf-8")
        await exchange.send(b"data: a\n\n")
        await exchange.gone()

    sink = Recorder()
    async with raw_server(stream) as server:
        api = make_api(server.url, sink)
        async with api.events("c1", b"41") as chunks:
            assert await anext(aiter(chunks)) == b"data: a\n\n"
        async with asyncio.timeout(5):
            await server.requests[0].gone()
        headers = server.requests[0].headers
    assert server.requests[0].target == "/auth/connections/c1/events"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["accept"] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["accept-encoding"] == "identity"
    assert headers["last-event-id"] == "41"
    assert headers["user-agent"].startswith("managed-auth-exporter/")
    assert [(each.endpoint, each.code) for each in sink.of(ApiRequest)] == [("events", 200)]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (204, StreamEndReason.PROTOCOL),
        (302, StreamEndReason.PROTOCOL),
        (400, StreamEndReason.PROTOCOL),
        (401, StreamEndReason.HTTP_401),
        (404, StreamEndReason.HTTP_404),
        (503, StreamEndReason.HTTP_5XX),
    ],
)
async def test_status_other_than_200_is_an_error(
    call: str, status: int, reason: StreamEndReason
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(status, b'{"message": "upstream text"}', Retry_After="3")

    sink, health = Recorder(), SourceHealth()
    async with raw_server(refuse) as server:
        api = KernelApi(server.url, lambda: KEY, sink, health=health)
        error = await failure(CALLS[call](api))
        await api.aclose()
    assert (error.reason, error.status, error.retry_after_seconds) == (reason, status, 3.0)
    assert "upstream" not in str(error)
    assert [(each.endpoint, each.code) for each in sink.of(ApiRequest)] == [(call, status)]
    assert health.status(0, poll_interval_seconds=15).key_refused is (status == 401)


@pytest.mark.parametrize("call", CALLS)
async def test_redirect_is_never_followed_so_the_key_stays_with_its_origin(call: str) -> None:
    async def thief(exchange: Exchange) -> None:
        await exchange.answer(200, b"[]")

    async with raw_server(thief) as elsewhere:

        async def redirect(exchange: Exchange) -> None:
            await exchange.answer(307, Location=f"{elsewhere.url}/steal")

        async with raw_server(redirect) as server:
            api = make_api(server.url, Recorder())
            assert (await failure(CALLS[call](api))).reason is StreamEndReason.PROTOCOL
            await api.aclose()
        assert elsewhere.requests == []


@pytest.mark.parametrize("call", CALLS)
async def test_no_cookie_is_kept(call: str) -> None:
    async def cookies(exchange: Exchange) -> None:
        await exchange.answer(503, Set_Cookie="session=1; Path=/")

    async with raw_server(cookies) as server:
        api = make_api(server.url, Recorder())
        for _ in range(2):
            await failure(CALLS[call](api))
        await api.aclose()
        assert all("cookie" not in each.headers for each in server.requests)


async def test_html_with_200_is_a_protocol_error() -> None:
    async def portal(exchange: Exchange) -> None:
        await exchange.answer(200, b"<html>please log in</html>", Content_Type="text/html")

    async with raw_server(portal) as server:
        api = make_api(server.url, Recorder())
        reasons = {(await failure(call(api))).reason for call in CALLS.values()}
        await api.aclose()
    assert reasons == {StreamEndReason.PROTOCOL}


async def test_encoded_answer_is_refused_for_it_was_not_asked_for() -> None:
    async def gzip(exchange: Exchange) -> None:
        await exchange.answer(
            200, b"\x1f\x8b", Content_Type="text/event-stream", Content_Encoding="gzip"
        )

    async with raw_server(gzip) as server:
        api = make_api(server.url, Recorder())
        reasons = {(await failure(call(api))).reason for call in CALLS.values()}
        await api.aclose()
    assert reasons == {StreamEndReason.PROTOCOL}


async def test_oversized_answer_is_given_up_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n[")
        while not exchange.closed.is_set():
            await exchange.send(b" " * 65536)
            sent += 65536

    monkeypatch.setattr(client_module, "MAX_BODY_BYTES", 1_000_000)
    async with raw_server(endless) as server:
        api = make_api(server.url, Recorder())
        error = await failure(api.retrieve("c1"))
        await api.aclose()
    assert error.reason is StreamEndReason.PROTOCOL
    assert sent < 20_000_000


@pytest.mark.parametrize("call", CALLS)
async def test_silent_server_is_a_network_error_in_time(call: str) -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.gone()

    sink = Recorder()
    async with raw_server(silent) as server:
        api = KernelApi(server.url, lambda: KEY, sink, answer_seconds=0.05)
        error = await failure(CALLS[call](api))
        await api.aclose()
    assert error.reason is StreamEndReason.NETWORK
    assert [(each.endpoint, each.code) for each in sink.of(ApiRequest)] == [(call, None)]


async def test_drip_does_not_prolong_a_poll_for_ever() -> None:
    async def drip(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n[")
        while not exchange.closed.is_set():
            await exchange.send(b" ")
            await asyncio.sleep(0.005)

    async with raw_server(drip) as server:
        api = KernelApi(server.url, lambda: KEY, Recorder(), answer_seconds=0.1)
        assert (await failure(api.retrieve("c1"))).reason is StreamEndReason.NETWORK
        await api.aclose()


@pytest.mark.parametrize("call", CALLS)
async def test_refused_connection_is_a_network_error(call: str) -> None:
    async def never(exchange: Exchange) -> None:
        pytest.fail(exchange.target)

    async with raw_server(never) as server:
        url = server.url
    error = await failure(CALLS[call](make_api(url, Recorder())))
    assert (error.reason, str(error)) == (
        StreamEndReason.NETWORK,
        "no answer from the API (ConnectError)",
    )


@pytest.mark.parametrize("call", CALLS)
async def test_peer_that_speaks_no_http_is_a_protocol_error(call: str) -> None:
    async def nonsense(exchange: Exchange) -> None:
        await exchange.send(b"sk_very_secret is what you sent\r\n\r\n")

    async with raw_server(nonsense) as server:
        api = make_api(server.url, Recorder())
        assert (await failure(CALLS[call](api))).reason is StreamEndReason.PROTOCOL
        await api.aclose()


async def test_rate_limit_is_told() -> None:
    async def limited(exchange: Exchange) -> None:
        await exchange.answer(200, b"[]", X_RateLimit_Limit="600", X_RateLimit_Remaining="17")

    sink = Recorder()
    async with raw_server(limited) as server:
        api = make_api(server.url, sink)
        await every_page(api)
        await api.aclose()
    assert sink.of(RateLimit) == [RateLimit(600, 17)]
    assert sink.of(ApiBudget) == [ApiBudget(30.0)]
    assert api.rate_limit == RateLimit(600, 17)


async def test_429_for_one_request_slows_all_others() -> None:
    async def limited(exchange: Exchange) -> None:
        if exchange.number == 0:
            await exchange.answer(429, Retry_After="30")
        else:
            await exchange.answer(200, b"[]")

    time = FakeTime()
    async with raw_server(limited) as server:
        api = make_api(server.url, Recorder(), time.clock(0.0))
        error = await failure(read_events(api))
        assert (error.reason, error.retry_after_seconds) == (StreamEndReason.HTTP_429, 30.0)
        await every_page(api)
        await api.aclose()
    assert sum(time.slept) >= 30


class Limited:
    """A list of ``pages`` pages; a minute's requests over ``limit`` get 429, as at Kernel's.

    ``others`` are the requests that the organisation's own product has sent within the minute. Only
    where it ``tells`` does an answer speak of the limit.
    """

    def __init__(self, time: FakeTime, *, pages: int, limit: int) -> None:
        self.time, self.pages, self.limit = time, pages, limit
        self.others = 0
        self.tells = True
        self.asked: list[tuple[float, int, int]] = []

    async def __call__(self, exchange: Exchange) -> None:
        page, now = int(httpx.URL(exchange.target).params["offset"]), self.time.now
        used = self.others + sum(at > now - 60 for at, _, _ in self.asked)
        status = 200 if used < self.limit else 429
        self.asked.append((now, page, status))
        last = page == self.pages - 1
        told = {
            "X_RateLimit_Limit": str(self.limit),
            "X_RateLimit_Remaining": str(max(0, self.limit - used - 1)),
        }
        await exchange.answer(
            status,
            msgspec.json.encode([connection(page)]),
            X_Has_More="false" if last else "true",
            X_Next_Offset=str(page + 1),
            **(told if self.tells else {}),
            **({} if status == 200 else {"Retry_After": "60"}),
        )


async def test_list_longer_than_the_rate_limit_is_read_in_the_share_of_it() -> None:
    time = FakeTime()
    limited = Limited(time, pages=25, limit=10)
    async with raw_server(limited) as server:
        api = make_api(server.url, Recorder(), time.clock())
        pages = await every_page(api)
        await api.aclose()
    assert pages == [[f"c{number}"] for number in range(25)]
    assert {status for _, _, status in limited.asked} == {200}
    busiest = max(
        sum(at <= other < at + 60 for other, _, _ in limited.asked) for at, _, _ in limited.asked
    )
    assert busiest == 5


async def test_page_over_the_rate_limit_is_asked_for_again_and_no_other() -> None:
    time = FakeTime()
    limited = Limited(time, pages=6, limit=10)
    limited.others, limited.tells = 8, False
    async with raw_server(limited) as server:
        api = make_api(server.url, Recorder(), time.clock())
        pages = await every_page(api)
        await api.aclose()
    assert pages == [[f"c{number}"] for number in range(6)]
    good = [page for _, page, status in limited.asked if status == 200]
    assert good == [0, 1, 2, 3, 4, 5]
    refused = [(at, page) for at, page, status in limited.asked if status == 429]
    assert [page for _, page in refused] == [2, 4]
    again = [next(at for at, page, _ in limited.asked if (at, page) > each) for each in refused]
    assert all(later - at >= 60 for later, (at, _) in zip(again, refused, strict=True))


async def test_list_gives_way_to_the_organisations_own_product() -> None:
    time = FakeTime()
    limited = Limited(time, pages=12, limit=20)
    limited.others = 15
    async with raw_server(limited) as server:
        api = make_api(server.url, Recorder(), time.clock())
        assert len(await every_page(api)) == 12
        await api.aclose()
    assert {status for _, _, status in limited.asked} == {200}
    assert time.now - limited.asked[0][0] >= 60 * 12 / 4


async def test_timeline_over_the_rate_limit_is_asked_for_again_unless_that_takes_too_long() -> None:
    async def once(exchange: Exchange) -> None:
        if exchange.number in {0, 2}:
            await exchange.answer(429, Retry_After="30")
        else:
            await exchange.answer(200, b"[]")

    time = FakeTime()
    async with raw_server(once) as server:
        api = make_api(server.url, Recorder(), time.clock())
        assert (await api.timeline("c1")).requested_ns >= int((time.now - 1) * 1e9)
        slept = sum(time.slept)
        assert slept >= 30
        error = await failure(api.timeline("c1", patience_seconds=2.0))
        assert (error.reason, error.status) == (StreamEndReason.HTTP_429, None)
        assert str(error) == "the API budget is used up"
        assert sum(time.slept) == slept
        assert len(server.requests) == 3
        await api.aclose()


async def test_all_requests_are_on_one_budget_but_only_polls_and_timelines_wait() -> None:
    async def answers(exchange: Exchange) -> None:
        path = httpx.URL(exchange.target).path
        if path.endswith("/events"):
            await exchange.open_stream()
        elif path.endswith("/c1"):
            await exchange.answer(200, msgspec.json.encode(connection(1)))
        else:
            await exchange.answer(200, b"[]")

    time = FakeTime()
    async with raw_server(answers) as server:
        api = KernelApi(
            server.url, lambda: KEY, Recorder(), budget=Budget(per_minute=4), clock=time.clock()
        )
        await api.retrieve("c1", poll=True)
        await api.retrieve("c1")
        await api.timeline("c1")
        for _ in range(2):
            await read_events(api)
        assert time.slept == []
        await api.timeline("c1")
        assert sum(time.slept) == 60
        await every_page(api)
        await api.aclose()
    assert sum(time.slept) == 60


async def test_poll_that_is_always_over_the_rate_limit_gives_up() -> None:
    async def never(exchange: Exchange) -> None:
        await exchange.answer(429, Retry_After="1")

    time = FakeTime()
    async with raw_server(never) as server:
        api = make_api(server.url, Recorder(), time.clock())
        assert (await failure(every_page(api))).reason is StreamEndReason.HTTP_429
        assert len(server.requests) == POLL_TRIES
        assert (await failure(api.retrieve("c1"))).reason is StreamEndReason.HTTP_429
        assert len(server.requests) == POLL_TRIES + 1
        await api.aclose()


async def test_time_spent_waiting_does_not_make_a_listing_old() -> None:
    async def one(exchange: Exchange) -> None:
        if exchange.number == 0:
            await exchange.answer(429, Retry_After="30")
        else:
            await exchange.answer(200, msgspec.json.encode([connection(1)]))

    time = FakeTime()
    began_ns = int(time.now * 1e9)
    async with raw_server(one) as server:
        api = make_api(server.url, Recorder(), time.clock())
        [[listing]] = [page async for page in api.list_connections()]
        await api.aclose()
    assert listing.requested_ns >= began_ns + 30 * 10**9


async def test_key_is_asked_for_with_each_request() -> None:
    keys = iter(["sk_first", "sk_second"])

    async def ok(exchange: Exchange) -> None:
        await exchange.answer(200, b"[]")

    async with raw_server(ok) as server:
        api = KernelApi(server.url, lambda: next(keys), Recorder())
        await every_page(api)
        await every_page(api)
        await api.aclose()
        sent = [each.headers["authorization"] for each in server.requests]
    assert sent == ["Bearer sk_first", "Bearer sk_second"]


def test_unsafe_base_url_is_refused_before_any_socket() -> None:
    with pytest.raises(ValueError, match=r"--kernel\.allow-insecure"):
        KernelApi("http://api.onkernel.com", lambda: KEY, Recorder())


async def test_many_requests_that_are_given_up_leave_the_way_free_for_the_next() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.1)
        timeline = exchange.target.partition("?")[0].endswith("/timeline")
        await exchange.answer(200, b"[]" if timeline else msgspec.json.encode(connection(1)))

    async with raw_server(slow) as server:
        api = make_api(server.url, Recorder())

        async def give_up(number: int) -> None:
            with suppress(TimeoutError, ApiError):
                async with asyncio.timeout(0.25):
                    await api.timeline(f"c{number}")

        async with asyncio.timeout(3):
            await asyncio.gather(*(give_up(number) for number in range(600)))
            assert (await api.retrieve("c1")).connection_id == "c1"
        await api.aclose()
