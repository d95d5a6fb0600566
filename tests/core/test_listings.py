"""Listings as a source of events: samples that may be stale, beside a stream that knows better."""

from typing import Any

import pytest

from exporter.core.events import DeadlineCheck, StreamDetached
from exporter.core.observations import (
    FlowEnded,
    FlowStarted,
    Gap,
    InputRequest,
    StepEntered,
    StepFinished,
    WebsiteError,
)
from tests.support.driving import (
    SECOND,
    START_NS,
    Driver,
    ended,
    facts,
    listing,
    of,
    reasons,
    state,
    timeline_read,
)


@pytest.fixture
def driver() -> Driver:
    return Driver()


def outcomes(driver: Driver) -> list[tuple[str, str]]:
    return [(one.outcome.value, one.observed.value) for one in of(FlowEnded, driver.seen)]


def test_a_listing_in_progress_opens_the_flow_before_the_stream_does(driver: Driver) -> None:
    driver.feed(listing("SUBMITTING", 5))
    assert [one.entry for one in of(FlowStarted, driver.seen)] == ["joined_late"]
    driver.attach()
    driver.feed(ended("SUCCESS", 4))
    assert outcomes(driver) == [("success", "stream")]
    assert last(driver).duration_ns is None


def last(driver: Driver) -> FlowEnded:
    return of(FlowEnded, driver.seen)[-1]


def test_a_terminal_listing_ends_a_flow_only_when_its_stream_is_gone(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    driver.feed(listing("COMPLETED", 5, status="FAILED", error_code="bot_detected"))
    assert outcomes(driver) == []
    driver.feed(
        StreamDetached(), listing("COMPLETED", 6, status="FAILED", error_code="bot_detected")
    )
    assert outcomes(driver) == [("failed", "listing")]
    assert last(driver).error_code == "bot_detected"


def test_a_listing_asked_for_before_the_latest_event_is_stale(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), ended("SUCCESS", 4), StreamDetached())
    driver.feed(listing("SUBMITTING", 5, requested_ns=START_NS + 3 * SECOND))
    assert not driver.tracker.in_progress
    driver.feed(listing("DISCOVERING", 9))
    assert driver.tracker.in_progress


def test_a_listing_that_still_shows_the_flow_that_ended_does_not_open_it_again(
    driver: Driver,
) -> None:
    driver.feed(listing("SUBMITTING", 0, browser_session_id="b1"))
    driver.attach()
    driver.feed(ended("SUCCESS", 1), StreamDetached())
    driver.feed(listing("SUBMITTING", 3, browser_session_id="b1"))
    assert not driver.tracker.in_progress
    driver.feed(listing("DISCOVERING", 4, browser_session_id="b2"))
    assert driver.tracker.in_progress


@pytest.mark.parametrize(
    "change",
    [
        {"hosted_url": "https://a/?s=2"},
        {"browser_session_id": "b2"},
        {"flow_expires_ns": START_NS + 2000 * SECOND},
    ],
)
def test_a_listing_of_another_flow_supersedes_one_without_a_stream(
    driver: Driver,
    change: dict[str, str | int],
) -> None:
    known: dict[str, Any] = {
        "hosted_url": "https://a/?s=1",
        "browser_session_id": "b1",
        "flow_expires_ns": START_NS + 1200 * SECOND,
    }
    driver.feed(listing("SUBMITTING", 0, **known))
    driver.feed(listing("DISCOVERING", 15, **(known | change)))
    assert outcomes(driver) == [("superseded", "listing")]
    assert driver.tracker.in_progress


def test_what_lies_between_two_listings_is_a_gap_and_never_illegal(driver: Driver) -> None:
    driver.feed(listing("AWAITING_INPUT", 0), listing("DISCOVERING", 15))
    assert reasons(driver.seen) == []
    assert len(facts(Gap, driver.seen)) == 1
    assert [one.seen_whole for one in of(StepFinished, driver.seen)] == [False]
    assert of(StepEntered, driver.seen)[-1].step == "DISCOVERING"


def test_listings_during_a_stream_change_nothing_but_complete_the_identity(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0, flow_type=None))
    assert driver.feed(listing("SUBMITTING", 1, browser_session_id="b1")) == []
    driver.feed(StreamDetached(), listing("DISCOVERING", 9, browser_session_id="b2"))
    assert outcomes(driver) == [("superseded", "listing")]


