"""The timeline as a source of events: each flow once, whoever else told of it or did not."""

from typing import Any

import msgspec
import pytest

from exporter.core.entries import DOUBT_NS
from exporter.core.flow import FlowTracker
from exporter.core.observations import (
    FactNoted,
    FlowEnded,
    FlowStarted,
    HealthCheckSeen,
    Outcome,
    StepEntered,
    TimelineNoted,
    WebsiteError,
)
from exporter.core.timeline import FUTURE_NS, LONGEST_FLOW_NS, MAX_COUNTED, MAX_PENDING
from tests.support.driving import (
    CONNECTION,
    SECOND,
    START_NS,
    Driver,
    ended,
    entry,
    of,
    state,
    timeline_read,
)

DOUBT = DOUBT_NS / SECOND


@pytest.fixture
def driver() -> Driver:
    return Driver()


def since(seconds: float) -> Driver:
    """A connection of which nothing is counted that had ended by then."""
    since_ns = START_NS + round(seconds * SECOND)
    return Driver(FlowTracker(CONNECTION, since_ns=since_ns, classify=lambda _: "other"))


def results(driver: Driver) -> list[str]:
    return [one.result.value for one in of(TimelineNoted, driver.seen)]


def looked_for(driver: Driver) -> bool:
    """Whether an entry could not be dealt with yet, and is to be read again soon."""
    return driver.tracker.lacks_later


def outcomes(driver: Driver) -> list[tuple[str, str]]:
    return [(one.outcome.value, one.observed.value) for one in of(FlowEnded, driver.seen)]


@pytest.mark.parametrize(("type_", "flow_type"), [("login", "LOGIN"), ("reauth", "REAUTH")])
@pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "EXPIRED", "CANCELED"])
def test_an_ended_entry_that_nobody_told_of_is_one_flow(
    driver: Driver, type_: str, flow_type: str, status: str
) -> None:
    driver.feed(timeline_read(entry("e1", 0, 5, status, type=type_), at=60))
    [started], [over] = of(FlowStarted, driver.seen), of(FlowEnded, driver.seen)
    assert (started.entry, started.flow) == ("timeline", over.flow)
    assert (over.flow.flow_type, over.flow.domain) == (flow_type, "shop.example")
    assert (over.outcome, over.observed) == (status.lower(), "timeline")
    assert (over.started_ns, over.ended_ns) == (START_NS, START_NS + 5 * SECOND)
    assert (over.duration_ns, over.waiting_ns, over.working_ns) == (5 * SECOND, None, None)
    assert over.incomplete
    assert results(driver) == ["counted"]
    assert not driver.tracker.in_progress
    assert of(StepEntered, driver.seen) == []


def test_how_a_flow_went_is_told_by_its_entry_and_what_it_says_is_safe(driver: Driver) -> None:
    told = entry(
        "e1",
        0,
        5,
        "FAILED",
        step="AWAITING_INPUT",
        error_code="credentials_invalid",
        error_message="refused for ada@example.com",
        website_error="Wrong password for ada@example.com",
    )
    driver.feed(timeline_read(told, at=60))
    [over] = of(FlowEnded, driver.seen)
    [noted] = of(FactNoted, driver.seen)
    assert isinstance(noted.fact, WebsiteError)
    assert (noted.fact.category, noted.step) == ("wrong_credentials", "AWAITING_INPUT")
    assert noted.fact.at_ns == over.ended_ns
    assert (over.facts, noted.flow) == ((noted.fact,), over.flow)
    assert (over.error_code, over.last_step) == ("credentials_invalid", "AWAITING_INPUT")
    assert over.error_message is not None
    assert "ada@" not in repr(driver.seen)


@pytest.mark.parametrize("step", [None, "COMPLETED", "A_STEP_OF_TOMORROW"])
def test_a_last_step_that_is_none_is_unknown(driver: Driver, step: str | None) -> None:
    driver.feed(timeline_read(entry("e1", 0, 5, "FAILED", step=step), at=60))
    assert of(FlowEnded, driver.seen)[0].last_step == "UNKNOWN"


