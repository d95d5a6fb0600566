"""Whatever begins, ends and is superseded: ledger, timeline, listing and stream always agree."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.simulator.clock import rfc3339
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.connection import Connection
from exporter.simulator.ledger import FlowRecord
from exporter.simulator.scenarios import QUICK_SCENARIOS, SCENARIOS
from exporter.simulator.timeline import TimelineEntry
from exporter.simulator.world import FlowRunningError, World
from tests.simulator.virtual_time import VirtualTime

MILLISECOND_NS: Final = 1_000_000
FOR_EVER_SECONDS: Final = 1e9
STATUS: Final = {
    None: "IN_PROGRESS",
    "success": "SUCCESS",
    "failed": "FAILED",
    "expired": "EXPIRED",
    "canceled": "CANCELED",
    "superseded": "EXPIRED",
}


@dataclass(frozen=True)
class Start:
    """A scenario begins by itself; ``back_to_back``: in the instant in which the last one ends."""

    scenario: str
    flow_type: str | None
    back_to_back: bool


@dataclass(frozen=True)
class Login:
    """A client logs in and never answers, so that its flow can be superseded after 20 minutes."""


@dataclass(frozen=True)
class Check:
    """A scheduled health check."""


@dataclass(frozen=True)
class Pass:
    """Time passes."""

    seconds: float


@dataclass(frozen=True)
class SetBack:
    """The server's clock is set back."""

    seconds: float


Deed = Start | Login | Check | Pass | SetBack
SUPERSEDED: Final = "superseded"  # its own person logs in again by the clock, which is set back
STARTS = st.builds(
    Start,
    st.sampled_from([name for name in (*SCENARIOS, *QUICK_SCENARIOS) if name != SUPERSEDED]),
    st.sampled_from([None, "LOGIN", "REAUTH"]),
    st.booleans(),
)
DEEDS = st.lists(
    st.one_of(
        STARTS,
        st.builds(Login),
        st.builds(Check),
        st.builds(Pass, st.sampled_from([0.0, 0.000_001, 0.5, 3.0, 20.0, 1300.0])),
        st.builds(SetBack, st.sampled_from([0.000_001, 2.0])),
    ),
    max_size=14,
)


async def _do(deed: Deed, world: World, connection: Connection, time: VirtualTime) -> None:
    match deed:
        case Start():
            if deed.back_to_back:
                await time.advance(
                    FOR_EVER_SECONDS if _ends(connection) else 0,
                    until=lambda: connection.running_flow is None,
                )
            _try_to_start(world, connection, deed)
        case Login():
            try:
                world.login(connection)
            except FlowRunningError:
                assert connection.running_flow is not None
        case Check():
            world.check(connection, f"check_{len(connection.timeline.newest_first(0))}")
        case Pass():
            await time.advance(deed.seconds)
        case SetBack():
            time.offset_ns -= round(deed.seconds * 1e9)
    await time.settle()


def _ends(connection: Connection) -> bool:
    """Whether the running flow comes to an end without a client."""
    return connection.running_flow is None or connection.running_flow.scripted


def _try_to_start(world: World, connection: Connection, deed: Start) -> None:
    running = connection.running_flow
    try:
        world.start(connection, deed.scenario, flow_type=deed.flow_type)
    except FlowRunningError:
        assert running is not None
        assert connection.flow is running


def _check_entry(entry: TimelineEntry, record: FlowRecord) -> None:
    assert (entry.id, entry.type) == (record.flow_id, record.flow_type.lower())
    assert entry.timestamp == rfc3339(record.created_ns)
    assert 0 <= record.started_ns - record.created_ns < MILLISECOND_NS
    assert entry.status == STATUS[record.outcome]
    assert entry.completed_at == (None if record.ended_ns is None else rfc3339(record.ended_ns))
    assert (entry.error_code is not None) == (record.outcome == "failed")
    assert entry.error_code == record.error_code
    assert entry.browser_session_id == record.browser_session_id
    if entry.status == "EXPIRED":
        assert entry.step == "EXPIRED"
    elif record.outcome is not None:
        assert entry.step == record.final_step
    else:
        assert entry.step == record.steps[-1].step
    shown = record.website_errors[-1].text if record.website_errors else None
    assert entry.website_error == shown


