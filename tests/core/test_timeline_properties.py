"""What holds of every timeline, however hostile, and however often it is read."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.core.events import TimelineEntry, TimelineRead
from exporter.core.flow import FlowTracker
from exporter.core.observations import FlowEnded, FlowStarted, TimelineNoted, TimelineResult
from exporter.core.timeline import MAX_COUNTED, MAX_PENDING
from exporter.core.vocabulary import TERMINAL_STATUSES
from tests.support.driving import CONNECTION, START_NS, Driver, entry, of, timeline_read

YEAR_1 = -62_135_596_800 * 10**9
YEAR_9999 = 253_402_300_799 * 10**9
MAX_SAVED = 16 * 1024

near = st.integers(START_NS, START_NS + 1500 * 10**9)
any_time = near | st.integers(YEAR_1, YEAR_9999) | st.sampled_from([YEAR_1, 0, YEAR_9999])
hostile = st.builds(
    TimelineEntry,
    entry_id=st.integers(0, 30).map(str) | st.text(min_size=1),
    type=st.sampled_from(["login", "login", "reauth", "health_check", "tomorrow", ""]),
    at_ns=any_time,
    status=st.sampled_from(["IN_PROGRESS", *TERMINAL_STATUSES, "AUTHENTICATED", "?", "\ud800"]),
    completed_ns=st.none() | any_time,
    updated_ns=st.none() | any_time,
    step=st.sampled_from([None, "SUBMITTING", "COMPLETED", "?"]),
    error_code=st.none() | st.text(max_size=50),
    error_message=st.none() | st.text(max_size=50),
    website_error=st.none() | st.text(max_size=50),
    browser_session_id=st.sampled_from([None, "b1", "b2"]),
)
reads = st.builds(
    TimelineRead,
    entries=st.lists(hostile, max_size=40).map(tuple),
    requested_ns=near,
    received_ns=near,
    complete=st.booleans(),
)


def fresh(since_ns: int = 0) -> FlowTracker:
    return FlowTracker(CONNECTION, since_ns=since_ns, classify=lambda _: "other")


@given(st.lists(reads, max_size=8), near)
def test_no_timeline_ever_crashes_or_gives_a_negative_duration(
    several: list[TimelineRead], since_ns: int
) -> None:
    tracker = fresh(since_ns)
    for read in several:
        for seen in tracker.apply(read, read.received_ns):
            if isinstance(seen, FlowEnded):
                assert seen.ended_ns >= seen.started_ns
                assert seen.duration_ns is None or seen.duration_ns >= 0
        assert isinstance(tracker.lacks(read.entries), bool)


@given(st.lists(reads, max_size=8))
def test_the_same_read_twice_tells_nothing_the_second_time(several: list[TimelineRead]) -> None:
    tracker = fresh()
    for each in several:
        one_of_each = {entry.entry_id: entry for entry in each.entries}
        read = msgspec.structs.replace(each, entries=tuple(one_of_each.values()))
        tracker.apply(read, read.received_ns)
        again = tracker.apply(read, read.received_ns)
        beyond = [] if read.complete else [TimelineNoted(TimelineResult.OUT_OF_REACH)]
        assert again == beyond


@given(st.lists(reads, max_size=8))
def test_no_entry_is_ever_counted_twice_and_each_has_a_trace_of_its_own(
    several: list[TimelineRead],
) -> None:
    tracker, traces = fresh(), list[int]()
    for read in several:
        for seen in tracker.apply(read, read.received_ns):
            if isinstance(seen, FlowStarted):
                traces.append(seen.flow.trace_id)
    ids = {one.entry_id for read in several for one in read.entries}
    assert len(traces) == len(set(traces)) <= len(ids)


@settings(max_examples=20)
@given(st.lists(hostile, min_size=1, max_size=30), st.integers(1, 4))
def test_what_is_remembered_is_always_bounded(entries: list[TimelineEntry], times: int) -> None:
    tracker = fresh()
    for turn in range(times):
        flood = tuple(
            TimelineEntry(f"{turn}/{copy}/{number}", each.type, each.at_ns + copy, each.status)
            for number, each in enumerate(entries)
            for copy in range(20)
        )
        tracker.apply(TimelineRead(flood, START_NS, START_NS), START_NS)
    history = tracker._state.history
    assert len(history.counted) <= MAX_COUNTED
    assert len(history.pending) <= MAX_PENDING
    assert len(tracker.save()) <= MAX_SAVED


@given(st.data())
def test_of_an_honest_timeline_each_flow_is_counted_once_in_whatever_order_it_is_read(
    data: st.DataObject,
) -> None:
    flows = [entry(f"e{n}", 100 * n, 100 * n + 5) for n in range(8)]
    driver = Driver()
    for turn in range(data.draw(st.integers(1, 5))):
        some = data.draw(st.lists(st.sampled_from(flows), max_size=12))
        driver.feed(timeline_read(*some, at=1000 + turn))
    driver.feed(timeline_read(*flows, at=2000))
    starts = sorted(one.started_ns for one in of(FlowEnded, driver.seen))
    assert starts == [one.at_ns for one in flows]


@pytest.mark.parametrize("until", [-5, 0, 10**9])
def test_an_entry_that_completed_before_it_began_or_far_in_the_future_is_one_flow(
    until: float,
) -> None:
    driver = Driver()
    driver.feed(timeline_read(entry("e1", 0, until), at=60))
    [over] = of(FlowEnded, driver.seen)
    assert over.ended_ns >= over.started_ns
    assert over.duration_ns == (None if until < 0 else until * 10**9)
