"""Flows that the timeline and somebody else told of: one flow, one outcome."""

import pytest

from exporter.core.entries import DOUBT_NS
from exporter.core.events import Forgotten, Resumed, StreamDetached
from exporter.core.flow import FlowTracker
from exporter.core.flow_state import MAX_EXPECTED
from exporter.core.observations import (
    FlowEnded,
    FlowResumed,
    FlowStarted,
    Gap,
    GapCause,
    StepFinished,
    TimelineNoted,
    WebsiteError,
)
from exporter.core.timeline import WATCHED_NS
from tests.support.driving import (
    SECOND,
    START_NS,
    Driver,
    ended,
    entry,
    facts,
    listing,
    of,
    state,
    timeline_read,
)

DOUBT = DOUBT_NS / SECOND


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.fixture
def resumed() -> Driver:
    """Another process goes on with a flow whose stream was at AWAITING_INPUT."""
    driver = Driver()
    driver.attach()
    driver.feed(state("DISCOVERING", 0, hosted_url="https://h/1"))
    driver.feed(state("AWAITING_INPUT", 3, hosted_url="https://h/1"))
    driver.feed(Resumed(), received=10)
    return driver


def results(driver: Driver) -> list[str]:
    return [one.result.value for one in of(TimelineNoted, driver.seen)]


def looked_for(driver: Driver) -> bool:
    """Whether an entry could not be dealt with yet, and is to be read again soon."""
    return driver.tracker.lacks_later


def outcomes(driver: Driver) -> list[tuple[str, str]]:
    return [(one.outcome.value, one.observed.value) for one in of(FlowEnded, driver.seen)]


def causes(driver: Driver) -> list[str]:
    return [gap.cause.value for gap in facts(Gap, driver.seen)]


def streamed(driver: Driver, begun: float = 0, over: float = 5, status: str = "SUCCESS") -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", begun), ended(status, over), StreamDetached())


# Flows that were counted before the timeline was read.


def test_a_flow_that_a_stream_counted_is_not_counted_again(driver: Driver) -> None:
    streamed(driver)
    seen = driver.feed(timeline_read(entry("e1", -0.2, 5.1), at=7))
    assert seen == [TimelineNoted("matched")]  # type: ignore[arg-type]
    driver.feed(timeline_read(entry("e1", -0.2, 5.1), at=60))
    assert outcomes(driver) == [("success", "stream")]


def test_a_flow_that_a_listing_counted_is_not_counted_again_whatever_our_clock_says(
    driver: Driver,
) -> None:
    driver.feed(listing("SUBMITTING", 30), listing("COMPLETED", 45, status="FAILED"))
    driver.feed(timeline_read(entry("e1", 0, 5, "FAILED"), at=60))
    assert outcomes(driver) == [("failed", "listing")]


def test_a_flow_of_another_type_at_the_same_time_is_another_flow(driver: Driver) -> None:
    streamed(driver)
    driver.feed(timeline_read(entry("e1", 0, 5, type="reauth"), at=60))
    assert results(driver) == ["counted"]


def test_a_flow_of_another_browser_session_at_the_same_time_is_another_flow(
    driver: Driver,
) -> None:
    driver.feed(listing("SUBMITTING", 0, browser_session_id="b1"))
    driver.feed(listing("COMPLETED", 5, status="SUCCESS"))
    driver.feed(timeline_read(entry("e1", 0, 5, browser_session_id="b2"), at=60))
    assert results(driver) == ["counted"]


def test_a_flow_of_the_same_browser_session_is_the_same_however_far_the_clocks_differ(
    driver: Driver,
) -> None:
    driver.feed(listing("SUBMITTING", 0, browser_session_id="b1"))
    driver.feed(listing("COMPLETED", 5, status="SUCCESS"))
    driver.feed(timeline_read(entry("e1", -9000, -8990, browser_session_id="b1"), at=60))
    assert results(driver) == ["matched"]


def test_an_entry_that_ended_otherwise_than_was_counted_is_doubtful_and_not_counted(
    driver: Driver,
) -> None:
    streamed(driver, status="SUCCESS")
    driver.feed(timeline_read(entry("e1", 0, 5, "CANCELED"), at=60))
    assert results(driver) == ["doubtful"]
    assert outcomes(driver) == [("success", "stream")]


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "EXPIRED"])
def test_a_flow_that_was_given_up_is_recognised_however_it_ended(
    driver: Driver, status: str
) -> None:
    driver.feed(listing("SUBMITTING", 0))
    driver.feed(Forgotten(), received=5)
    driver.feed(timeline_read(entry("e1", 0, 8, status), at=60))
    assert outcomes(driver) == [("unknown", "listing")]
    assert results(driver) == ["matched"]


