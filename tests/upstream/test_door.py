from collections.abc import Callable

import pytest

from exporter.core.events import (
    DeadlineCheck,
    Forgotten,
    Listing,
    StateEvent,
    TimelineEntry,
    TimelineRead,
)
from exporter.core.flow import FlowTracker
from exporter.core.observations import FactNoted, FlowEnded, FlowStarted, Gap, GapCause
from exporter.stores.store import SavedConnection
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


# What is open and was not watched for a while.


def test_a_flow_is_settled_while_its_stream_is_open_and_unsettled_once_that_is_lost(
    door: Door,
) -> None:
    assert not door.is_unsettled()
    door.attach(1)
    assert not door.is_unsettled()
    door.feed(event(10, "DISCOVERING"), 10)
    assert not door.is_unsettled()
    door.detach(11)
    assert door.is_unsettled()
    door.attach(12)
    assert not door.is_unsettled()


def test_a_flow_that_a_listing_has_just_shown_may_be_over_before_its_stream_is_open(
    door: Door,
) -> None:
    running = Listing("c1", "d", "p", "s", 5, 5, flow_status="IN_PROGRESS", flow_step="SUBMITTING")
    door.feed(running, 5)
    assert door.is_unsettled()


def test_nothing_is_unsettled_without_an_open_flow(door: Door) -> None:
    door.attach(1)
    door.feed(event(10, "DISCOVERING"), 10)
    door.detach(11)
    door.feed(Forgotten(), 12)
    assert not door.is_unsettled()


# The end of a flow.


def read_at(received_ns: int) -> TimelineRead:
    entry = TimelineEntry("e1", "login", 10, "SUCCESS", completed_ns=20)
    return TimelineRead((entry,), received_ns, received_ns)


def test_whoever_reads_the_timeline_hears_of_every_end_but_the_timeline_s_own(
    sink: Recorder,
) -> None:
    heard: list[str] = []
    tracker = FlowTracker("c1", classify=lambda _: "other")
    door = Door(tracker, sink, on_ended=heard.append)
    door.attach(1)
    door.feed(event(10, "DISCOVERING"), 10)
    assert heard == []
    door.feed(event(20, "COMPLETED", "SUCCESS"), 20)
    assert heard == ["c1"]
    door.feed(event(10**12, "DISCOVERING"), 10**12)
    door.feed(Forgotten(), 10**12)
    assert heard == ["c1", "c1"]
    later = TimelineEntry("e9", "reauth", 10**14, "FAILED", completed_ns=10**14 + 5)
    door.feed(TimelineRead((later,), 10**15, 10**15), 10**15)
    assert len(sink.of(FlowEnded)) == 3
    assert heard == ["c1", "c1"]


@pytest.mark.parametrize("told_by", ["stream", "timeline"])
def test_what_was_missed_of_a_flow_is_asked_for_only_while_it_is_open(
    door: Door, told_by: str
) -> None:
    door.attach(1)
    door.feed(event(10, "DISCOVERING"), 10)
    door.last_event_id = "7"
    door.detach(11)
    assert door.last_event_id == "7"
    if told_by == "timeline":
        door.feed(read_at(10**12), 10**12)
    else:
        door.attach(12)
        door.feed(event(20, "COMPLETED", "SUCCESS"), 20)
    assert not door.in_progress
    assert door.last_event_id == ""


def test_what_a_stream_numbered_after_the_flow_s_end_is_not_asked_for_either(door: Door) -> None:
    door.attach(1)
    door.last_event_id = "9"
    door.detach(2)
    assert door.last_event_id == ""


# What a later process needs.


class Kept:
    """A keeper that saves at once."""

    def __init__(self) -> None:
        self.saved: list[SavedConnection] = []

    def touch(self, connection_id: str, save: Callable[[], SavedConnection], /) -> None:
        assert connection_id == "c1"
        self.saved.append(save())

    def forget(self, connection_id: str, at_ns: int, /) -> None: ...

    def listed(self, at_ns: int, /) -> None: ...


def restored(saved: SavedConnection, sink: Recorder) -> Door:
    door = Door(FlowTracker.restore(saved.state, classify=lambda _: "other"), sink)
    door.last_event_id = saved.last_event_id
    return door


def test_whatever_changes_a_flow_is_kept_with_where_its_stream_was(sink: Recorder) -> None:
    kept = Kept()
    door = Door(FlowTracker("c1", classify=lambda _: "other"), sink, keeper=kept)
    door.attach(1)
    door.last_event_id = "3"
    door.feed(event(10, "DISCOVERING"), 10)
    assert kept.saved[-1] == door.save()
    later = restored(kept.saved[-1], sink)
    assert (later.in_progress, later.last_event_id) == (True, "3")


def test_a_timeline_that_was_read_is_kept_also_where_it_told_nothing(sink: Recorder) -> None:
    kept = Kept()
    door = Door(FlowTracker("c1", classify=lambda _: "other"), sink, keeper=kept)
    door.feed(TimelineRead((), 5, 7), 7)
    assert restored(kept.saved[-1], sink).tracker.timeline_read_ns == 5


@pytest.mark.parametrize("sample", [Listing("c1", "d", "p", "s", 1, 2), DeadlineCheck()])
def test_samples_that_say_nothing_are_not_written_again_and_again(
    sink: Recorder, sample: Listing | DeadlineCheck
) -> None:
    kept = Kept()
    door = Door(FlowTracker("c1", classify=lambda _: "other"), sink, keeper=kept)
    door.feed(sample, 2)
    assert kept.saved == []


def test_a_flow_that_another_process_goes_on_with_has_one_gap_and_is_unsettled(
    door: Door, sink: Recorder
) -> None:
    door.attach(1)
    door.feed(event(10, "DISCOVERING"), 10)
    later = restored(door.save(), sink)
    later.resume(12)
    assert later.is_unsettled()
    assert not later.attached
    later.attach(13)
    later.feed(event(20, "SUBMITTING"), 20)
    later.detach(21)
    later.attach(22)
    later.feed(event(30, "AWAITING_INPUT"), 30)
    assert gaps(sink) == [GapCause.RESTART, GapCause.RECONNECT]
    assert len(sink.of(FlowStarted)) == 1
