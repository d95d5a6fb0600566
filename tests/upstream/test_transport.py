"""The pool-free transport over real sockets."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterable
from typing import cast

import httpx
import pytest

from exporter.upstream.transport import StreamTransport, proxy_for
from tests.upstream.raw_server import Exchange, raw_server

TIMEOUT = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": None}


async def respond(transport: StreamTransport, url: str, **timeout: float) -> httpx.Response:
    request = httpx.Request("GET", url, extensions={"timeout": TIMEOUT | timeout})
    return await transport.handle_async_request(request)


async def body(response: httpx.Response) -> bytes:
    chunks = cast("AsyncIterable[bytes]", response.stream)
    return b"".join([chunk async for chunk in chunks])


async def hello(exchange: Exchange) -> None:
    await exchange.answer(200, b"hello")


async def hold(exchange: Exchange) -> None:
    await exchange.open_stream()
    await exchange.send(b": open\n\n")
    await exchange.gone()


async def test_each_request_has_a_connection_that_closes_with_its_response() -> None:
    async with raw_server(hold) as server:
        transport = StreamTransport()
        responses = [await respond(transport, server.url) for _ in range(3)]
        assert server.open_connections == 3
        for response in responses:
            await response.aclose()
        async with asyncio.timeout(5):
            for exchange in server.requests:
                await exchange.gone()


async def test_status_headers_and_body_arrive() -> None:
    async with raw_server(hello) as server:
        response = await respond(StreamTransport(), f"{server.url}/a/b%2Fc?d=e")
        assert (response.status_code, response.headers["content-length"]) == (200, "5")
        assert await body(response) == b"hello"
        assert server.requests[0].target == "/a/b%2Fc?d=e"
        await response.aclose()


async def test_connection_refused_is_a_connect_error() -> None:
    async with raw_server(hello) as server:
        url = server.url
    with pytest.raises(httpx.ConnectError):
        await respond(StreamTransport(), url)


async def test_read_timeout_of_the_request_is_honoured() -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.gone()

    async with raw_server(silent) as server:
        with pytest.raises(httpx.ReadTimeout):
            await respond(StreamTransport(), server.url, read=0.05)
        async with asyncio.timeout(5):
            await server.requests[0].gone()


async def test_peer_that_speaks_no_http_is_a_protocol_error() -> None:
    async def nonsense(exchange: Exchange) -> None:
        await exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async with raw_server(nonsense) as server:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await respond(StreamTransport(), server.url)
    assert "SSH" not in str(caught.value)


async def test_connection_closed_before_an_answer_is_a_read_error() -> None:
    async def leave(exchange: Exchange) -> None:
        assert exchange.number == 0

    async with raw_server(leave) as server:
        with pytest.raises(httpx.ReadError):
            await respond(StreamTransport(), server.url)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


async def test_body_cut_short_is_a_read_error() -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.send(CHUNKED)

    async with raw_server(cut) as server:
        response = await respond(StreamTransport(), server.url)
        with pytest.raises(httpx.ReadError):
            await body(response)
        await response.aclose()


async def test_reset_in_the_body_is_a_read_error() -> None:
    async def reset(exchange: Exchange) -> None:
        await exchange.send(CHUNKED)
        exchange.reset()

    async with raw_server(reset) as server:
        response = await respond(StreamTransport(), server.url)
        with pytest.raises(httpx.ReadError):
            await body(response)
        await response.aclose()


async def test_body_that_breaks_the_chunked_coding_is_a_protocol_error() -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.send(CHUNKED, b"zzz\r\n")

    async with raw_server(broken) as server:
        response = await respond(StreamTransport(), server.url)
        with pytest.raises(httpx.RemoteProtocolError):
            await body(response)
        await response.aclose()


async def test_closed_response_cannot_be_read() -> None:
    async with raw_server(hello) as server:
        response = await respond(StreamTransport(), server.url)
        await response.aclose()
        with pytest.raises(httpx.StreamClosed):
            await body(response)


async def test_cancelled_request_closes_its_connection() -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.gone()

    async with raw_server(silent) as server:
        task = asyncio.create_task(respond(StreamTransport(), server.url))
        while not server.requests:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(5):
            await server.requests[0].gone()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_request_goes_through_the_proxy_that_is_given() -> None:
    async with raw_server(hello) as proxy:
        transport = StreamTransport(proxy=httpx.Proxy(proxy.url))
        response = await respond(transport, "http://upstream.invalid/x")
        assert await body(response) == b"hello"
        assert proxy.requests[0].target == "http://upstream.invalid/x"
        await response.aclose()


async def test_connection_through_a_proxy_closes_with_its_response() -> None:
    async with raw_server(hold) as proxy:
        transport = StreamTransport(proxy=httpx.Proxy(proxy.url))
        response = await respond(transport, "http://upstream.invalid/x")
        await response.aclose()
        async with asyncio.timeout(5):
            await proxy.requests[0].gone()


async def test_proxy_that_cuts_the_body_is_a_read_error() -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.send(CHUNKED)

    async with raw_server(cut) as proxy:
        transport = StreamTransport(proxy=httpx.Proxy(proxy.url))
        response = await respond(transport, "http://upstream.invalid/x")
        with pytest.raises(httpx.ReadError):
            await body(response)
        await response.aclose()


async def test_proxy_that_is_not_there_is_a_connect_error() -> None:
    async with raw_server(hello) as proxy:
        url = proxy.url
    with pytest.raises(httpx.ConnectError):
        await respond(StreamTransport(proxy=httpx.Proxy(url)), "http://upstream.invalid/x")


async def test_proxy_that_leaves_without_an_answer_is_a_read_error() -> None:
    async def leave(exchange: Exchange) -> None:
        assert exchange.number == 0

    async with raw_server(leave) as proxy:
        transport = StreamTransport(proxy=httpx.Proxy(proxy.url))
        with pytest.raises(httpx.ReadError):
            await respond(transport, "http://upstream.invalid/x")


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"all_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"http_proxy": "http://proxy:3128"}, None),
        ({"https_proxy": "http://proxy:3128", "no_proxy": "onkernel.com"}, None),
    ],
)
def test_proxy_is_the_one_that_the_environment_names(
    no_proxies: pytest.MonkeyPatch, environment: dict[str, str], wanted: str | None
) -> None:
    for name, value in environment.items():
        no_proxies.setenv(name, value)
    proxy = proxy_for(httpx.URL("https://api.onkernel.com"))
    assert (proxy and str(proxy.url)) == wanted


@pytest.mark.parametrize("address", ["socks5://user:secret@proxy:1080", "http://", "ftp://proxy"])
def test_unusable_proxy_is_named_by_its_variable_and_not_by_its_password(
    no_proxies: pytest.MonkeyPatch, address: str
) -> None:
    no_proxies.setenv("https_proxy", address)
    with pytest.raises(ValueError, match="HTTPS_PROXY") as caught:
        proxy_for(httpx.URL("https://api.onkernel.com"))
    assert "secret" not in str(caught.value)


async def test_finished_streams_leave_next_to_nothing_to_the_cycle_collector() -> None:
    async with raw_server(hold) as server:
        transport = StreamTransport()

        async def one() -> None:
            response = await respond(transport, server.url)
            chunks = aiter(cast("AsyncIterable[bytes]", response.stream))
            assert await anext(chunks) == b": open\n\n"
            await response.aclose()

        await one()
        gc.collect()
        gc.disable()
        try:
            before = len([each for each in gc.get_objects() if isinstance(each, httpx.Response)])
            for _ in range(5):
                await one()
            after = len([each for each in gc.get_objects() if isinstance(each, httpx.Response)])
        finally:
            gc.enable()
        assert after <= before


async def calls_for_one_more(transport: httpx.AsyncBaseTransport, already_open: int) -> float:
    """How many function calls it takes to open and close a stream beside others."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    async with raw_server(hold) as server:

        async def opened() -> httpx.Response:
            request = httpx.Request("GET", server.url, extensions={"timeout": TIMEOUT})
            return await transport.handle_async_request(request)

        held = [await opened() for _ in range(already_open)]
        sys.setprofile(count)
        for _ in range(5):
            await (await opened()).aclose()
        sys.setprofile(None)
        for response in held:
            await response.aclose()
    return calls / 5


async def test_cost_of_a_stream_does_not_grow_with_their_number() -> None:
    """Counted in calls, so that a busy machine changes nothing; a pool shows what it would be."""
    alone = await calls_for_one_more(StreamTransport(), 5)
    assert await calls_for_one_more(StreamTransport(), 200) < 1.2 * alone
    pool = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=None))
    assert await calls_for_one_more(pool, 200) > 2 * alone