def test_an_entry_near_a_counted_flow_waits_and_is_then_taken_for_it_in_doubt(
    driver: Driver,
) -> None:
    streamed(driver, 0, 5)
    near = entry("e1", 6, 7)
    driver.feed(timeline_read(near, at=7 + DOUBT - 0.001))
    assert results(driver) == []
    assert looked_for(driver)
    driver.feed(timeline_read(near, at=7 + DOUBT))
    assert results(driver) == ["doubtful"]
    assert not looked_for(driver)
    assert outcomes(driver) == [("success", "stream")]


def test_an_entry_near_a_counted_flow_is_counted_once_the_flow_s_own_entry_shows(
    driver: Driver,
) -> None:
    streamed(driver, 0, 5)
    near = entry("e2", 6, 7)
    driver.feed(timeline_read(near, at=8))
    driver.feed(timeline_read(near, entry("e1", 0, 5), at=9))
    assert results(driver) == ["matched", "counted"]


def test_a_flow_whose_entry_was_found_takes_no_other(driver: Driver) -> None:
    driver.feed(listing("DISCOVERING", 0), listing("COMPLETED", 15, status="SUCCESS"))
    own, next_ = entry("e1", -5, 10), entry("e2", 16, 17, "FAILED")
    driver.feed(timeline_read(own, at=30), timeline_read(next_, own, at=60))
    assert results(driver) == ["matched", "counted"]
    assert outcomes(driver) == [("success", "listing"), ("failed", "timeline")]


def test_an_entry_that_lies_well_apart_is_another_flow(driver: Driver) -> None:
    streamed(driver, 0, 5)
    driver.feed(timeline_read(entry("e2", 7.001, 9), at=60))
    assert results(driver) == ["counted"]


def test_two_flows_one_after_the_other_take_their_own_entries(driver: Driver) -> None:
    streamed(driver, 0, 5, "FAILED")
    streamed(driver, 5, 9, "SUCCESS")
    read = timeline_read(entry("e2", 5, 9), entry("e1", 0, 5, "FAILED"), at=60)
    driver.feed(read)
    assert results(driver) == ["matched", "matched"]


def test_an_entry_that_ran_while_its_flow_ended_is_matched_later(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    driver.feed(timeline_read(entry("e1", 0, status="IN_PROGRESS"), at=2))
    driver.feed(ended("SUCCESS", 5), timeline_read(entry("e1", 0, 5), at=7))
    assert outcomes(driver) == [("success", "stream")]
    assert results(driver) == ["matched"]


# The flow that is open.


def test_a_flow_that_ended_while_nobody_watched_ends_as_its_entry_says(resumed: Driver) -> None:
    told = entry("e1", 0, 8, "FAILED", step="SUBMITTING", error_code="totp_code_rejected")
    resumed.feed(timeline_read(told, at=12))
    [started], [over] = of(FlowStarted, resumed.seen), of(FlowEnded, resumed.seen)
    assert of(FlowResumed, resumed.seen)[0].flow == over.flow == started.flow
    assert (over.outcome, over.observed, over.incomplete) == ("failed", "timeline", True)
    assert (over.error_code, over.last_step) == ("totp_code_rejected", "SUBMITTING")
    assert (over.ended_ns, over.duration_ns) == (START_NS + 8 * SECOND, 8 * SECOND)
    assert results(resumed) == ["matched"]
    last = of(StepFinished, resumed.seen)[-1]
    assert (last.step, last.seen_whole, last.next) == ("AWAITING_INPUT", False, None)
    assert causes(resumed) == ["restart"]
    assert [fact for fact in over.facts if isinstance(fact, Gap)] == facts(Gap, resumed.seen)


def test_it_ends_so_also_while_a_new_stream_has_shown_nothing_yet(resumed: Driver) -> None:
    resumed.attach(GapCause.RESTART)
    resumed.feed(timeline_read(entry("e1", 0, 8), at=12))
    assert outcomes(resumed) == [("success", "timeline")]
    assert causes(resumed) == ["restart"]


def test_a_flow_whose_stream_was_lost_ends_so_with_a_gap(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), StreamDetached())
    driver.feed(timeline_read(entry("e1", 0, 8, "CANCELED"), at=12))
    assert outcomes(driver) == [("canceled", "timeline")]
    assert causes(driver) == ["reconnect"]


def test_a_flow_that_only_a_listing_told_of_ends_so_without_a_gap(driver: Driver) -> None:
    driver.feed(listing("SUBMITTING", 3), timeline_read(entry("e1", 0, 8), at=12))
    assert outcomes(driver) == [("success", "timeline")]
    assert causes(driver) == []


