"""Whole flows, each told as a story with the numbers that must come out."""

import pytest

from exporter.core.events import DeadlineCheck, Forgotten, Pause, StreamDetached
from exporter.core.flow import FlowTracker
from exporter.core.listings import UNREAD_NS
from exporter.core.observations import (
    FlowEnded,
    FlowStarted,
    Gap,
    GapCause,
    InputRequest,
    StepFinished,
    WebsiteError,
)
from tests.support.driving import (
    CONNECTION,
    LOGIN_PAGE,
    SECOND,
    START_NS,
    Driver,
    ended,
    entry,
    facts,
    listing,
    of,
    reasons,
    state,
    timeline_read,
)

CODE = Pause(field_types=frozenset({"code"}), interaction_id="i-2")


@pytest.fixture
def driver() -> Driver:
    return Driver()


def last_end(driver: Driver) -> FlowEnded:
    return of(FlowEnded, driver.seen)[-1]


def test_a_two_factor_login_gives_each_step_its_time_and_tells_waiting_from_working(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(
        state("DISCOVERING", 0),
        state("AWAITING_INPUT", 3),
        state("SUBMITTING", 13),
        state("AWAITING_INPUT", 17, pause=CODE),
        state("SUBMITTING", 37),
        ended("SUCCESS", 41),
    )
    steps = [
        (s.step, s.ordinal, s.duration_ns / SECOND, s.next) for s in of(StepFinished, driver.seen)
    ]
    assert steps == [
        ("DISCOVERING", 1, 3, "AWAITING_INPUT"),
        ("AWAITING_INPUT", 2, 10, "SUBMITTING"),
        ("SUBMITTING", 3, 4, "AWAITING_INPUT"),
        ("AWAITING_INPUT", 4, 20, "SUBMITTING"),
        ("SUBMITTING", 5, 4, "SUCCESS"),
    ]
    end = last_end(driver)
    assert (end.outcome, end.observed, end.last_step) == ("success", "stream", "SUBMITTING")
    assert (end.duration_ns, end.waiting_ns, end.working_ns) == (
        41 * SECOND,
        30 * SECOND,
        11 * SECOND,
    )
    assert not end.incomplete
    asked = [(one.kind, one.retry) for one in facts(InputRequest, driver.seen)]
    assert asked == [("credentials", False), ("one_time_code", False)]


def test_a_wrong_password_is_one_error_each_time_it_is_refused(driver: Driver) -> None:
    wrong = "Incorrect password for ada@example.com"
    driver.attach()
    driver.feed(
        state("DISCOVERING", 0),
        state("AWAITING_INPUT", 1),
        state("SUBMITTING", 2),
        state("AWAITING_INPUT", 3, website_error=wrong),
        state("AWAITING_INPUT", 4, website_error=wrong),
        state("SUBMITTING", 5),
        state("AWAITING_INPUT", 6, website_error=wrong),
        ended("FAILED", 7, website_error=wrong, error_code="credentials_invalid"),
    )
    errors = facts(WebsiteError, driver.seen)
    assert [(error.at_ns - errors[0].at_ns) // SECOND for error in errors] == [0, 3]
    assert {(error.category, error.text) for error in errors} == {
        ("wrong_credentials", "Incorrect password for [email]"),
    }
    retries = [one.retry for one in facts(InputRequest, driver.seen)]
    assert retries == [False, True, True]
    assert last_end(driver).error_code == "credentials_invalid"


def test_an_error_that_led_to_a_pause_is_not_counted_again_in_it(driver: Driver) -> None:
    driver.attach()
    driver.feed(
        state("DISCOVERING", 0),
        state("AWAITING_INPUT", 1),
        state("SUBMITTING", 2, website_error="Wrong password"),
        state("AWAITING_INPUT", 3, website_error="Wrong password"),
    )
    assert len(facts(WebsiteError, driver.seen)) == 1


def test_a_flow_joined_late_gives_no_sample_for_what_was_not_seen_whole(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("SUBMITTING", 5), state("AWAITING_INPUT", 7), state("SUBMITTING", 9))
    driver.feed(ended("SUCCESS", 12))
    assert [one.entry for one in of(FlowStarted, driver.seen)] == ["joined_late"]
    whole = [(one.step, one.seen_whole) for one in of(StepFinished, driver.seen)]
    assert whole == [("SUBMITTING", False), ("AWAITING_INPUT", True), ("SUBMITTING", True)]
    end = last_end(driver)
    assert end.incomplete
    assert (end.duration_ns, end.waiting_ns, end.working_ns) == (None, None, None)


def test_a_gap_in_the_middle_leaves_the_whole_duration_but_not_the_parts(driver: Driver) -> None:
    url = "https://a/?s=1"
    driver.attach()
    driver.feed(state("DISCOVERING", 0, hosted_url=url))
    driver.reconnect()
    driver.feed(state("SUBMITTING", 5, hosted_url=url), ended("FAILED", 8))
    assert [gap.cause for gap in facts(Gap, driver.seen)] == [GapCause.RECONNECT]
    end = last_end(driver)
    assert end.incomplete
    assert (end.duration_ns, end.waiting_ns) == (8 * SECOND, None)


def test_after_a_gap_a_flow_without_identity_may_be_the_next_one_so_its_duration_is_unknown(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    driver.reconnect()
    driver.feed(state("SUBMITTING", 5), ended("FAILED", 8))
    assert last_end(driver).duration_ns is None


def test_after_a_gap_another_interaction_id_shows_that_a_submission_went_unseen(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), state("AWAITING_INPUT", 1))
    driver.reconnect()
    seen = driver.feed(state("AWAITING_INPUT", 20, pause=CODE))
    assert [gap.cause for gap in facts(Gap, seen)] == [GapCause.RECONNECT]
    assert [one.kind for one in facts(InputRequest, seen)] == ["one_time_code"]
    assert [one.seen_whole for one in of(StepFinished, seen)] == [False]


def test_the_same_state_after_a_reconnect_is_no_gap_and_keeps_its_start(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), state("AWAITING_INPUT", 1))
    driver.reconnect()
    seen = driver.feed(state("AWAITING_INPUT", 20), state("SUBMITTING", 21))
    assert not facts(Gap, seen)
    assert [(one.seen_whole, one.duration_ns / SECOND) for one in of(StepFinished, seen)] == [
        (True, 20),
    ]


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "EXPIRED", "CANCELED"])
def test_a_snapshot_of_a_flow_that_ended_before_counts_nothing(
    driver: Driver,
    status: str,
) -> None:
    driver.attach()
    assert driver.feed(ended(status, 0)) == []
    assert driver.tracker.ended


