"""What holds for every sequence of events, legal or not, whole, repeated, reordered or cut."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exporter.core.events import (
    DeadlineCheck,
    Forgotten,
    Listing,
    Pause,
    Resumed,
    StateEvent,
    StreamAttached,
    StreamDetached,
    TimelineEntry,
    TimelineRead,
    TrackerInput,
)
from exporter.core.flow import FlowTracker
from exporter.core.listings import GRACE_NS, LONGEST_FLOW_NS, UNREAD_NS
from exporter.core.machine import MACHINE, TERMINAL, WORKING
from exporter.core.observations import (
    FactNoted,
    FlowEnded,
    FlowObservation,
    FlowResumed,
    FlowStarted,
    GapCause,
    IllegalReason,
    IllegalTransition,
    Observed,
    Outcome,
    StepEntered,
    StepFinished,
)
from exporter.core.vocabulary import FLOW_TYPES, UNKNOWN
from tests.support.driving import CONNECTION, LOGIN_PAGE, PUSH, START_NS

moments = st.integers(START_NS, START_NS + 1500 * 10**9)
texts = st.none() | st.sampled_from(["Wrong password", "ada@example.com", "\ud800", ""]) | st.text()
urls = st.sampled_from([None, "https://a/1", "https://a/2"])
flow_types = st.sampled_from([None, *FLOW_TYPES, "IMPORT"])
odd = st.text(max_size=5)
statuses = st.sampled_from(["IN_PROGRESS"] * 6 + [one.value for one in TERMINAL]) | odd
steps = st.sampled_from([*(one.value for one in WORKING), "COMPLETED"]) | odd

states = st.builds(
    StateEvent,
    at_ns=moments,
    flow_status=statuses,
    flow_step=steps,
    flow_type=flow_types,
    pause=st.sampled_from([Pause(), LOGIN_PAGE, PUSH, Pause(interaction_id="i-2")]),
    website_error=texts,
    error_code=texts,
    error_message=texts,
    hosted_url=urls,
)
listings = st.builds(
    Listing,
    connection_id=st.just(CONNECTION),
    domain=st.just("shop.example"),
    profile_name=st.just("ada"),
    status=st.sampled_from(["AUTHENTICATED", "NEEDS_AUTH", "?"]),
    requested_ns=moments,
    received_ns=moments,
    flow_status=st.none() | statuses,
    flow_step=st.none() | steps,
    flow_type=flow_types,
    flow_expires_ns=st.none() | moments,
    browser_session_id=st.sampled_from([None, "b1", "b2"]),
    hosted_url=urls,
)
entries = st.builds(
    TimelineEntry,
    entry_id=st.sampled_from(["e1", "e2", "e3", "e4"]),
    type=st.sampled_from(["login", "login", "reauth", "health_check", "tomorrow"]),
    at_ns=moments,
    status=statuses,
    completed_ns=st.none() | moments,
    updated_ns=st.none() | moments,
    step=st.none() | steps,
    error_code=texts,
    error_message=texts,
    website_error=texts,
    browser_session_id=st.sampled_from([None, "b1", "b2"]),
)
timelines = st.builds(
    TimelineRead,
    entries=st.lists(entries, max_size=4).map(tuple),
    requested_ns=moments,
    received_ns=moments,
    complete=st.sampled_from([True, True, False]),
)
shell = st.sampled_from(
    [
        Resumed(),
        StreamAttached(),
        *(StreamAttached(cause) for cause in GapCause),
        StreamDetached(),
        DeadlineCheck(),
        Forgotten(),
    ],
)
inputs = st.lists(st.tuples(states | states | listings | timelines | shell, moments), max_size=40)
Inputs = list[tuple[TrackerInput, int]]


def fresh() -> FlowTracker:
    return FlowTracker(CONNECTION, domain="shop.example", classify=lambda _: "other")


def run(tracker: FlowTracker, events: Inputs) -> list[FlowObservation]:
    return [seen for event, at_ns in events for seen in tracker.apply(event, at_ns)]


@given(inputs)
def test_started_always_equals_ended_plus_in_progress(events: Inputs) -> None:
    tracker = fresh()
    balance = 0
    for event, at_ns in events:
        for seen in tracker.apply(event, at_ns):
            balance += isinstance(seen, FlowStarted) - isinstance(seen, FlowEnded)
        assert balance == int(tracker.in_progress)
        assert tracker.in_progress == (tracker._state.state in WORKING)


@given(inputs)
def test_no_flow_that_nobody_watches_ever_stays_open(events: Inputs) -> None:
    tracker = fresh()
    run(tracker, events)
    latest_ns = START_NS + 1500 * 10**9 + LONGEST_FLOW_NS + GRACE_NS
    run(tracker, [(StreamDetached(), START_NS), (DeadlineCheck(), latest_ns + UNREAD_NS + 1)])
    assert not tracker.in_progress


@given(inputs)
def test_no_duration_is_ever_negative_and_every_step_that_is_entered_is_left_once(
    events: Inputs,
) -> None:
    tracker = fresh()
    entered: Counter[int] = Counter()
    for seen in run(tracker, events):
        match seen:
            case StepEntered():
                entered[seen.flow.trace_id] += 1
                assert entered[seen.flow.trace_id] == 1
            case FlowResumed():
                assert entered[seen.flow.trace_id] == 1
            case StepFinished():
                entered[seen.flow.trace_id] -= 1
                assert entered[seen.flow.trace_id] == 0
                assert seen.finished_ns >= seen.entered_ns
                assert seen.next is None or seen.next in MACHINE.states
                assert not seen.seen_whole or seen.next is not None
            case FlowEnded():
                spans = (seen.duration_ns, seen.waiting_ns, seen.working_ns)
                assert all(span is None or span >= 0 for span in spans)
                assert seen.ended_ns >= seen.started_ns
                if seen.waiting_ns is not None and seen.working_ns is not None:
                    assert seen.waiting_ns + seen.working_ns == seen.duration_ns
            case _:
                pass


@given(inputs)
def test_words_that_may_become_labels_are_always_bounded(events: Inputs) -> None:
    names = {*MACHINE.states, UNKNOWN}
    for seen in run(fresh(), events):
        match seen:
            case FactNoted(fact=IllegalTransition() as fact):
                assert fact.reason in IllegalReason
                assert {fact.source, fact.target} <= names
            case FlowEnded():
                assert seen.outcome in Outcome
                known = names if seen.observed is Observed.TIMELINE else MACHINE.states
                assert seen.last_step in known
            case StepEntered() | StepFinished():
                assert seen.step in MACHINE.states
                assert seen.flow.flow_type in (*FLOW_TYPES, "unknown")
            case _:
                pass


@given(inputs)
def test_the_same_sequence_always_gives_the_same_observations_and_ids(events: Inputs) -> None:
    assert run(fresh(), events) == run(fresh(), events)


@given(inputs)
def test_no_two_flows_ever_share_a_trace(events: Inputs) -> None:
    traces = [seen.flow.trace_id for seen in run(fresh(), events) if isinstance(seen, FlowStarted)]
    assert len(traces) == len(set(traces))


@given(inputs, st.integers(0, 40))
def test_a_restart_anywhere_is_as_if_only_the_stream_had_been_lost(
    events: Inputs, cut: int
) -> None:
    tracker = fresh()
    run(tracker, events[:cut])
    restored = FlowTracker.restore(tracker.save(), classify=lambda _: "other")
    tracker._state.attached, tracker._state.fresh = False, True
    assert run(restored, events[cut:]) == run(tracker, events[cut:])


@given(inputs)
def test_what_is_saved_never_holds_a_url(events: Inputs) -> None:
    tracker = fresh()
    run(tracker, events)
    assert b"https://" not in tracker.save()


@given(inputs)
def test_what_is_remembered_is_always_bounded(events: Inputs) -> None:
    tracker = fresh()
    flood: Any = [(event, at_ns) for event, at_ns in events for _ in range(5)]
    run(tracker, flood)
    flow = tracker._state.flow
    if flow:
        assert len(flow.facts) <= 128
        assert len(flow.visit.facts) <= 128
        assert len(flow.errors_shown) <= 32
        assert len(flow.asked) <= 32
