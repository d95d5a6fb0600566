"""The door: no call of the API without the key, none over the limit."""

from typing import Any

import httpx
import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator


@pytest.mark.parametrize("key", [None, "Bearer wrong", "Bearer", "Basic simulator-key", "\xfc"])
async def test_without_the_key_every_call_is_401(serve: Any, key: str | None) -> None:
    async with serve() as (simulator, _):
        headers = [] if key is None else [(b"Authorization", key.encode("latin-1"))]
        async with httpx.AsyncClient(base_url=simulator.base_url) as stranger:
            for path in ("/auth/connections", "/auth/connections/x/events", "/nonsense"):
                answer = await stranger.get(path, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_over_the_limit_is_429_with_when_to_come_back(serve: Any) -> None:
    async with serve(rate_limit_per_minute=3) as (_, client):
        remaining = []
        for _attempt in range(3):
            answer = await client.get("/auth/connections")
            assert answer.status_code == 200
            assert answer.headers["X-RateLimit-Limit"] == "3"
            remaining.append(answer.headers["X-RateLimit-Remaining"])
        assert remaining == ["2", "1", "0"]
        refused = await client.get("/auth/connections")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limit_exceeded")
        assert 1 <= int(refused.headers["Retry-After"]) <= 20
        assert refused.headers["X-RateLimit-Remaining"] == "0"


async def test_without_a_limit_there_are_no_limit_headers(serve: Any) -> None:
    async with serve(rate_limit_per_minute=None) as (_, client):
        assert "X-RateLimit-Limit" not in (await client.get("/auth/connections")).headers


async def test_the_simulator_s_own_paths_need_no_key_and_cost_nothing(serve: Any) -> None:
    async with serve(rate_limit_per_minute=1) as (simulator, client):
        async with httpx.AsyncClient(base_url=simulator.base_url) as stranger:
            for _ in range(3):
                assert (await stranger.get("/_simulator/ledger")).status_code == 200
        assert (await client.get("/auth/connections")).status_code == 200


async def test_a_minute_of_the_limit_is_a_minute_of_the_clock_that_was_given() -> None:
    config = SimulatorConfig(connections=0, flows_per_minute=0, rate_limit_per_minute=2)
    moments = [0.0, 0.0, 1.0, 29.0, 31.0, 32.0, 92.0]
    present = [0.0]
    simulator = Simulator(config, monotonic=lambda: present[0])
    headers = {"Authorization": f"Bearer {config.api_key}"}
    async with simulator, httpx.AsyncClient(base_url=simulator.base_url, headers=headers) as client:
        told = []
        for present[0] in moments:
            answer = await client.get("/auth/connections")
            told.append(answer.status_code)
    assert told == [200, 200, 429, 429, 200, 429, 200]
    assert [each.at_seconds for each in simulator.requests] == moments