def test_an_unbroken_stream_may_carry_the_next_flow(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), ended("SUCCESS", 2))
    driver.feed(
        state("DISCOVERING", 9, flow_type="REAUTH"), ended("FAILED", 12, flow_type="REAUTH")
    )
    starts = of(FlowStarted, driver.seen)
    assert [(one.entry, one.flow.flow_type) for one in starts] == [
        ("discovering", "LOGIN"),
        ("discovering", "REAUTH"),
    ]
    assert starts[1].flow.linked_trace_id == starts[0].flow.trace_id != starts[1].flow.trace_id
    assert [one.outcome for one in of(FlowEnded, driver.seen)] == ["success", "failed"]
    assert reasons(driver.seen) == []


def test_another_hosted_url_supersedes_the_flow(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0, hosted_url="https://a/?s=1"), state("AWAITING_INPUT", 1))
    seen = driver.feed(state("DISCOVERING", 30, hosted_url="https://a/?s=2"))
    assert [one.outcome for one in of(FlowEnded, seen)] == ["superseded"]
    assert [one.entry for one in of(FlowStarted, seen)] == ["discovering"]
    assert reasons(seen) == []


def test_another_flow_type_at_discovering_supersedes_and_elsewhere_is_illegal(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), state("SUBMITTING", 1))
    seen = driver.feed(state("AWAITING_INPUT", 2, flow_type="REAUTH"))
    assert reasons(seen) == ["flow_type_changed"]
    assert {one.flow.flow_type for one in of(StepFinished, seen)} == {"LOGIN"}
    driver.feed(state("SUBMITTING", 3))
    seen = driver.feed(state("DISCOVERING", 4, flow_type="REAUTH"))
    assert [one.outcome for one in of(FlowEnded, seen)] == ["superseded"]


def test_a_type_learnt_late_counts_from_then_on(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0, flow_type=None), state("SUBMITTING", 1))
    driver.feed(ended("SUCCESS", 2, flow_type=None))
    assert of(FlowStarted, driver.seen)[0].flow.flow_type == "unknown"
    assert last_end(driver).flow.flow_type == "LOGIN"


def test_an_older_event_is_counted_and_time_never_goes_back(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 10))
    seen = driver.feed(state("SUBMITTING", 4), ended("SUCCESS", 12))
    assert reasons(seen) == ["timestamp_regression"]
    steps = of(StepFinished, seen)
    assert [(one.duration_ns / SECOND, one.seen_whole) for one in steps] == [(0, False), (2, False)]
    assert last_end(driver).duration_ns == 2 * SECOND


def test_one_time_from_the_future_spoils_its_own_flow_and_no_other(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 1e9), state("SUBMITTING", 2), ended("SUCCESS", 3))
    assert reasons(driver.seen) == ["timestamp_regression"]
    assert not [one for one in of(StepFinished, driver.seen) if one.seen_whole]
    assert last_end(driver).duration_ns is None
    driver.attach()
    driver.feed(state("DISCOVERING", 10), state("SUBMITTING", 12), ended("SUCCESS", 15))
    assert [one.duration_ns / SECOND for one in of(StepFinished, driver.seen)[2:]] == [2, 3]
    assert last_end(driver).duration_ns == 5 * SECOND


