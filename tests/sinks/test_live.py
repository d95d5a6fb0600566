"""The live view: what is in progress, what ended, and that none of it grows."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.core import observations as obs
from exporter.sinks.live import (
    MAX_FAILURES,
    MAX_OTHER_ENDINGS,
    MAX_SHOWN_IN_PROGRESS,
    LiveView,
    SeenError,
)

_SECOND = 1_000_000_000


def _ref(connection_id: str = "c1", flow_type: str = "LOGIN", started_ns: int = 0) -> obs.FlowRef:
    return obs.FlowRef(connection_id, "bank.example", "work", flow_type, started_ns, 0xABC)


def _begin(view: LiveView, ref: obs.FlowRef, step: str = "DISCOVERING", at_ns: int = 0) -> None:
    view.observe(obs.FlowStarted(ref, obs.Entry.DISCOVERING))
    view.observe(obs.StepEntered(ref, step, at_ns))


def _ended(
    ref: obs.FlowRef, outcome: obs.Outcome = obs.Outcome.SUCCESS, error_code: str | None = None
) -> obs.FlowEnded:
    return obs.FlowEnded(
        flow=ref,
        outcome=outcome,
        observed=obs.Observed.STREAM,
        last_step="SUBMITTING",
        started_ns=ref.started_ns,
        ended_ns=ref.started_ns + 5 * _SECOND,
        error_code=error_code,
        error_message="free text of the upstream",
        incomplete=False,
        duration_ns=5 * _SECOND,
        waiting_ns=None,
        working_ns=None,
        facts=(),
    )


def _error(ref: obs.FlowRef | None, category: str = "wrong_code") -> obs.FactNoted:
    fact = obs.WebsiteError(0, category, "Wrong code")
    return obs.FactNoted("bank.example", ref, "SUBMITTING", fact)


def test_a_flow_in_progress_shows_its_step_and_since_when() -> None:
    view = LiveView()
    _begin(view, _ref(started_ns=2 * _SECOND), "AWAITING_INPUT", 5 * _SECOND)
    (flow,) = view.snapshot().in_progress
    assert (flow.connection_id, flow.domain, flow.profile_name) == ("c1", "bank.example", "work")
    assert (flow.step, flow.flow_type) == ("AWAITING_INPUT", "LOGIN")
    assert (flow.started_seconds, flow.step_entered_seconds) == (2.0, 5.0)
    assert flow.trace_id == f"{0xABC:032x}"
    assert view.snapshot().totals.in_progress_by_step == {"AWAITING_INPUT": 1}


def test_a_flow_type_that_is_learnt_late_shows() -> None:
    view = LiveView()
    _begin(view, _ref(flow_type="unknown"))
    view.observe(obs.StepEntered(_ref(flow_type="REAUTH"), "SUBMITTING", 1))
    assert view.snapshot().in_progress[0].flow_type == "REAUTH"


def test_an_ended_flow_moves_to_the_endings_with_the_error_that_the_website_showed() -> None:
    view = LiveView()
    _begin(view, _ref())
    view.observe(_error(_ref()))
    assert view.snapshot().in_progress[0].website_error == SeenError("wrong_code", "Wrong code")
    view.observe(_ended(_ref(), obs.Outcome.FAILED, "credentials_invalid"))
    live = view.snapshot()
    assert live.in_progress == []
    (ending,) = live.ended
    assert ending.failure
    assert (ending.outcome, ending.error_code) == (obs.Outcome.FAILED, "credentials_invalid")
    assert (ending.last_step, ending.duration_seconds) == ("SUBMITTING", 5.0)
    assert ending.website_error == SeenError("wrong_code", "Wrong code")
    assert live.totals.ended_by_outcome["failed"] == 1
    assert live.totals.website_errors_by_category == {"wrong_code": 1}


def test_the_next_flow_of_a_connection_starts_without_the_last_ones_error() -> None:
    view = LiveView()
    _begin(view, _ref())
    view.observe(_error(_ref()))
    view.observe(_ended(_ref(), obs.Outcome.SUPERSEDED))
    _begin(view, _ref(started_ns=1))
    assert view.snapshot().in_progress[0].website_error is None


def test_failures_outlive_any_number_of_successes() -> None:
    view = LiveView()
    view.observe(_ended(_ref("failing"), obs.Outcome.FAILED))
    for number in range(10 * MAX_OTHER_ENDINGS):
        view.observe(_ended(_ref(f"c{number}")))
    endings = view.snapshot().ended
    assert len(endings) == MAX_OTHER_ENDINGS + 1
    assert endings[-1].connection_id == "failing"
    assert [e.sequence for e in endings] == sorted((e.sequence for e in endings), reverse=True)


def test_neither_endings_nor_shown_flows_grow_without_bound_but_totals_count_all() -> None:
    view = LiveView()
    for number in range(3 * MAX_FAILURES):
        view.observe(_ended(_ref(f"f{number}"), obs.Outcome.EXPIRED))
    for number in range(2 * MAX_SHOWN_IN_PROGRESS):
        _begin(view, _ref(f"c{number}"), at_ns=number)
    live = view.snapshot()
    assert len(live.ended) == MAX_FAILURES
    assert live.totals.ended_by_outcome["expired"] == 3 * MAX_FAILURES
    assert live.totals.in_progress == 2 * MAX_SHOWN_IN_PROGRESS
    shown = [flow.connection_id for flow in live.in_progress]
    assert shown == [f"c{number}" for number in range(MAX_SHOWN_IN_PROGRESS)], "the oldest first"


def test_an_error_code_that_nobody_knows_is_treated_as_free_text() -> None:
    view = LiveView()
    view.observe(_ended(_ref(), obs.Outcome.FAILED, "jane@bank.example " + "x" * 500))
    code = view.snapshot().ended[0].error_code
    assert code is not None
    assert "jane" not in code
    assert len(code) <= 64


def test_the_upstreams_message_never_shows() -> None:
    view = LiveView()
    view.observe(_ended(_ref(), obs.Outcome.FAILED))
    assert b"free text" not in msgspec.json.encode(view.snapshot())


def test_streams_followed_connections_gaps_and_illegal_transitions_are_counted() -> None:
    view = LiveView()
    illegal = obs.IllegalTransition(0, obs.IllegalReason.SKIPPED_STEP, "AWAITING_INPUT", "SUCCESS")
    for observation in (
        obs.StreamOpened("c1"),
        obs.StreamOpened("c2"),
        obs.StreamEnded("c2", obs.StreamEndReason.EOF, opened=True),
        obs.StreamEnded("c3", obs.StreamEndReason.NETWORK, opened=False),
        obs.FollowingChanged(7),
        obs.FactNoted("", None, "IDLE", illegal),
        obs.FactNoted("", None, "IDLE", obs.Gap(0, obs.GapCause.RECONNECT)),
        _error(None),
    ):
        view.observe(observation)
    totals = view.snapshot().totals
    assert (totals.streams_open, totals.connections_followed, totals.gaps) == (1, 7, 1)
    assert totals.illegal_transitions_by_reason == {"skipped_step": 1}
    assert totals.website_errors_by_category == {"wrong_code": 1}


def test_a_flow_that_is_resumed_shows_in_its_step_and_is_no_new_start() -> None:
    view = LiveView()
    view.observe(obs.TotalsRestored(((("started", "LOGIN", "discovering", "bank.example"), 1),)))
    view.observe(obs.FlowResumed(_ref(started_ns=2 * _SECOND), "AWAITING_INPUT", 5 * _SECOND))
    (flow,) = view.snapshot().in_progress
    assert (flow.step, flow.started_seconds, flow.step_entered_seconds) == (
        "AWAITING_INPUT",
        2.0,
        5.0,
    )
    assert (view.snapshot().totals.started, view.snapshot().totals.in_progress) == (1, 1)
    view.observe(_error(_ref()))
    view.observe(_ended(_ref()))
    live = view.snapshot()
    assert (live.totals.in_progress, live.totals.ended_by_outcome["success"]) == (0, 1)
    assert live.ended[0].website_error == SeenError("wrong_code", "Wrong code")


def test_totals_go_on_where_earlier_processes_left_them() -> None:
    view = LiveView()
    view.observe(
        obs.TotalsRestored(
            (
                (("started", "LOGIN", "discovering", "a.example"), 5),
                (("started", "REAUTH", "timeline", "b.example"), 2),
                (("ended", "success", "LOGIN", "stream", "a.example"), 4),
                (("ended", "success", "REAUTH", "timeline", "b.example"), 1),
                (("ended", "failed", "REAUTH", "timeline", "b.example"), 1),
                (("ended", "a word of a later version", "LOGIN", "stream", "a.example"), 9),
                (("failed", "none", "SUBMITTING", "REAUTH"), 1),
                ((), 9),
            )
        )
    )
    _begin(view, _ref())
    view.observe(_ended(_ref(), obs.Outcome.FAILED))
    totals = view.snapshot().totals
    assert totals.started == 8
    assert (totals.ended_by_outcome["success"], totals.ended_by_outcome["failed"]) == (5, 2)
    assert view.snapshot().ended[0].sequence == 1, "only what this process saw is listed"


def test_a_flow_that_is_over_and_learnt_of_late_leaves_the_open_one_of_its_connection_alone() -> (
    None
):
    view = LiveView()
    _begin(view, _ref(), "SUBMITTING")
    past = msgspec.structs.replace(_ref(), trace_id=0xDEF)
    view.observe(obs.FlowStarted(past, obs.Entry.TIMELINE))
    view.observe(_error(past, "captcha"))
    view.observe(_ended(past, obs.Outcome.FAILED))
    live = view.snapshot()
    assert live.ended[0].website_error == SeenError("captcha", "Wrong code")
    (flow,) = live.in_progress
    assert (flow.step, flow.trace_id, flow.website_error) == ("SUBMITTING", f"{0xABC:032x}", None)


_refs = st.builds(_ref, st.sampled_from(["a", "b", "c"]), st.text(max_size=5))
_words = st.sampled_from(["started", "ended", "failed", *obs.Outcome]) | st.text(max_size=5)
_totals = st.lists(
    st.tuples(st.lists(_words, max_size=5).map(tuple), st.integers(0, 2**62)), max_size=4
).map(tuple)
_observations = st.one_of(
    st.builds(obs.FlowStarted, _refs, st.sampled_from(obs.Entry)),
    st.builds(obs.StepEntered, _refs, st.text(max_size=5), st.integers(0, 2**62)),
    st.builds(_ended, _refs, st.sampled_from(obs.Outcome), st.none() | st.text(max_size=100)),
    st.builds(_error, st.none() | _refs, st.text(max_size=5)),
    st.builds(obs.StreamMessage, st.sampled_from(obs.StreamEventKind), st.integers(0, 2**62)),
    st.builds(obs.ApiRequest, st.text(), st.none() | st.integers(), st.floats()),
    st.builds(obs.RateLimit, st.integers(), st.integers()),
    st.builds(obs.ConnectionListed, st.text(), st.text(), st.text(), st.none(), st.none()),
    st.builds(obs.ConnectionForgotten, st.text()),
    st.builds(obs.FlowResumed, _refs, st.text(max_size=5), st.integers(0, 2**62)),
    st.builds(obs.TimelineNoted, st.sampled_from(obs.TimelineResult)),
    st.builds(obs.HealthCheckSeen, st.text(), st.integers(0, 2**62)),
    st.builds(obs.TimelineCovered, st.none() | st.integers(0, 2**62)),
    st.builds(obs.ApiBudget, st.floats()),
    st.builds(obs.JournalWritten, st.booleans(), st.integers(0, 2**62)),
    st.builds(obs.TotalsRestored, _totals),
)


@given(st.lists(_observations, max_size=40))
def test_any_observations_in_any_order_give_a_snapshot_that_encodes(
    given_observations: list[obs.Observation],
) -> None:
    view = LiveView()
    for observation in given_observations:
        view.observe(observation)
    live = view.snapshot()
    assert msgspec.json.decode(msgspec.json.encode(live))["totals"]["started"] >= 0
    assert live.totals.in_progress == sum(live.totals.in_progress_by_step.values()) <= 3
