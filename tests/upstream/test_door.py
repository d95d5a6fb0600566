import pytest

from exporter.core.events import Forgotten, StateEvent
from exporter.core.flow import FlowTracker
from exporter.core.observations import FactNoted, FlowEnded, FlowStarted, Gap, GapCause
from exporter.upstream.door import Door
from tests.upstream.recorder import Recorder


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
def door(sink: Recorder) -> Door:
    return Door(FlowTracker("c1", classify=lambda _: "other"), sink)


def event(at_ns: int, step: str, status: str = "IN_PROGRESS") -> StateEvent:
    return StateEvent(at_ns, status, step, "LOGIN")


def gaps(sink: Recorder) -> list[GapCause]:
    return [each.fact.cause for each in sink.of(FactNoted) if isinstance(each.fact, Gap)]


def test_what_follows_from_an_event_reaches_the_sink(door: Door, sink: Recorder) -> None:
    door.attach(1)
    door.feed(event(10, "DISCOVERING"), 10)
    assert len(sink.of(FlowStarted)) == 1
    assert door.in_progress
    door.feed(event(20, "COMPLETED", "SUCCESS"), 20)
    assert len(sink.of(FlowEnded)) == 1
    assert door.ended
    assert not door.in_progress


def test_stream_that_was_lost_in_mid_flow_leaves_a_gap(door: Door, sink: Recorder) -> None:
    door.attach(1)
    door.feed(event(10, "DISCOVERING"), 10)
    door.detach(11)
    door.attach(12)
    door.feed(event(20, "SUBMITTING"), 20)
    assert gaps(sink) == [GapCause.RECONNECT]


def test_stream_that_was_lost_between_flows_leaves_none(door: Door, sink: Recorder) -> None:
    door.attach(1)
    door.feed(event(10, "DISCOVERING"), 10)
    door.feed(event(20, "COMPLETED", "SUCCESS"), 20)
    door.detach(21)
    door.attach(22)
    door.feed(event(30, "DISCOVERING"), 30)
    door.feed(event(40, "SUBMITTING"), 40)
    assert gaps(sink) == []


def test_stream_lost_in_a_flow_that_ended_meanwhile_leaves_none_in_the_next(
    door: Door, sink: Recorder
) -> None:
    door.attach(1)
    door.feed(event(10, "DISCOVERING"), 10)
    door.detach(11)
    door.feed(Forgotten(), 12)
    door.attach(13)
    door.feed(event(30, "DISCOVERING"), 30)
    door.feed(event(40, "SUBMITTING"), 40)
    assert gaps(sink) == []