def test_the_same_step_after_a_gap_is_no_sample_unless_it_is_known_to_be_the_same_visit(
    driver: Driver,
) -> None:
    url = "https://a/?s=1"
    driver.attach()
    driver.feed(state("DISCOVERING", 0, hosted_url=url), state("SUBMITTING", 5, hosted_url=url))
    driver.reconnect()
    seen = driver.feed(state("SUBMITTING", 66, hosted_url=url), ended("SUCCESS", 68))
    assert [one.seen_whole for one in of(StepFinished, seen)] == [False]
    end = last_end(driver)
    assert (end.incomplete, end.duration_ns, end.working_ns) == (True, 68 * SECOND, None)


def test_after_a_gap_another_request_shows_that_a_submission_went_unseen(driver: Driver) -> None:
    password, code = (Pause(field_types=frozenset({word})) for word in ("password", "code"))
    driver.attach()
    driver.feed(state("DISCOVERING", 0), state("AWAITING_INPUT", 1, pause=password))
    driver.reconnect()
    seen = driver.feed(state("AWAITING_INPUT", 9, pause=code))
    assert [one.kind for one in facts(InputRequest, seen)] == ["one_time_code"]
    assert [gap.cause for gap in facts(Gap, seen)] == [GapCause.RECONNECT]


def test_the_same_report_after_a_gap_proves_that_the_visit_goes_on(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), state("SUBMITTING", 5))
    driver.reconnect()
    seen = driver.feed(state("SUBMITTING", 5), ended("SUCCESS", 9))
    assert [(one.seen_whole, one.duration_ns / SECOND) for one in of(StepFinished, seen)] == [
        (True, 4),
    ]


def test_a_flow_found_at_discovering_by_a_resumed_stream_has_no_known_start(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0, hosted_url="https://a/1"))
    driver.reconnect()
    driver.feed(state("DISCOVERING", 30, hosted_url="https://a/2"), ended("SUCCESS", 31))
    assert [one.entry for one in of(FlowStarted, driver.seen)] == ["discovering"] * 2
    assert not [one for one in of(StepFinished, driver.seen) if one.seen_whole]
    assert last_end(driver).duration_ns is None


def test_a_type_that_was_reported_as_changed_makes_no_new_flow_after_a_gap(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), state("SUBMITTING", 1, flow_type="REAUTH"))
    driver.feed(state("SUBMITTING", 2, flow_type="REAUTH"))
    driver.reconnect()
    driver.feed(state("SUBMITTING", 3, flow_type="REAUTH"))
    assert reasons(driver.seen) == ["flow_type_changed"]
    assert not of(FlowEnded, driver.seen)


def test_the_same_error_in_another_pause_is_another_error(driver: Driver) -> None:
    wrong = "Incorrect password"
    again = Pause(field_types=LOGIN_PAGE.field_types, interaction_id="i-9", rejected=True)
    driver.attach()
    driver.feed(
        state("DISCOVERING", 0),
        state("AWAITING_INPUT", 1, website_error=wrong),
        state("AWAITING_INPUT", 2, website_error=wrong),
        state("AWAITING_INPUT", 9, website_error=wrong, pause=again),
    )
    assert len(facts(WebsiteError, driver.seen)) == 2
    assert [one.retry for one in facts(InputRequest, driver.seen)] == [False, True]


def test_a_password_that_is_asked_for_after_the_address_is_no_retry(driver: Driver) -> None:
    address, password = (Pause(field_types=frozenset({word})) for word in ("email", "password"))
    driver.attach()
    driver.feed(state("DISCOVERING", 0), state("AWAITING_INPUT", 1, pause=address))
    driver.feed(state("SUBMITTING", 2), state("AWAITING_INPUT", 3, pause=password))
    driver.feed(state("SUBMITTING", 4), state("AWAITING_INPUT", 5, pause=password))
    assert [one.retry for one in facts(InputRequest, driver.seen)] == [False, False, True]


def test_a_pause_without_details_is_counted_once_a_visit(driver: Driver) -> None:
    driver.attach()
    bare = Pause()
    driver.feed(state("DISCOVERING", 0), state("AWAITING_INPUT", 1, pause=bare))
    driver.feed(state("AWAITING_INPUT", 2, pause=bare), state("SUBMITTING", 3))
    driver.feed(state("AWAITING_EXTERNAL_ACTION", 4, pause=LOGIN_PAGE))
    assert reasons(driver.seen) == ["missing_pause_details"] * 2