def test_the_trace_of_an_entry_is_always_the_same_and_no_streamed_one() -> None:
    read = timeline_read(entry("e1", 0, 5), entry("e2", 0, 5, type="reauth"), at=60)
    drivers = Driver(), Driver()
    for driver in drivers:
        driver.feed(read)
    first, second = ([one.flow.trace_id for one in of(FlowStarted, d.seen)] for d in drivers)
    streamed = Driver()
    streamed.attach()
    streamed.feed(state("DISCOVERING", 0))
    assert first == second
    assert len({*first, of(FlowStarted, streamed.seen)[0].flow.trace_id}) == 3


def test_a_flow_of_the_timeline_is_linked_with_the_one_before_it_and_the_next_with_it(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), ended("SUCCESS", 5))
    read = timeline_read(entry("e2", 3600, 3605, type="reauth"), entry("e1", 0, 5), at=3700)
    driver.feed(read, state("DISCOVERING", 4000))
    login, reauth, third = (one.flow for one in of(FlowStarted, driver.seen))
    assert (reauth.flow_type, reauth.linked_trace_id) == ("REAUTH", login.trace_id)
    assert third.linked_trace_id == reauth.trace_id


def test_several_entries_are_counted_in_the_order_in_which_they_began(driver: Driver) -> None:
    read = [entry(f"e{n}", 100 * n, 100 * n + 5) for n in range(5)]
    driver.feed(timeline_read(*reversed(read), at=600))
    starts = [one.started_ns for one in of(FlowEnded, driver.seen)]
    assert starts == [START_NS + 100 * n * SECOND for n in range(5)]


def test_an_entry_that_is_read_again_or_stands_on_two_pages_is_counted_once(
    driver: Driver,
) -> None:
    both = [entry("e2", 100, 105), entry("e1", 0, 5)]
    driver.feed(timeline_read(*both, *both, at=200))
    driver.feed(timeline_read(*both, at=300), timeline_read(entry("e1", 0, 5), at=400))
    assert results(driver) == ["counted", "counted"]
    restored = FlowTracker.restore(driver.tracker.save(), classify=lambda _: "other")
    assert restored.apply(timeline_read(*both, at=500), START_NS) == []


@pytest.mark.parametrize("kept", ["IN_PROGRESS", "IN_PROGRESS again"])
def test_an_entry_in_progress_is_counted_when_it_has_ended(driver: Driver, kept: str) -> None:
    running = entry("e1", 0, status="IN_PROGRESS", step="SUBMITTING")
    driver.feed(timeline_read(running, at=10))
    if kept.endswith("again"):
        driver.feed(timeline_read(running, at=20))
    assert driver.seen == []
    assert not looked_for(driver)
    driver.feed(timeline_read(entry("e1", 0, 25, "FAILED"), at=60))
    assert outcomes(driver) == [("failed", "timeline")]


def test_an_entry_that_does_not_tell_when_it_ended_waits_until_it_does(driver: Driver) -> None:
    updated_ns = START_NS + 5 * SECOND
    driver.feed(timeline_read(entry("e1", 0, updated_ns=updated_ns), at=6))
    assert driver.seen == []
    assert looked_for(driver)
    driver.feed(timeline_read(entry("e1", 0, 5, updated_ns=updated_ns), at=7))
    assert not looked_for(driver)
    assert of(FlowEnded, driver.seen)[0].duration_ns == 5 * SECOND


def test_an_entry_that_never_tells_when_it_ended_is_counted_without_a_duration(
    driver: Driver,
) -> None:
    updated_ns = START_NS + 5 * SECOND
    driver.feed(timeline_read(entry("e1", 0, updated_ns=updated_ns), at=5 + DOUBT))
    [over] = of(FlowEnded, driver.seen)
    assert (over.duration_ns, over.ended_ns) == (None, updated_ns)


def test_what_had_ended_by_the_start_is_not_counted() -> None:
    driver = since(0)
    driver.feed(timeline_read(entry("e2", -5, 5), entry("e1", -50, 0), at=60))
    assert results(driver) == ["before_start", "counted"]
    assert [one.started_ns for one in of(FlowEnded, driver.seen)] == [START_NS - 5 * SECOND]


