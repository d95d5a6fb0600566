"""Flows to make spans of: one of each kind, and a strategy for any."""

from hypothesis import strategies as st

from exporter.core import ids
from exporter.core.observations import (
    FactNoted,
    FlowEnded,
    FlowFact,
    FlowRef,
    Gap,
    GapCause,
    IllegalReason,
    IllegalTransition,
    InputKind,
    InputRequest,
    Observation,
    Observed,
    Outcome,
    StepEntered,
    StepFinished,
    WebsiteError,
)

SECOND = 10**9
STARTED_NS = 1_767_225_600 * SECOND

FACTS: tuple[FlowFact, ...] = (
    WebsiteError(STARTED_NS + 1 * SECOND, "wrong_credentials", "Incorrect password"),
    InputRequest(STARTED_NS + 2 * SECOND, InputKind.ONE_TIME_CODE, retry=True),
    IllegalTransition(
        STARTED_NS + 3 * SECOND, IllegalReason.SKIPPED_STEP, "AWAITING_INPUT", "SUCCESS"
    ),
    Gap(STARTED_NS + 4 * SECOND, GapCause.RECONNECT),
)


def flow_ref(number: int = 1, flow_type: str = "LOGIN", *, linked_trace_id: int = 0) -> FlowRef:
    connection_id = f"ma_{number}"
    trace = ids.trace_id(connection_id, STARTED_NS)
    return FlowRef(
        connection_id, "bank.example", "anna", flow_type, STARTED_NS, trace, linked_trace_id
    )


def step_finished(
    flow: FlowRef,
    *,
    ordinal: int = 1,
    step: str = "DISCOVERING",
    next_state: str | None = "AWAITING_INPUT",
    seen_whole: bool = True,
    facts: tuple[FlowFact, ...] = (),
) -> StepFinished:
    return StepFinished(
        flow,
        step,
        ordinal,
        STARTED_NS + (ordinal - 1) * SECOND,
        STARTED_NS + ordinal * SECOND,
        next_state,
        seen_whole,
        facts,
    )


def flow_ended(
    flow: FlowRef,
    outcome: Outcome = Outcome.SUCCESS,
    *,
    error_code: str | None = None,
    error_message: str | None = None,
    facts: tuple[FlowFact, ...] = (),
) -> FlowEnded:
    return FlowEnded(
        flow,
        outcome,
        Observed.STREAM,
        "SUBMITTING",
        STARTED_NS,
        STARTED_NS + 9 * SECOND,
        error_code,
        error_message,
        incomplete=False,
        duration_ns=9 * SECOND,
        waiting_ns=6_500_000_000,
        working_ns=2_500_000_000,
        facts=facts,
    )


# Any text that can reach a Python string, lone surrogates and NUL included.
texts = st.text(st.characters(), max_size=300)
_times = st.integers(-(2**70), 2**70)
_facts: st.SearchStrategy[tuple[FlowFact, ...]] = st.lists(
    st.one_of(
        st.builds(WebsiteError, _times, texts, texts),
        st.builds(InputRequest, _times, st.sampled_from(InputKind), st.booleans()),
        st.builds(IllegalTransition, _times, st.sampled_from(IllegalReason), texts, texts),
        st.builds(Gap, _times, st.sampled_from(GapCause)),
    ),
    max_size=4,
).map(tuple)
flows = st.builds(
    lambda connection, domain, profile, kind, started, linked: FlowRef(
        connection,
        domain,
        profile,
        kind,
        started,
        ids.trace_id(connection.encode("utf-8", "replace").decode(), started),
        linked,
    ),
    texts,
    texts,
    texts,
    st.sampled_from(["LOGIN", "REAUTH", "unknown"]) | texts,
    _times,
    st.just(0) | st.integers(1, 2**128 - 1),
)
_states = st.sampled_from(["DISCOVERING", "SUCCESS", "FAILED", "EXPIRED", "CANCELED"]) | texts
_steps = st.builds(
    StepFinished,
    flows,
    texts,
    st.integers(1, 2**63 - 1),
    _times,
    _times,
    st.none() | _states,
    st.booleans(),
    _facts,
)
_ends = st.builds(
    FlowEnded,
    flows,
    st.sampled_from(Outcome),
    st.sampled_from(Observed),
    texts,
    _times,
    _times,
    st.none() | texts,
    st.none() | texts,
    st.booleans(),
    st.none() | _times,
    st.none() | _times,
    st.none() | _times,
    _facts,
)
_others = st.one_of(
    st.builds(StepEntered, flows, texts, _times),
    st.builds(FactNoted, texts, st.none() | flows, texts, _facts.map(lambda x: (*x, FACTS[0])[0])),
)
spanning: st.SearchStrategy[StepFinished | FlowEnded] = st.one_of(_steps, _ends)
observations: st.SearchStrategy[Observation] = st.one_of(_steps, _ends, _others)