def test_an_unknown_flow_type_is_counted_and_the_flow_goes_on(driver: Driver) -> None:
    driver.attach()
    seen = driver.feed(state("DISCOVERING", 0, flow_type="IMPORT"), state("SUBMITTING", 1))
    assert reasons(seen) == ["unknown_flow_type"]
    assert driver.tracker.in_progress


def test_a_terminal_status_with_an_unknown_step_still_ends_the_flow(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    seen = driver.feed(ended("FAILED", 1, step="ARCHIVED"))
    assert reasons(seen) == ["unknown_step"]
    assert [one.outcome for one in of(FlowEnded, seen)] == ["failed"]


def test_a_working_step_after_a_terminal_opens_a_flow_joined_late(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), ended("SUCCESS", 1))
    seen = driver.feed(state("SUBMITTING", 2))
    assert reasons(seen) == ["after_terminal"]
    assert [one.entry for one in of(FlowStarted, seen)] == ["joined_late"]


def test_two_flows_that_claim_the_same_start_still_have_different_ids(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), ended("SUCCESS", 0), state("DISCOVERING", 0))
    first, second = (one.flow.trace_id for one in of(FlowStarted, driver.seen))
    assert first != second


def test_a_free_error_code_is_redacted_and_a_message_too(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    driver.feed(
        ended("FAILED", 1, error_code="user-ada@example.com", error_message="code 123456 refused"),
    )
    end = last_end(driver)
    assert (end.error_code, end.error_message) == ("[email]", "code [number] refused")


def test_what_is_no_host_or_holds_an_address_is_not_shown() -> None:
    tracker = FlowTracker(
        CONNECTION,
        domain="https://user:secret@evil/?token=1",
        profile_name="ada@example.com",
        classify=lambda _: "other",
    )
    driver = Driver(tracker)
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    flow = of(FlowStarted, driver.seen)[0].flow
    assert (flow.domain, flow.profile_name) == ("", "[email]")


def test_a_deleted_connection_ends_its_flow_as_unknown(driver: Driver) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    seen = driver.feed(StreamDetached(), Forgotten(), received=5)
    assert [one.outcome for one in of(FlowEnded, seen)] == ["unknown"]
    assert driver.feed(Forgotten(), received=6) == []


def test_a_flow_that_nobody_can_see_ends_as_unknown_past_its_deadline_and_grace(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    assert driver.feed(DeadlineCheck(), received=5000) == []
    driver.feed(StreamDetached(), timeline_read(at=1260))
    assert driver.feed(DeadlineCheck(), received=5000) == []
    driver.feed(timeline_read(at=1261))
    seen = driver.feed(DeadlineCheck(), received=1262)
    assert [(one.outcome, one.observed) for one in of(FlowEnded, seen)] == [("unknown", "listing")]


def test_the_deadline_is_the_listed_one_where_it_is_known(driver: Driver) -> None:
    driver.feed(listing("DISCOVERING", 0, flow_expires_ns=listing(None, 100).received_ns))
    driver.feed(timeline_read(at=160))
    assert driver.feed(DeadlineCheck(), received=161) == []
    driver.feed(timeline_read(at=161))
    assert of(FlowEnded, driver.feed(DeadlineCheck(), received=161))


def test_a_flow_whose_deadline_passed_while_the_api_was_down_ends_as_its_timeline_says(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    driver.feed(StreamDetached(), timeline_read(at=20))
    assert driver.feed(DeadlineCheck(), received=7200) == []
    driver.feed(timeline_read(entry("e1", 0, 60), at=7300))
    ends = [(one.outcome, one.observed) for one in of(FlowEnded, driver.seen)]
    assert ends == [("success", "timeline")]


def test_a_deadline_waits_while_the_timeline_is_about_to_tell(driver: Driver) -> None:
    driver.feed(listing("DISCOVERING", 1200, flow_expires_ns=START_NS))
    near, under_way = entry("e1", 1215, 1295, "FAILED"), entry("e2", 1296, status="IN_PROGRESS")
    driver.feed(timeline_read(near, under_way, at=1300))
    assert driver.feed(DeadlineCheck(), received=1301) == []
    driver.feed(timeline_read(near, under_way, at=1306))
    ends = [(one.outcome, one.observed) for one in of(FlowEnded, driver.seen)]
    assert ends == [("failed", "timeline")]


def test_a_flow_of_a_timeline_that_can_never_be_read_ends_a_day_after_its_deadline(
    driver: Driver,
) -> None:
    driver.attach()
    driver.feed(state("DISCOVERING", 0), StreamDetached())
    day = UNREAD_NS / SECOND
    assert driver.feed(DeadlineCheck(), received=1260 + day) == []
    assert of(FlowEnded, driver.feed(DeadlineCheck(), received=1261 + day))
