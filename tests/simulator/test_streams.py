"""Event streams: snapshots, ids, heartbeats, who sees what, and how they end."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from httpx_sse import aconnect_sse


async def _connection(client: Any) -> str:
    body = {"domain": "plain.example", "profile_name": "jane"}
    return str((await client.post("/auth/connections", json=body)).json()["id"])


async def _start(client: Any, connection_id: str, scenario: str = "password_login") -> None:
    wish = {"connection_id": connection_id, "scenario": scenario}
    assert (await client.post("/_simulator/start", json=wish)).status_code == 201


async def test_every_subscriber_sees_every_state_in_the_same_order(serve: Any, follow: Any) -> None:
    async with serve() as (simulator, client):
        connection_id = await _connection(client)
        doors = [asyncio.Event() for _ in range(8)]
        streams = [asyncio.create_task(follow(client, connection_id, joined)) for joined in doors]
        await asyncio.gather(*(door.wait() for door in doors))
        await _start(client, connection_id, "wrong_password_then_right")
        seen = await asyncio.gather(*streams)
        assert all(each == seen[0] for each in seen)
        (record,) = simulator.ledger.flows
        steps = list(dict.fromkeys(each["timestamp"] for each in seen[0]))
        assert len(steps) >= len(record.steps) + 1
        assert simulator.world.connections[connection_id].hub.streams == 0


async def test_a_stream_of_a_connection_without_a_flow_is_held_open_with_heartbeats(
    serve: Any,
) -> None:
    async with serve(heartbeat_seconds=0.02) as (_, client):
        url = f"/auth/connections/{await _connection(client)}/events"
        async with aconnect_sse(client, "GET", url) as source:
            assert source.response.headers["content-type"].startswith("text/event-stream")
            messages = source.aiter_sse()
            for _ in range(3):
                message = await anext(messages)
                assert message.event == json.loads(message.data)["event"] == "sse_heartbeat"
                assert json.loads(message.data)["timestamp"].endswith("Z")


async def test_a_stream_of_an_ended_flow_is_its_terminal_state_and_the_end(
    serve: Any, follow: Any
) -> None:
    async with serve() as (simulator, client):
        connection_id = await _connection(client)
        await _start(client, connection_id)
        await simulator.finished()
        (first,), (second,) = [await follow(client, connection_id) for _ in range(2)]
        assert first == second
        assert first["flow_status"] == "SUCCESS"


@pytest.mark.parametrize("restamp", [False, True])
async def test_a_snapshot_repeats_the_state_with_its_old_or_a_new_time(
    serve: Any, follow: Any, *, restamp: bool
) -> None:
    async with serve(restamp_snapshots=restamp) as (simulator, client):
        connection_id = await _connection(client)
        joined = asyncio.Event()
        live = asyncio.create_task(follow(client, connection_id, joined))
        await joined.wait()
        await _start(client, connection_id)
        await simulator.finished()
        last = (await live)[-1]
        (snapshot,) = await follow(client, connection_id)
        assert {**snapshot, "timestamp": ""} == {**last, "timestamp": ""}
        assert (snapshot["timestamp"] > last["timestamp"]) is restamp
        assert snapshot["timestamp"] >= last["timestamp"]


async def test_a_stream_joined_in_the_middle_begins_with_the_present_state(
    serve: Any, follow: Any, until: Any
) -> None:
    async with serve() as (_, client):
        connection_id = await _connection(client)
        await client.post(f"/auth/connections/{connection_id}/login")
        url = f"/auth/connections/{connection_id}"

        async def asked() -> bool:
            shown = (await client.get(url)).json()
            return bool(shown["flow_step"] == "AWAITING_INPUT")

        await until(asked)
        joined = asyncio.Event()
        following = asyncio.create_task(follow(client, connection_id, joined))
        await joined.wait()
        values = {"email": "j@x.example", "password": "correct-horse"}
        await client.post(f"{url}/submit", json={"fields": values})
        steps = [each["flow_step"] for each in await following]
        assert steps == ["AWAITING_INPUT", "SUBMITTING", "COMPLETED"]


async def test_without_event_ids_no_message_has_an_id(serve: Any, follow: Any) -> None:
    async with serve() as (simulator, client):
        connection_id = await _connection(client)
        await _start(client, connection_id)
        await simulator.finished()
        messages = await follow(client, connection_id, headers={"Last-Event-ID": "1"})
        assert [each["id"] for each in messages] == [""]


async def test_last_event_id_brings_exactly_what_was_missed(serve: Any, follow: Any) -> None:
    async with serve(event_ids=True) as (simulator, client):
        connection_id = await _connection(client)
        joined = asyncio.Event()
        live = asyncio.create_task(follow(client, connection_id, joined))
        await joined.wait()
        await _start(client, connection_id, "sms_two_factor")
        await simulator.finished()
        whole = await live
        assert [int(each["id"]) for each in whole] == list(range(1, len(whole) + 1))
        for index, message in enumerate(whole[:-1]):
            headers = {"Last-Event-ID": message["id"]}
            assert await follow(client, connection_id, headers=headers) == whole[index + 1 :]
        for unknown in ("999", "x", whole[-1]["id"]):
            headers = {"Last-Event-ID": unknown}
            assert await follow(client, connection_id, headers=headers) == whole[-1:]


async def test_after_a_cut_last_event_id_loses_nothing(serve: Any) -> None:
    async with serve(event_ids=True) as (simulator, client):
        connection_id = await _connection(client)
        url, got = f"/auth/connections/{connection_id}/events", list[Any]()
        headers: dict[str, str] = {}
        cuts = 0
        while not got or got[-1]["flow_status"] != "SUCCESS":
            try:
                async with aconnect_sse(client, "GET", url, headers=dict(headers)) as source:
                    if not simulator.ledger.flows:
                        await _start(client, connection_id, "cut_mid_event")
                    async for message in source.aiter_sse():
                        headers["Last-Event-ID"] = message.id
                        got.append({"id": int(message.id), **json.loads(message.data)})
            except httpx.RemoteProtocolError:
                cuts += 1
        assert cuts == 1
        assert [each["id"] for each in got] == list(range(1, len(got) + 1))


async def test_a_client_that_goes_away_leaves_nothing_behind(
    serve: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as (simulator, client):
        connection_id = await _connection(client)
        hub = simulator.world.connections[connection_id].hub
        async with client.stream("GET", f"/auth/connections/{connection_id}/events"):
            assert hub.streams == 1
        await until(lambda: not hub.streams)
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def test_cutting_a_stream_logs_no_error(
    serve: Any, follow: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as (simulator, client):
        connection_id = await _connection(client)
        joined = asyncio.Event()
        following = asyncio.create_task(follow(client, connection_id, joined))
        await joined.wait()
        await _start(client, connection_id, "cut_stream")
        with pytest.raises(httpx.RemoteProtocolError):
            await following
        await simulator.finished()
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def test_a_flow_with_patience_is_seen_from_its_first_step_on(serve: Any, follow: Any) -> None:
    async with serve(time_scale=10_000.0, patience_seconds=30.0) as (simulator, client):
        connection_id = await _connection(client)
        await _start(client, connection_id)
        seen = await follow(client, connection_id)
        await _start(client, connection_id)
        again = await follow(client, connection_id)
        for flow, steps in zip(simulator.ledger.flows, (seen, again), strict=True):
            assert {each["flow_step"] for each in steps} >= {step.step for step in flow.steps}


async def test_a_flows_patience_ends(serve: Any) -> None:
    async with serve(time_scale=10_000.0, patience_seconds=0.05) as (simulator, client):
        await _start(client, await _connection(client))
        await simulator.finished()
        (record,) = simulator.ledger.flows
        assert (record.steps[0].left_ns or 0) - record.steps[0].entered_ns >= 40_000_000
