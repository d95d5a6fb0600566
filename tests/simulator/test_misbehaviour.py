"""Each misbehaving scenario breaks what its name says, and ends with an outcome all the same."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.ledger import FlowRecord
from exporter.simulator.misbehaviour import MALFORMED_MESSAGES, MISBEHAVIOUR
from exporter.simulator.runner import Simulator

ILLEGAL = [name for name in MISBEHAVIOUR if name.startswith("illegal_")]
Raw = tuple[bytes, bool]
Seen = dict[str, tuple[FlowRecord, list[Raw]]]


async def _read(client: httpx.AsyncClient, url: str) -> AsyncIterator[Raw]:
    """(bytes, whether it ended properly) of one stream."""
    body = b""
    try:
        async with client.stream("GET", url) as response:
            assert response.status_code == 200
            yield b"", True
            async for chunk in response.aiter_bytes():
                body += chunk
    except httpx.RemoteProtocolError:
        yield body, False
    else:
        yield body, True


async def _watch(client: httpx.AsyncClient, name: str) -> tuple[str, list[Raw]]:
    """Follows one flow over as many streams as it takes, the first opened before it starts."""
    body = {"domain": f"{name.replace('_', '-')}.test", "profile_name": "p"}
    connection_id = (await client.post("/auth/connections", json=body)).json()["id"]
    url = f"/auth/connections/{connection_id}/events"
    streams: list[Raw] = []
    while not streams or not streams[-1][1]:
        reading = _read(client, url)
        await anext(reading)
        if not streams:
            start = {"connection_id": connection_id, "scenario": name}
            assert (await client.post("/_simulator/start", json=start)).status_code == 201
        streams.append(await anext(reading))
    return connection_id, streams


async def _run_all() -> Seen:
    config = SimulatorConfig(
        connections=0, flows_per_minute=0, time_scale=300.0, heartbeat_seconds=0.05
    )
    headers = {"Authorization": f"Bearer {config.api_key}"}
    async with (
        Simulator(config) as simulator,
        httpx.AsyncClient(base_url=simulator.base_url, headers=headers, timeout=10) as client,
    ):
        watched = await asyncio.gather(*(_watch(client, name) for name in MISBEHAVIOUR))
        await simulator.finished()
        records = {record.connection_id: record for record in simulator.ledger.flows}
        return {
            name: (records[connection_id], streams)
            for name, (connection_id, streams) in zip(MISBEHAVIOUR, watched, strict=True)
        }


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Each scenario run once: its ledger record and the bytes of its streams."""
    return asyncio.run(_run_all())


def _messages(streams: list[Raw]) -> list[dict[str, Any]]:
    """The messages that are whole and JSON objects."""
    messages = []
    for body, _ in streams:
        for block in body.split(b"\n\n")[:-1]:
            data = block.partition(b"data: ")[2]
            try:
                message = json.loads(data)
            except ValueError:
                continue
            if isinstance(message, dict):
                messages.append(message)
    return messages


def _states(streams: list[Raw]) -> list[dict[str, Any]]:
    return [each for each in _messages(streams) if each["event"] == "managed_auth_state"]


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_a_misbehaving_flow_is_complete_otherwise(seen: Seen, name: str) -> None:
    record, streams = seen[name]
    assert record.outcome == "success"
    assert streams[-1][1]
    final = [each for each in _states(streams) if each["flow_status"] == "SUCCESS"]
    assert final[0]["flow_step"] == "COMPLETED"


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_the_ledger_expects_the_reason_that_the_name_says(seen: Seen, name: str) -> None:
    expected = [name.removeprefix("illegal_")] if name in ILLEGAL else []
    assert seen[name][0].illegal == expected


def test_skipped_step_leaves_input_for_discovery(seen: Seen) -> None:
    steps = [visit.step for visit in seen["illegal_skipped_step"][0].steps]
    assert ("AWAITING_INPUT", "DISCOVERING") in itertools.pairwise(steps)


def test_after_terminal_sends_another_terminal_on_the_same_stream(seen: Seen) -> None:
    (stream,) = seen["illegal_after_terminal"][1]
    assert [each["flow_status"] for each in _states([stream])][-2:] == ["SUCCESS", "CANCELED"]


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("illegal_status_step_mismatch", "flow_step", "COMPLETED"),
        ("illegal_flow_type_changed", "flow_type", "REAUTH"),
        ("illegal_unknown_status", "flow_status", "PAUSED"),
        ("illegal_unknown_step", "flow_step", "SOLVING_CAPTCHA"),
        ("illegal_unknown_flow_type", "flow_type", "IMPORT"),
    ],
)
def test_one_event_while_in_progress_is_forged(
    seen: Seen, name: str, member: str, value: str
) -> None:
    states = [each for each in _states(seen[name][1]) if each["flow_status"] != "SUCCESS"]
    forged = [index for index, each in enumerate(states) if each[member] == value]
    assert len(forged) == 1
    before = {**states[forged[0] - 1], member: value, "timestamp": ""}
    assert {**states[forged[0]], "timestamp": ""} == before


