"""Real servers on loopback, and a plain subscriber made of httpx and httpx-sse alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from httpx_sse import aconnect_sse

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator

Serve = Callable[..., Any]
Follow = Callable[..., Any]
Until = Callable[..., Any]

QUIET: dict[str, Any] = {
    "connections": 0,
    "flows_per_minute": 0,
    "health_checks_per_minute": 0,
    "time_scale": 400.0,
}


def client_of(simulator: Simulator) -> httpx.AsyncClient:
    """A client with the simulator's key."""
    headers = {"Authorization": f"Bearer {simulator.config.api_key}"}
    return httpx.AsyncClient(base_url=simulator.base_url, headers=headers, timeout=10)


@pytest.fixture
def serve() -> Serve:
    """``async with serve(**knobs) as (simulator, client)``; nothing begins by itself."""

    @asynccontextmanager
    async def serving(**knobs: Any) -> AsyncIterator[tuple[Simulator, httpx.AsyncClient]]:
        config = SimulatorConfig(**{**QUIET, **knobs})
        async with Simulator(config) as simulator, client_of(simulator) as client:
            yield simulator, client

    return serving


@pytest.fixture
def follow() -> Follow:
    """``await follow(client, connection_id, joined)``: the messages of one stream to its end."""

    async def following(
        client: httpx.AsyncClient,
        connection_id: str,
        joined: asyncio.Event | None = None,
        headers: dict[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        url = f"/auth/connections/{connection_id}/events"
        messages = []
        async with aconnect_sse(client, "GET", url, headers=headers or {}) as source:
            source.response.raise_for_status()
            if joined is not None:
                joined.set()
            async for message in source.aiter_sse():
                data = json.loads(message.data)
                assert message.event == data["event"]
                messages.append({**data, "id": message.id})
        return messages

    return following


@pytest.fixture
def until() -> Until:
    """``await until(check)`` returns when the check (plain or async) holds, for 5 s at most."""

    async def waiting(check: Callable[[], Any]) -> None:
        for _ in range(500):
            result = check()
            if await result if asyncio.iscoroutine(result) else result:
                return
            await asyncio.sleep(0.01)
        pytest.fail("it never came true")

    return waiting