def _check_timeline(entries: Sequence[TimelineEntry], records: Sequence[FlowRecord]) -> None:
    flows = [each for each in entries if each.type != "health_check"]
    assert len(flows) == len(records)
    for entry, record in zip(flows, records, strict=True):
        _check_entry(entry, record)
    assert len({each.id for each in entries}) == len(entries)
    for earlier, later in pairwise(entries):
        assert earlier.timestamp <= later.timestamp
        if later.type == "reauth":
            assert (earlier.type, earlier.status) == ("health_check", "NEEDS_AUTH")
    for one, next_one in pairwise(records):
        assert one.ended_ns is not None
        assert one.ended_ns <= next_one.created_ns


def _check_listing(connection: Connection, last: FlowRecord | None) -> None:
    shown = connection.members()
    if last is None:
        assert (shown["flow_status"], shown["flow_type"]) == (None, None)
        return
    assert (shown["flow_status"], shown["flow_type"]) == (STATUS[last.outcome], last.flow_type)
    running = last.outcome is None
    assert shown["flow_step"] == (last.steps[-1].step if running else last.final_step)
    assert shown["browser_session_id"] == (last.browser_session_id if running else None)
    assert (shown["flow_expires_at"] is not None) == running


def _check_stream(connection: Connection, records: Sequence[FlowRecord]) -> None:
    """Against all messages from the first, as a stream that comes back with an id gets them."""
    messages = connection.hub.missed("0")
    events: list[dict[str, Any]] = [_data(message) for message in messages]
    terminals = [each for each in events if each["flow_status"] != "IN_PROGRESS"]
    told = [each for each in records if each.outcome not in {None, SUPERSEDED}]
    assert [(each["flow_status"], each["flow_type"], each["timestamp"]) for each in terminals] == [
        (STATUS[each.outcome], each.flow_type, rfc3339(each.ended_ns or 0)) for each in told
    ]
    views = dict.fromkeys(each["live_view_url"] for each in events if "live_view_url" in each)
    assert len(views) == len(records)
    if connection.flow is not None:
        (snapshot,) = connection.flow.snapshot(restamp=False)
        assert _data(snapshot) == events[-1]


def _data(message: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(message.partition(b"data: ")[2])
    return data


def _check(world: World, connection: Connection, time: VirtualTime) -> None:
    records = [each for each in world.ledger.flows if each.connection_id == connection.id]
    entries = connection.timeline.newest_first(time.clock.now_ns())[::-1]
    _check_timeline(entries, records)
    _check_listing(connection, records[-1] if records else None)
    _check_stream(connection, records)
    checks = [each.timestamp for each in entries if each.type == "health_check"]
    assert connection.members()["last_auth_check_at"] == (checks[-1] if checks else None)


async def _live_through(deeds: Sequence[tuple[int, Deed]]) -> None:
    time = VirtualTime()
    config = SimulatorConfig(connections=1, flows_per_minute=0, event_ids=True)
    world = World(config, time.clock)
    connections = [*world.connections.values(), world.create("new.example", "jane", {})]
    for which, deed in deeds:
        await _do(deed, world, connections[which], time)
        for connection in connections:
            _check(world, connection, time)
    await world.close()


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 1), DEEDS), max_size=3))
def test_timeline_listing_and_stream_always_agree_with_the_ledger(
    chapters: list[tuple[int, list[Deed]]],
) -> None:
    deeds = [(which, deed) for which, chapter in chapters for deed in chapter]
    asyncio.run(_live_through(deeds[:16]))


async def test_many_quick_flows_back_to_back_are_one_entry_and_one_record_each() -> None:
    names = [*QUICK_SCENARIOS] * 5
    await _live_through([(1, Start(name, None, back_to_back=True)) for name in names])


async def test_a_flow_is_superseded_in_the_instant_in_which_the_next_begins() -> None:
    time = VirtualTime()
    world = World(SimulatorConfig(connections=1, flows_per_minute=0, event_ids=True), time.clock)
    connection = next(iter(world.connections.values()))
    world.start(connection, SUPERSEDED)
    await time.advance(FOR_EVER_SECONDS, until=lambda: not world.ledger.running())
    first, second = world.ledger.flows
    assert (first.outcome, first.ended_ns) == (SUPERSEDED, second.created_ns)
    _check(world, connection, time)
    await world.close()