def test_timestamp_regression_sends_one_older_event(seen: Seen) -> None:
    times = [each["timestamp"] for each in _states(seen["illegal_timestamp_regression"][1])]
    falls = [later for earlier, later in itertools.pairwise(times) if later < earlier]
    assert len(falls) == 1


def test_missing_pause_details_asks_for_an_action_without_saying_which(seen: Seen) -> None:
    states = _states(seen["illegal_missing_pause_details"][1])
    waiting = [each for each in states if each["flow_step"] == "AWAITING_EXTERNAL_ACTION"]
    assert len(waiting) == 1
    assert "external_action_message" not in waiting[0]


@pytest.mark.parametrize("name", ["cut_stream", "cut_mid_event"])
def test_a_cut_stream_breaks_and_a_new_one_tells_the_end(seen: Seen, name: str) -> None:
    streams = seen[name][1]
    assert [ended for _, ended in streams] == [False, True]
    assert streams[0][0].endswith(b"\n\n") is (name == "cut_stream")


def test_malformed_messages_arrive_between_good_ones(seen: Seen) -> None:
    ((body, _),) = seen["malformed"][1]
    assert b"".join(MALFORMED_MESSAGES) in body
    assert not body.startswith(MALFORMED_MESSAGES[0])
    for message in MALFORMED_MESSAGES:
        data = message.partition(b"data: ")[2].decode(errors="replace")
        try:
            decoded = json.loads(data)
        except ValueError:
            continue
        assert not (isinstance(decoded, dict) and isinstance(decoded.get("flow_step"), str))


def test_an_oversized_message_is_longer_than_a_mebibyte(seen: Seen) -> None:
    ((body, _),) = seen["oversized"][1]
    assert max(len(block) for block in body.split(b"\n\n")) > 1024 * 1024


def test_unknown_event_and_error_event_are_each_sent_once(seen: Seen) -> None:
    for name, event in (("unknown_event", "managed_auth_recording"), ("error_event", "error")):
        assert [each["event"] for each in _messages(seen[name][1])].count(event) == 1
    error = next(e for e in _messages(seen["error_event"][1]) if e["event"] == "error")
    assert error["error"].keys() == {"code", "message"}


def test_unknown_members_are_on_every_event(seen: Seen) -> None:
    states = _states(seen["unknown_members"][1])
    assert all(each["schema_version"] == "2099-01-01" for each in states)
    assert all(isinstance(each["risk"], dict) for each in states)


def test_a_silent_stream_has_no_heartbeat_in_its_long_discovery(seen: Seen) -> None:
    events = [each["event"] for each in _messages(seen["silent"][1])]
    second_state = events.index("managed_auth_state", events.index("managed_auth_state") + 1)
    silence = seen["silent"][0].steps[0]
    assert silence.left_ns is not None
    assert silence.left_ns - silence.entered_ns > 6 * 0.05e9
    # Half of the silence is over before it begins: heartbeats are due in the first half only.
    assert events[:second_state].count("sse_heartbeat") <= 5


async def test_a_slow_stream_drips_in_small_pieces() -> None:
    config = SimulatorConfig(connections=1, flows_per_minute=0, time_scale=300.0)
    headers = {"Authorization": f"Bearer {config.api_key}"}
    async with (
        Simulator(config) as simulator,
        httpx.AsyncClient(base_url=simulator.base_url, headers=headers, timeout=10) as client,
    ):
        start = await client.post("/_simulator/start", json={"scenario": "slow_stream"})
        url = f"/auth/connections/{start.json()['connection_id']}/events"
        pieces = []
        async with client.stream("GET", url) as response:
            async for piece in response.aiter_raw():
                pieces.append(len(piece))  # noqa: PERF401 - each piece as it comes
    assert sum(size <= 64 for size in pieces) > 30


async def test_flaky_connect_refuses_twice_and_then_serves() -> None:
    config = SimulatorConfig(connections=1, flows_per_minute=0, time_scale=20.0)
    headers = {"Authorization": f"Bearer {config.api_key}"}
    async with (
        Simulator(config) as simulator,
        httpx.AsyncClient(base_url=simulator.base_url, headers=headers, timeout=10) as client,
    ):
        start = await client.post("/_simulator/start", json={"scenario": "flaky_connect"})
        url = f"/auth/connections/{start.json()['connection_id']}/events"
        refusals = [await client.get(url) for _ in range(2)]
        assert [each.status_code for each in refusals] == [503, 429]
        assert refusals[1].headers["Retry-After"] == "1"
        async with client.stream("GET", url) as response:
            assert response.status_code == 200
