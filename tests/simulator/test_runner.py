"""Starting, stopping and announcing: a simulator is a guest in somebody else's event loop."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator


async def test_it_stops_within_two_seconds_with_open_streams(serve: Any, follow: Any) -> None:
    async with serve(time_scale=1.0) as (simulator, client):
        following = []
        for name in ("idle", "running"):
            body = {"domain": f"{name}.example", "profile_name": "p"}
            created = (await client.post("/auth/connections", json=body)).json()
            joined = asyncio.Event()
            following.append(asyncio.create_task(follow(client, created["id"], joined)))
            await joined.wait()
        wish = {"connection_id": created["id"], "scenario": "password_login"}
        await client.post("/_simulator/start", json=wish)
        before = time.monotonic()
        await simulator.stop()
        assert time.monotonic() - before < 2
        idle, running = await asyncio.gather(*following)
        assert idle == []
        assert [each["flow_status"] for each in running] == ["IN_PROGRESS"]
        with pytest.raises(httpx.ConnectError):
            await client.get("/auth/connections")


async def test_signals_are_left_to_the_program_around_it() -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    async with Simulator(SimulatorConfig(flows_per_minute=0)):
        await asyncio.sleep(0)
        during = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    assert during == before


async def test_a_port_in_use_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        simulator = Simulator(SimulatorConfig(), port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await simulator.start()
    await simulator.stop()


def test_before_it_is_started_there_is_no_base_url() -> None:
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = Simulator(SimulatorConfig()).base_url


async def test_no_flow_leaves_a_task_behind(serve: Any) -> None:
    before = asyncio.all_tasks()
    async with serve(connections=20, flows_per_minute=60_000, max_flows=10) as (simulator, _):
        await simulator.finished()
    assert asyncio.all_tasks() == before


@pytest.fixture
async def listener() -> AsyncIterator[tuple[int, list[str]]]:
    """A port that answers every request, and the request lines that it got."""
    lines: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0].decode())
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], lines


async def test_each_flow_that_begins_by_itself_is_announced_once(
    serve: Any, until: Any, listener: tuple[int, list[str]]
) -> None:
    port, lines = listener
    url = f"http://127.0.0.1:{port}/-/follow/{{id}}"
    knobs = {"connections": 30, "flows_per_minute": 60_000, "max_flows": 12, "notify_url": url}
    async with serve(**knobs, scenarios={"password_login": 1}) as (simulator, client):
        await simulator.finished()
        await until(lambda: len(lines) >= 12)
        body = {"domain": "plain.example", "profile_name": "p"}
        created = (await client.post("/auth/connections", json=body)).json()
        await client.post(f"/auth/connections/{created['id']}/login")
        flows = [each for each in simulator.ledger.flows if each.outcome]
    expected = [f"POST /-/follow/{record.connection_id} HTTP/1.1" for record in flows]
    assert sorted(lines) == sorted(expected)


async def test_nobody_listening_to_announcements_harms_nothing(serve: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/{{id}}"
    knobs = {"connections": 5, "flows_per_minute": 60_000, "max_flows": 3, "notify_url": url}
    async with serve(**knobs) as (simulator, _):
        await simulator.finished()
        assert len(simulator.ledger.ended()) >= 3