@pytest.mark.parametrize("ahead", [-3600, 0, 10, 3600])
def test_our_clock_never_gets_into_a_duration(driver: Driver, ahead: float) -> None:
    driver.feed(listing("AWAITING_INPUT", 3 + ahead))
    driver.attach()
    driver.feed(state("AWAITING_INPUT", 3), state("SUBMITTING", 6), ended("SUCCESS", 8))
    driver.feed(state("DISCOVERING", 20), ended("FAILED", 25))
    steps = [(one.seen_whole, one.duration_ns / SECOND) for one in of(StepFinished, driver.seen)]
    assert steps[1:] == [(True, 2), (True, 5)]
    assert not steps[0][0]
    assert [one.duration_ns for one in of(FlowEnded, driver.seen)] == [None, 5 * SECOND]


def test_input_is_asked_for_even_where_a_listing_told_of_the_step_first(driver: Driver) -> None:
    driver.feed(listing("DISCOVERING", 0), listing("AWAITING_INPUT", 5))
    driver.attach()
    driver.feed(state("AWAITING_INPUT", 4))
    assert [one.kind for one in facts(InputRequest, driver.seen)] == ["credentials"]


def test_a_listing_that_ends_a_flow_tells_its_step_and_error_and_a_gap(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), StreamDetached())
    driver.feed(listing("SUBMITTING", 9, status="FAILED", website_error="Wrong password"))
    assert last(driver).last_step == "SUBMITTING"
    assert [one.category for one in facts(WebsiteError, driver.seen)] == ["wrong_credentials"]
    assert len(facts(Gap, driver.seen)) == 1


def test_a_listing_of_another_type_is_another_flow(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("SUBMITTING", 0), StreamDetached())
    driver.feed(listing("DISCOVERING", 9, flow_type="REAUTH"))
    assert outcomes(driver) == [("superseded", "listing")]
    assert of(FlowStarted, driver.seen)[-1].flow.flow_type == "REAUTH"


def test_a_listing_that_shows_how_another_flow_ended_supersedes_the_open_one(
    driver: Driver,
) -> None:
    driver.feed(listing("SUBMITTING", 0, browser_session_id="b1"))
    driver.feed(listing("COMPLETED", 9, status="SUCCESS", browser_session_id="b2"))
    assert outcomes(driver) == [("superseded", "listing")]
    assert not driver.tracker.in_progress


def test_a_flow_past_its_deadline_is_not_given_up_while_its_stream_may_be_had(
    driver: Driver,
) -> None:
    driver.feed(listing("SUBMITTING", 5000, flow_expires_ns=START_NS))
    driver.feed(timeline_read(at=5001))
    assert driver.feed(DeadlineCheck(), received=5001) == []
    driver.attach()
    driver.feed(StreamDetached(), received=5100)
    driver.feed(timeline_read(at=5159))
    assert driver.feed(DeadlineCheck(), received=5161) == []
    driver.feed(timeline_read(at=5161))
    assert of(FlowEnded, driver.feed(DeadlineCheck(), received=5161))


def test_a_flow_that_was_given_up_is_not_begun_again_by_its_own_stream(driver: Driver) -> None:
    url = "https://a/?s=1"
    driver.feed(listing("SUBMITTING", 0, flow_expires_ns=START_NS, hosted_url=url))
    driver.feed(timeline_read(at=5000))
    driver.feed(DeadlineCheck(), received=5000)
    driver.attach()
    for step in ("SUBMITTING", "AWAITING_INPUT", "SUBMITTING"):
        assert driver.feed(state(step, 1, hosted_url=url)) == []
    assert driver.feed(ended("SUCCESS", 2)) == []
    assert outcomes(driver) == [("unknown", "listing")]


def test_a_stream_that_stamps_the_state_anew_gives_no_made_up_sample(driver: Driver) -> None:
    driver.feed(listing("DISCOVERING", 3))
    driver.attach()
    driver.feed(state("DISCOVERING", 3.5), state("SUBMITTING", 6))
    assert [one.seen_whole for one in of(StepFinished, driver.seen)] == [False]


def test_a_listing_that_was_asked_for_before_another_ended_the_flow_is_stale(
    driver: Driver,
) -> None:
    driver.feed(listing("SUBMITTING", 0))
    driver.feed(listing("COMPLETED", 9, status="SUCCESS"))
    driver.feed(listing("SUBMITTING", 10, requested_ns=START_NS + 8 * SECOND))
    assert not driver.tracker.in_progress


def test_listings_without_a_flow_or_with_unknown_words_say_nothing(driver: Driver) -> None:
    driver.feed(listing(None, 0, status="PAUSED"), listing("VERIFYING", 1), listing("COMPLETED", 2))
    driver.feed(listing("COMPLETED", 3, status="SUCCESS"))
    assert driver.seen == []
