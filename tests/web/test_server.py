"""Sockets: bound, shared with the loop of somebody else, given back."""

import asyncio
import signal
import socket
import time

import httpx
import pytest

from exporter.web import ListenError, WebServer, bind

from .conftest import Stage

_OPTION = "--web.listen-address"


async def test_several_addresses_serve_the_same(stage: Stage) -> None:
    sockets = [bind("127.0.0.1", 0, option=_OPTION), bind("localhost", 0, option=_OPTION)]
    one = stage.server()
    server = WebServer(one._server.config.app, sockets)  # type: ignore[arg-type]
    await server.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        assert len(set(server.urls)) == 2
        for url in server.urls:
            assert (await client.get(f"{url}-/healthy")).text == "healthy\n"
    await server.stop()
    await one.stop()


async def test_an_empty_host_is_every_interface(stage: Stage) -> None:
    with bind("", 0, option=_OPTION) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass


def test_a_taken_port_names_itself_the_option_and_the_mend() -> None:
    with bind("127.0.0.1", 0, option=_OPTION) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as mistake:
            bind("127.0.0.1", port, option=_OPTION)
    said = str(mistake.value)
    assert said.startswith(f"{_OPTION} 127.0.0.1:{port} is already in use: ")
    assert "another address" in said


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("192.0.2.1", "no address of this machine"),
        ("no-such-host.invalid", "no host that can be found"),
    ],
)
def test_a_foreign_or_unknown_host_is_told(host: str, why: str) -> None:
    with pytest.raises(ListenError, match=why):
        bind(host, 0, option=_OPTION)


async def test_signals_stay_with_the_application(stage: Stage) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    server = stage.server()
    await server.start()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    await server.stop()


async def test_it_stops_within_two_seconds_whatever_clients_hold_open(stage: Stage) -> None:
    server = stage.server()
    await server.start()
    port = httpx.URL(server.urls[0]).port
    idle = await asyncio.open_connection("127.0.0.1", port)
    half = await asyncio.open_connection("127.0.0.1", port)
    half[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    stage.follow_waits_for = asyncio.Event()
    stuck = await asyncio.open_connection("127.0.0.1", port)
    stuck[1].write(b"POST /-/follow/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    await stage.follow_asked.wait()
    began = time.monotonic()
    await server.stop()
    assert time.monotonic() - began < 2.5
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)
    for _, writer in (idle, half, stuck):
        writer.close()


async def test_it_can_be_stopped_before_it_has_started(stage: Stage) -> None:
    server = stage.server()
    port = httpx.URL(server.urls[0]).port
    await server.stop()
    with bind("127.0.0.1", port or 0, option=_OPTION) as again:
        assert again.getsockname()[1] == port


async def test_it_can_be_started_twice_in_one_process(stage: Stage) -> None:
    for _ in range(2):
        server = stage.server()
        await server.start()
        async with httpx.AsyncClient(base_url=server.urls[0], trust_env=False) as client:
            assert (await client.get("/-/healthy")).status_code == 200
        await server.stop()
