"""The log of what the API was asked for."""

from typing import Any

import httpx
import pytest

from exporter.simulator import requests
from exporter.simulator.requests import RequestLog, endpoint_of


@pytest.mark.parametrize(
    ("method", "path", "endpoint"),
    [
        ("GET", "/auth/connections", "list"),
        ("GET", "/auth/connections/conn_1", "retrieve"),
        ("GET", "/auth/connections/conn_1/events", "events"),
        ("GET", "/auth/connections/conn_1/timeline", "timeline"),
        ("GET", "/auth/connections/conn_1/else", "other"),
        ("GET", "/auth/connections/conn_1/events/1", "other"),
        ("GET", "/auth", "other"),
        ("POST", "/auth/connections", "other"),
        ("DELETE", "/auth/connections/conn_1", "other"),
        ("POST", "/auth/connections/conn_1/login", "other"),
    ],
)
def test_a_call_has_its_endpoint_s_name(method: str, path: str, endpoint: str) -> None:
    assert endpoint_of(method, path) == endpoint


def test_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "KEPT", 10)
    times = iter(range(100))
    log = RequestLog(lambda: float(next(times)))
    for _ in range(25):
        log.arrived("GET", "/auth/connections")
    assert [each.at_seconds for each in log.entries] == [float(each) for each in range(15, 25)]


async def test_every_request_is_written_down_with_its_answer_refused_ones_too(
    serve: Any, follow: Any
) -> None:
    async with serve(connections=1, rate_limit_per_minute=4) as (simulator, client):
        (connection,) = simulator.world.connections.values()
        wish = {"connection_id": connection.id, "scenario": "password_login"}
        await client.post("/_simulator/start", json=wish)
        url = f"/auth/connections/{connection.id}"
        await follow(client, connection.id)
        for path in ("/auth/connections", f"{url}/timeline", f"{url}/nonsense", url):
            await client.get(path)
        async with httpx.AsyncClient(base_url=simulator.base_url) as stranger:
            await stranger.get(url)
            served = (await stranger.get("/_simulator/requests")).json()
        assert [(each["endpoint"], each["status"]) for each in served] == [
            ("events", 200),
            ("list", 200),
            ("timeline", 200),
            ("other", 404),
            ("retrieve", 429),
            ("retrieve", 401),
        ]
        assert [each["at_seconds"] for each in served] == [
            each.at_seconds for each in simulator.requests
        ]
        assert sorted(each["at_seconds"] for each in served) == [
            each["at_seconds"] for each in served
        ]