def test_an_open_flow_ends_by_an_entry_that_does_not_tell_yet_when_it_ended(
    resumed: Driver,
) -> None:
    own = entry("e1", 0, status="FAILED", updated_ns=START_NS + 20 * SECOND)
    resumed.feed(timeline_read(own, at=21))
    assert outcomes(resumed) == [("failed", "timeline")]


def test_an_open_flow_ends_by_an_entry_near_it_where_no_other_is_under_way(
    driver: Driver,
) -> None:
    driver.feed(listing("DISCOVERING", 47))
    other_type = entry("e2", 51, status="IN_PROGRESS", type="reauth")
    driver.feed(timeline_read(other_type, entry("e1", 20, 45, "FAILED"), at=52))
    assert outcomes(driver) == [("failed", "timeline")]
    assert results(driver) == ["doubtful"]


def test_an_open_flow_does_not_end_by_an_entry_near_it_while_it_may_be_another_one(
    driver: Driver,
) -> None:
    driver.feed(listing("DISCOVERING", 47))
    last = entry("e1", 20, 45, "FAILED")
    driver.feed(timeline_read(entry("e2", 51, status="IN_PROGRESS"), last, at=52))
    assert (outcomes(driver), looked_for(driver)) == ([], True)
    driver.attach()
    driver.feed(state("DISCOVERING", 51), ended("SUCCESS", 54))
    driver.feed(timeline_read(entry("e2", 51, 54), last, at=66))
    assert outcomes(driver) == [("success", "stream"), ("failed", "timeline")]
    assert results(driver) == ["counted", "matched"]


def test_the_stream_that_watches_a_flow_tells_of_its_end_itself(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    over = entry("e1", 0, 5)
    assert driver.feed(timeline_read(over, at=6)) == []
    assert driver.tracker.in_progress
    assert looked_for(driver)
    driver.feed(ended("SUCCESS", 5), timeline_read(over, at=8))
    assert outcomes(driver) == [("success", "stream")]
    assert of(FlowEnded, driver.seen)[0].duration_ns == 5 * SECOND
    assert results(driver) == ["matched"]


def test_an_older_flow_beside_the_open_one_is_counted_and_the_open_one_goes_on(
    resumed: Driver,
) -> None:
    running = entry("e2", 0, status="IN_PROGRESS")
    resumed.feed(timeline_read(running, entry("e1", -60, -50), at=12))
    assert outcomes(resumed) == [("success", "timeline")]
    assert of(FlowEnded, resumed.seen)[0].started_ns == START_NS - 60 * SECOND
    assert resumed.tracker.in_progress


def test_each_of_two_flows_that_ended_while_nobody_watched_has_its_own_outcome(
    resumed: Driver,
) -> None:
    read = timeline_read(entry("e2", 20, 25), entry("e1", 0, 8, "FAILED"), at=60)
    resumed.feed(read)
    assert outcomes(resumed) == [("failed", "timeline"), ("success", "timeline")]
    assert results(resumed) == ["matched", "counted"]
    assert len(of(FlowStarted, resumed.seen)) == 2


def test_an_open_flow_that_expired_as_another_began_was_superseded(resumed: Driver) -> None:
    later = entry("e2", 1300, status="IN_PROGRESS")
    resumed.feed(timeline_read(later, entry("e1", 0, 1300, "EXPIRED"), at=1400))
    assert outcomes(resumed) == [("superseded", "timeline")]
    assert not resumed.tracker.in_progress


def test_an_open_flow_learns_its_website_error_and_type_from_its_entry(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0, flow_type=None), StreamDetached())
    told = entry("e1", 0, 8, "FAILED", type="reauth", website_error="Wrong password")
    driver.feed(timeline_read(told, at=12))
    assert of(FlowEnded, driver.seen)[0].flow.flow_type == "REAUTH"
    assert [error.category for error in facts(WebsiteError, driver.seen)] == ["wrong_credentials"]


# A new stream that begins with what was before the end that the timeline told of.


@pytest.fixture
def over(resumed: Driver) -> Driver:
    """The flow ended at 8 s, and the timeline told of it at 12 s."""
    resumed.attach(GapCause.RESTART)
    resumed.feed(timeline_read(entry("e1", 0, 8), at=12))
    resumed.seen.clear()
    return resumed


def test_what_a_new_stream_replays_of_a_flow_that_is_over_is_ignored(over: Driver) -> None:
    over.feed(state("AWAITING_INPUT", 3), state("SUBMITTING", 6), ended("SUCCESS", 8), received=13)
    assert over.seen == []


def test_a_snapshot_of_the_end_is_ignored(over: Driver) -> None:
    over.feed(ended("SUCCESS", 8), received=13)
    assert over.seen == []


