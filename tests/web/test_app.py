"""The routes, asked over real sockets."""

import asyncio
import gzip
import threading
import time
from typing import cast

import httpx
import pytest

from exporter.web import Condition, FollowResult, Readiness

from .conftest import CONTENT_TYPE, METRICS, Stage

_PAGES = ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/flows", "/static/status.js"]


async def test_metrics_are_rendered_for_what_the_client_accepts(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    accept = "application/openmetrics-text;version=1.0.0"
    answer = await client.get("/metrics", headers={"Accept": accept})
    assert (answer.status_code, answer.content) == (200, METRICS)
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert "Accept" in answer.headers["vary"].split(", ")
    assert stage.accepts == [accept]


async def test_metrics_are_rendered_off_the_event_loop(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    threads: list[threading.Thread] = []

    def metrics() -> bytes:
        threads.append(threading.current_thread())
        return METRICS

    stage.metrics = metrics
    await client.get("/metrics")
    assert threads
    assert threads[0] is not threading.current_thread()


async def test_other_pages_are_served_while_metrics_are_rendered(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    go_on = threading.Event()

    def metrics() -> bytes:
        assert go_on.wait(10)
        return METRICS

    stage.metrics = metrics
    scrape = asyncio.create_task(client.get("/metrics"))
    try:
        assert (await client.get("/-/healthy")).status_code == 200
        assert not scrape.done()
    finally:
        go_on.set()
    assert (await scrape).status_code == 200


async def test_a_long_answer_is_compressed_for_who_accepts_it(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    metrics = METRICS * 1000
    stage.metrics = lambda: metrics
    for encoding, expected in (("gzip", "gzip"), ("identity", None)):
        request = client.build_request("GET", "/metrics", headers={"Accept-Encoding": encoding})
        answer = await client.send(request, stream=True)
        body = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == expected
        assert "Accept-Encoding" in answer.headers["vary"]
        assert (gzip.decompress(body) if expected else body) == metrics


async def test_a_render_that_fails_is_an_error_without_its_reason(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    def metrics() -> bytes:
        raise RuntimeError("hunter2")

    stage.metrics = metrics
    answer = await client.get("/metrics")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert (await client.get("/-/healthy")).status_code == 200


async def test_metrics_can_be_elsewhere_and_the_page_links_there(stage: Stage) -> None:
    stage.telemetry_path = "/telemetry/all"
    server = stage.server()
    await server.start()
    async with httpx.AsyncClient(base_url=server.urls[0], trust_env=False) as client:
        assert (await client.get("/telemetry/all")).content == METRICS
        assert (await client.get("/metrics")).status_code == 404
        assert 'href="telemetry/all"' in (await client.get("/")).text
    await server.stop()


@pytest.mark.parametrize(
    ("source", "sink", "status"),
    [(True, True, 200), (False, True, 503), (True, False, 503), (False, False, 503)],
)
async def test_readiness_tells_source_and_sink_apart_and_why(
    client: httpx.AsyncClient, stage: Stage, *, source: bool, sink: bool, status: int
) -> None:
    stage.readiness = Readiness(
        source=Condition(source, "key refused"), sink=Condition(sink, "one failed")
    )
    answer = await client.get("/-/ready")
    assert answer.status_code == status
    assert answer.json() == {
        "ready": source and sink,
        "source": {"ready": source, "reason": "key refused"},
        "sink": {"ready": sink, "reason": "one failed"},
    }
    assert (await client.get("/-/healthy")).status_code == 200, "alive whether ready or not"


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (FollowResult.ACCEPTED, 202),
        (FollowResult.UNKNOWN_CONNECTION, 404),
        (FollowResult.NO_ROOM, 503),
        (FollowResult.UPSTREAM_UNAVAILABLE, 503),
    ],
)
async def test_follow_answers_what_came_of_it(
    client: httpx.AsyncClient, stage: Stage, result: FollowResult, status: int
) -> None:
    stage.follow_result = result
    answer = await client.post("/-/follow/conn_1")
    assert (answer.status_code, answer.json()["result"]) == (status, result)
    assert stage.followed == ["conn_1"]


async def test_follow_wants_a_post(client: httpx.AsyncClient, stage: Stage) -> None:
    answer = await client.get("/-/follow/conn_1")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert stage.followed == []


@pytest.mark.parametrize("connection_id", ["x" * 201, "a%0Ab", "a%00b"])
async def test_what_cannot_be_a_connection_id_is_not_asked_for(
    client: httpx.AsyncClient, stage: Stage, connection_id: str
) -> None:
    assert (await client.post(f"/-/follow/{connection_id}")).status_code == 404
    assert stage.followed == []


async def test_flows_are_told_as_json(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.run_flows()
    report = (await client.get("/api/v1/flows")).json()
    assert (report["version"], report["now_seconds"]) == ("1.2.3", 1000.0)
    assert report["readiness"]["ready"] is True
    assert [flow["step"] for flow in report["in_progress"]] == ["AWAITING_INPUT", "DISCOVERING"]
    assert [flow["outcome"] for flow in report["ended"]] == ["expired", "failed", "success"]
    assert report["totals"]["started"] == 5


@pytest.mark.parametrize("path", _PAGES)
async def test_head_answers_like_get_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    get, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("path", [*_PAGES, "/nothing", "/-/follow/x", "/static/../app.py"])
async def test_every_answer_carries_the_security_headers_and_no_server_name(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = (await client.get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/nothing", "/static/nothing.js", "/static/%2e%2e/app.py", "/-/"])
async def test_an_unknown_path_is_one_line(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.text) == (
        404,
        "404: no such page: / links to what there is\n",
    )


async def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/")).text
    assert "1.2.3" in page
    assert "$" not in page
    for forbidden in ("http://", "https://", "//", "<style", "style=", "onclick", "onload"):
        assert forbidden not in page.removeprefix("<!doctype html>")
    for asset in ("static/status.js", "static/status.css", "static/icon.svg"):
        assert asset in page
        assert (await client.get(f"/{asset}")).status_code == 200


async def test_a_websocket_is_not_spoken(client: httpx.AsyncClient) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    answer = await client.get(
        "/", headers={**upgrade, "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="}
    )
    assert answer.status_code == 200


async def test_a_snapshot_of_many_flows_is_told_quickly(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    from exporter.core import observations as obs  # noqa: PLC0415

    for number in range(20_000):
        ref = obs.FlowRef(f"conn_{number}", "bank.example", "work", "LOGIN", number, number)
        stage.live.observe(obs.FlowStarted(ref, obs.Entry.DISCOVERING))
    before = time.process_time()
    report = cast(dict[str, dict[str, int]], (await client.get("/api/v1/flows")).json())
    assert report["totals"]["in_progress"] == 20_000
    assert time.process_time() - before < 1.0