def test_what_changed_after_the_start_is_counted_though_it_does_not_tell_when_it_ended() -> None:
    driver = since(0)
    driver.feed(timeline_read(entry("e1", -50, updated_ns=START_NS + 5 * SECOND), at=60))
    assert results(driver) == ["counted"]


def test_with_since_what_ended_after_that_moment_is_counted() -> None:
    driver = since(-3600)
    driver.feed(timeline_read(entry("e2", -60, -50), entry("e1", -3700, -3610), at=0))
    assert results(driver) == ["before_start", "counted"]


def test_an_entry_from_before_the_start_without_any_end_is_not_counted() -> None:
    driver = since(0)
    driver.feed(timeline_read(entry("e1", -50, status="EXPIRED"), at=60))
    assert results(driver) == ["before_start"]


def test_what_began_so_long_before_the_start_that_it_had_ended_is_not_even_looked_at() -> None:
    driver = since(0)
    driver.feed(timeline_read(entry("e1", -LONGEST_FLOW_NS / SECOND, 5), at=60))
    assert driver.seen == []


@pytest.mark.parametrize("status", ["AUTHENTICATED", "NEEDS_AUTH"])
def test_a_health_check_is_told_of_once_and_is_no_flow(driver: Driver, status: str) -> None:
    check = entry("h1", 30, status=status, type="health_check")
    driver.feed(timeline_read(check, at=60), timeline_read(check, at=90))
    assert driver.seen == [HealthCheckSeen(status, START_NS + 30 * SECOND)]


def test_a_health_check_that_is_under_way_is_told_of_when_it_is_over(driver: Driver) -> None:
    driver.feed(timeline_read(entry("h1", 30, status="IN_PROGRESS", type="health_check"), at=31))
    assert driver.seen == []
    driver.feed(timeline_read(entry("h1", 30, 35, "PUZZLED", type="health_check"), at=60))
    assert driver.seen == [HealthCheckSeen("PUZZLED", START_NS + 30 * SECOND)]


def test_a_health_check_from_before_the_start_is_not_told_of() -> None:
    driver = since(0)
    driver.feed(timeline_read(entry("h1", -5, status="NEEDS_AUTH", type="health_check"), at=60))
    assert driver.seen == []


def test_an_entry_of_a_type_of_tomorrow_is_passed_over_once_and_for_all(driver: Driver) -> None:
    strange = entry("x1", 0, 5, type="password_rotation")
    driver.feed(timeline_read(strange, at=60))
    assert driver.seen == []
    assert not driver.tracker.lacks([strange])


@pytest.mark.parametrize("status", ["ABANDONED", "", "AUTHENTICATED"])
def test_a_status_of_tomorrow_is_an_end_that_nobody_understands(
    driver: Driver, status: str
) -> None:
    driver.feed(timeline_read(entry("e1", 0, 5, status), at=60))
    assert outcomes(driver) == [("unknown", "timeline")]


@pytest.mark.parametrize("apart", [0, 0.01, -0.01])
def test_an_expired_flow_that_another_took_over_is_superseded(driver: Driver, apart: float) -> None:
    later = entry("e2", 1300 + apart, status="IN_PROGRESS", step="DISCOVERING")
    driver.feed(timeline_read(later, entry("e1", 0, 1300, "EXPIRED"), at=1400))
    assert outcomes(driver) == [("superseded", "timeline")]


@pytest.mark.parametrize(
    ("status", "next_"),
    [
        ("EXPIRED", {"at": 1300.011}),
        ("EXPIRED", {"at": 1300, "type": "health_check"}),
        ("EXPIRED", {"at": -1}),
        ("FAILED", {"at": 1300}),
        ("CANCELED", {"at": 1300}),
    ],
)
def test_any_other_end_is_its_own(driver: Driver, status: str, next_: dict[str, Any]) -> None:
    beside = entry("e2", status="IN_PROGRESS", **next_)
    driver.feed(timeline_read(beside, entry("e1", 0, 1300, status), at=1400))
    assert outcomes(driver) == [(status.lower(), "timeline")]


