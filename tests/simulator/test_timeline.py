"""What a timeline shows, and when."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.timeline import KEPT, LATE_COMPLETION_SECONDS, Timeline, TimelineEntry

SECOND_NS = 1_000_000_000
LATE_NS = round(LATE_COMPLETION_SECONDS * SECOND_NS)
Change = tuple[int, TimelineEntry]


def _entry(
    number: int, status: str = "IN_PROGRESS", completed_at: str | None = None
) -> TimelineEntry:
    return TimelineEntry(
        id=f"flow_{number}",
        type="login",
        timestamp=f"began {number}",
        status=status,
        completed_at=completed_at,
        updated_at=completed_at,
    )


@st.composite
def changes(draw: st.DrawFn) -> list[Change]:
    """Flows that begin, one after the other, and end or not, with the moment of each change."""
    at_ns, found = 0, []
    for number in range(draw(st.integers(1, 6))):
        at_ns += draw(st.integers(0, 4 * SECOND_NS))
        found.append((at_ns, _entry(number)))
        if draw(st.booleans()):
            at_ns += draw(st.integers(0, 4 * SECOND_NS))
            found.append((at_ns, _entry(number, "SUCCESS", f"ended {number}")))
    return found


def _play(timeline: Timeline, written: list[Change], until_ns: int) -> None:
    for at_ns, entry in written:
        if at_ns <= until_ns:
            timeline.put(entry, at_ns)


@given(changes(), st.integers(0, 30 * SECOND_NS), st.floats(0, 5))
def test_what_lags_always_shows_what_there_was_so_long_ago(
    written: list[Change], now_ns: int, lag_seconds: float
) -> None:
    lag_ns = round(lag_seconds * SECOND_NS)
    prompt, late = Timeline(), Timeline(lag_seconds)
    _play(prompt, written, now_ns)
    _play(late, written, now_ns + lag_ns)
    assert late.newest_first(now_ns + lag_ns) == prompt.newest_first(now_ns)


@given(changes(), st.lists(st.integers(0, 30 * SECOND_NS), min_size=1, max_size=8))
def test_a_late_completed_at_comes_after_its_status_and_never_changes(
    written: list[Change], looks: list[int]
) -> None:
    timeline = Timeline(completion_lag_seconds=LATE_COMPLETION_SECONDS)
    ended_ns = {entry.id: at_ns for at_ns, entry in written if entry.completed_at}
    looks.sort()
    for before_ns, now_ns in pairwise([-1, *looks]):
        _play(timeline, [each for each in written if each[0] > before_ns], now_ns)
        for entry in timeline.newest_first(now_ns):
            end_ns = ended_ns.get(entry.id)
            over = end_ns is not None and end_ns <= now_ns
            completed = end_ns is not None and end_ns + LATE_NS <= now_ns
            number = entry.id.removeprefix("flow_")
            assert entry.status == ("SUCCESS" if over else "IN_PROGRESS")
            assert entry.completed_at == (f"ended {number}" if completed else None)


def test_completing_late_is_an_update() -> None:
    timeline = Timeline(lag_seconds=5, completion_lag_seconds=1)
    timeline.put(_entry(1, "SUCCESS", "1970-01-01T00:00:10.000000Z"), 10 * SECOND_NS)
    assert timeline.newest_first(15 * SECOND_NS - 1) == []
    (first,) = timeline.newest_first(15 * SECOND_NS)
    assert first.completed_at is None
    (second,) = timeline.newest_first(16 * SECOND_NS)
    assert second.completed_at == "1970-01-01T00:00:10.000000Z"
    assert second.updated_at == "1970-01-01T00:00:11.000000Z"


@given(changes(), st.integers(1, 10 * SECOND_NS))
def test_a_clock_that_steps_back_never_hides_what_was_written(
    written: list[Change], back_ns: int
) -> None:
    timeline = Timeline()
    _play(timeline, written, 60 * SECOND_NS)
    last = {entry.id: entry for _, entry in written}
    assert timeline.newest_first(written[-1][0] - back_ns) == list(last.values())[::-1]


@pytest.mark.parametrize("lag_seconds", [0.0, 3600.0])
def test_the_newest_thousand_that_ended_are_kept_and_every_one_that_runs(
    lag_seconds: float,
) -> None:
    timeline = Timeline(lag_seconds)
    timeline.put(_entry(0), 0)
    for number in range(1, KEPT + 500):
        timeline.put(_entry(number, "SUCCESS", "ended"), number)
    shown = timeline.newest_first(10_000 * SECOND_NS)
    numbers = [int(each.id.removeprefix("flow_")) for each in shown]
    assert numbers == [*range(KEPT + 499, 499, -1), 0]
    timeline.put(_entry(0, "SUCCESS", "ended"), KEPT + 500)
    assert len(timeline.newest_first(10_000 * SECOND_NS)) == KEPT
    assert "flow_0" not in {each.id for each in timeline.newest_first(10_000 * SECOND_NS)}


def test_an_entry_that_is_written_often_keeps_its_place_and_no_past() -> None:
    timeline = Timeline(lag_seconds=1)
    for second in range(100):
        timeline.put(_entry(1), second * SECOND_NS)
        timeline.put(_entry(2), second * SECOND_NS)
    assert [each.id for each in timeline.newest_first(200 * SECOND_NS)] == ["flow_2", "flow_1"]
    assert all(len(versions) <= 2 for versions in timeline._versions.values())