def test_a_snapshot_of_the_same_flow_that_is_stamped_anew_is_ignored(over: Driver) -> None:
    over.feed(state("SUBMITTING", 12.5, hosted_url="https://h/1"), received=13)
    assert over.seen == []


def test_the_next_flow_of_that_stream_begins_after_what_is_ignored(over: Driver) -> None:
    over.feed(state("SUBMITTING", 6), state("DISCOVERING", 9), ended("FAILED", 11), received=13)
    assert outcomes(over) == [("failed", "stream")]
    over.feed(timeline_read(entry("e2", 9, 11, "FAILED"), entry("e1", 0, 8), at=60))
    assert results(over) == ["matched"]


def test_a_flow_that_begins_as_the_other_ends_is_the_next_one(over: Driver) -> None:
    over.feed(state("DISCOVERING", 8), received=13)
    assert len(of(FlowStarted, over.seen)) == 1


def test_a_listing_that_was_asked_for_before_the_timeline_told_of_the_end_is_stale(
    resumed: Driver,
) -> None:
    resumed.feed(timeline_read(entry("e1", 0, 8), at=12))
    resumed.feed(listing("AWAITING_INPUT", 12.5, requested_ns=START_NS + 11 * SECOND))
    assert not resumed.tracker.in_progress


def test_a_counted_entry_s_own_stream_does_not_begin_its_flow_again(driver: Driver) -> None:
    driver.feed(timeline_read(entry("e1", 0, 8), at=12))
    driver.attach()
    driver.feed(state("SUBMITTING", 6), ended("SUCCESS", 8), received=13)
    assert len(of(FlowStarted, driver.seen)) == 1


# Restarts.


def test_a_restart_is_told_of_once_for_a_flow_that_goes_on(resumed: Driver) -> None:
    resumed.attach(GapCause.RESTART)
    resumed.feed(state("SUBMITTING", 14, hosted_url="https://h/1"), ended("SUCCESS", 16))
    assert causes(resumed) == ["restart"]
    [over] = of(FlowEnded, resumed.seen)
    assert (over.duration_ns, over.incomplete) == (16 * SECOND, True)
    whole = {step.step: step.seen_whole for step in of(StepFinished, resumed.seen)}
    assert whole == {"DISCOVERING": True, "AWAITING_INPUT": False, "SUBMITTING": False}


def test_a_restart_without_an_open_flow_is_nothing(driver: Driver) -> None:
    streamed(driver)
    driver.seen.clear()
    assert driver.feed(Resumed(), received=10) == []


def test_what_is_counted_stays_counted_over_a_restart(driver: Driver) -> None:
    streamed(driver)
    driver.feed(timeline_read(entry("e2", 100, 105), at=110))
    driver.feed(Resumed(), received=120)
    driver.feed(timeline_read(entry("e2", 100, 105), entry("e1", 0, 5), at=130))
    assert outcomes(driver) == [("success", "stream"), ("success", "timeline")]
    assert results(driver) == ["counted", "matched"]


def test_a_stream_that_never_tells_of_an_end_is_not_waited_for_for_ever() -> None:
    driver = Driver()
    driver.attach()
    driver.feed(state("DISCOVERING", 0), state("SUBMITTING", 1))
    ended_entry = entry("e1", 0, 5)
    driver.feed(timeline_read(ended_entry, at=30))
    assert driver.tracker.in_progress
    driver.feed(timeline_read(ended_entry, at=5 + WATCHED_NS / SECOND + 1))
    assert [one.observed.value for one in of(FlowEnded, driver.seen)] == ["timeline"]
    driver.feed(ended("SUCCESS", 6))
    assert len(of(FlowEnded, driver.seen)) == 1


def test_more_flows_than_are_remembered_are_still_counted_once_each() -> None:
    driver = Driver()
    entries = []
    for number in range(MAX_EXPECTED + 8):
        at = 10 * number
        driver.attach()
        driver.feed(state("DISCOVERING", at, hosted_url=f"h{number}"))
        driver.feed(ended("SUCCESS", at + 5), StreamDetached())
        entries.append(entry(f"e{number}", at, at + 5))
    driver.feed(timeline_read(*reversed(entries), at=1000))
    assert len(of(FlowEnded, driver.seen)) == len(entries)


def test_a_tracker_that_was_saved_with_a_stream_comes_back_without() -> None:
    before = Driver()
    before.attach()
    driver = Driver(FlowTracker.restore(before.tracker.save(), classify=lambda _: "other"))
    driver.feed(listing("SUBMITTING", 10), listing("COMPLETED", 20, "SUCCESS"))
    assert [one.outcome.value for one in of(FlowEnded, driver.seen)] == ["success"]