@pytest.mark.parametrize("until", [0, 0.005, -0.005])
def test_a_flow_that_expired_as_it_began_is_not_superseded_by_itself(
    driver: Driver, until: float
) -> None:
    driver.feed(timeline_read(entry("e1", 0, until, "EXPIRED"), at=60))
    assert outcomes(driver) == [("expired", "timeline")]


def test_more_is_lacking_until_something_that_is_known_was_read(driver: Driver) -> None:
    first, second = entry("e1", 0, 5), entry("e2", 100, 105)
    assert driver.tracker.lacks([])
    assert driver.tracker.lacks([second])
    driver.feed(timeline_read(first, at=60))
    assert driver.tracker.lacks([second])
    assert not driver.tracker.lacks([second, first])


def test_more_is_lacking_while_an_entry_that_had_not_ended_was_not_read(driver: Driver) -> None:
    running = entry("e1", 0, status="IN_PROGRESS")
    driver.feed(timeline_read(entry("e2", 100, 105), running, at=200))
    assert driver.tracker.lacks([entry("e3", 150, 155), entry("e2", 100, 105)])
    assert not driver.tracker.lacks([entry("e2", 100, 105), running])


def test_nothing_is_lacking_that_is_from_before_the_start() -> None:
    tracker = since(0).tracker
    old = entry("e1", -LONGEST_FLOW_NS / SECOND, 5)
    assert tracker.lacks([entry("e2", 0, 5)])
    assert not tracker.lacks([entry("e2", 0, 5), old])


def test_of_very_many_entries_the_oldest_are_forgotten_and_yet_never_counted_again(
    driver: Driver,
) -> None:
    many = [entry(f"e{n}", 10 * n, 10 * n + 5) for n in range(MAX_COUNTED + 50)]
    driver.feed(timeline_read(*reversed(many), at=2000))
    assert results(driver) == ["counted"] * len(many)
    saved = msgspec.json.decode(driver.tracker.save())
    assert len(saved["history"]["counted"]) == MAX_COUNTED
    assert driver.feed(timeline_read(*many, at=2001)) == []
    assert not driver.tracker.lacks(many[:1])


def test_of_very_many_entries_in_progress_the_newest_are_looked_for_again(driver: Driver) -> None:
    many = [entry(f"e{n}", 10 * n, status="IN_PROGRESS") for n in range(MAX_PENDING + 5)]
    known = entry("known", 500, 505)
    driver.feed(timeline_read(known, *many, at=10_000))
    assert driver.tracker.lacks([known, *many[6:]])
    assert not driver.tracker.lacks([known, *many[5:]])


def test_what_lies_beyond_what_is_ever_read_is_given_up_and_that_is_told(driver: Driver) -> None:
    running = entry("e1", 0, status="IN_PROGRESS")
    driver.feed(timeline_read(running, at=10))
    driver.feed(timeline_read(entry("e9", 900, 905), complete=False, at=1000))
    assert results(driver) == ["counted", "out_of_reach"]
    assert not driver.tracker.lacks([entry("e9", 900, 905)])
    assert driver.feed(timeline_read(entry("e1", 0, 25), entry("e8", 800, 805), at=1100)) == []


def test_an_entry_that_still_runs_where_the_rest_is_given_up_is_counted_later(
    driver: Driver,
) -> None:
    running = entry("e9", 900, status="IN_PROGRESS")
    driver.feed(timeline_read(running, complete=False, at=1000))
    driver.feed(timeline_read(entry("e9", 900, 1010, "CANCELED"), at=1100))
    assert results(driver) == ["out_of_reach", "counted"]
    assert of(FlowEnded, driver.seen)[0].outcome is Outcome.CANCELED


def test_an_entry_from_the_far_future_neither_counts_nor_hides_what_does(driver: Driver) -> None:
    beyond = FUTURE_NS / SECOND + 100
    far = [entry(f"far_{number}", beyond + number, beyond + number + 5) for number in range(3)]
    driver.feed(timeline_read(*far, at=20, complete=False))
    driver.feed(timeline_read(*far, entry("real", 21, 25), at=40))
    assert outcomes(driver) == [("success", "timeline")]
