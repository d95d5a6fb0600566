"""Opens, moves and closes the flow of one connection, and says what happened.

Knows nothing of streams, listings or what is legal: ``core.flow`` decides, these carry it out. Each
takes the tracker's state and the list that the observations go to.
"""

import msgspec

from exporter.core.flow_state import (
    MAX_EXPECTED,
    MAX_FACTS,
    CountedFlow,
    History,
    Identity,
    OpenFlow,
    TrackerState,
    Visit,
)
from exporter.core.ids import trace_id
from exporter.core.machine import WAITING, FlowState
from exporter.core.observations import (
    Entry,
    FactNoted,
    FlowEnded,
    FlowFact,
    FlowObservation,
    FlowRef,
    FlowStarted,
    Gap,
    GapCause,
    Observed,
    Outcome,
    StepEntered,
    StepFinished,
)
from exporter.core.redaction import redact
from exporter.core.vocabulary import ERROR_CODES, UNKNOWN_FLOW_TYPE

Out = list[FlowObservation]


class Ending(msgspec.Struct, frozen=True):
    """How a flow ends. ``next`` is the terminal state, None where nothing showed one.

    ``seen`` says that the end itself was seen, ``step_seen`` that it ended the visit under way.
    ``duration_ns`` is what the timeline tells of the whole flow.
    """

    outcome: Outcome
    observed: Observed
    at_ns: int
    seen: bool = False
    step_seen: bool = False
    next: FlowState | None = None
    last_step: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    duration_ns: int | None = None


class Beginning(msgspec.Struct, frozen=True):
    """How a flow begins, or is found. ``by_our_clock`` where a listing told of it, at our time."""

    step: FlowState
    entry: Entry
    at_ns: int
    flow_type: str | None
    identity: Identity
    start_seen: bool = False
    by_our_clock: bool = False


def begin(state: TrackerState, out: Out, beginning: Beginning) -> None:
    """Open a flow."""
    at_ns = beginning.at_ns
    ref = FlowRef(
        connection_id=state.connection_id,
        domain=state.domain,
        profile_name=state.profile_name,
        flow_type=beginning.flow_type or UNKNOWN_FLOW_TYPE,
        started_ns=at_ns,
        trace_id=trace_id(state.connection_id, at_ns, _salt(state, beginning)),
        linked_trace_id=state.last_trace_id,
    )
    visit = Visit(
        step=beginning.step,
        ordinal=1,
        entered_ns=at_ns,
        start_seen=beginning.start_seen,
        by_our_clock=beginning.by_our_clock,
    )
    state.flow = OpenFlow(
        ref=ref,
        started_ns=at_ns,
        start_seen=beginning.start_seen,
        visit=visit,
        identity=beginning.identity,
        latest_ns=0 if beginning.by_our_clock else at_ns,
        told_type=beginning.flow_type,
        streamed=not beginning.by_our_clock,
        seen_ns=0 if beginning.by_our_clock else at_ns,
        whole=beginning.start_seen,
    )
    state.last_trace_id = ref.trace_id
    out.append(FlowStarted(ref, beginning.entry))
    out.append(StepEntered(ref, beginning.step, at_ns))


def _salt(state: TrackerState, beginning: Beginning) -> str:
    """What keeps the ids of two flows apart that claim the same start.

    Empty for a flow that its stream shows to start after the ones before it, as all do where clocks
    are right: so its ids are the same whoever derives them.
    """
    if not beginning.by_our_clock and beginning.at_ns > state.newest_start_ns:
        state.newest_start_ns = beginning.at_ns
        return ""
    state.odd_starts += 1
    return f"\x00{state.odd_starts}"


def enter(
    flow: OpenFlow,
    out: Out,
    step: FlowState,
    at_ns: int,
    *,
    start_seen: bool,
    by_our_clock: bool = False,
) -> None:
    """Begin a visit of ``step``."""
    entered_ns = max(at_ns, flow.visit.entered_ns)
    flow.visit = Visit(
        step=step,
        ordinal=flow.visit.ordinal + 1,
        entered_ns=entered_ns,
        start_seen=start_seen,
        by_our_clock=by_our_clock,
    )
    out.append(StepEntered(flow.ref, step, entered_ns))


def leave(flow: OpenFlow, out: Out, next_: FlowState | None, at_ns: int, *, end_seen: bool) -> None:
    """Finish the visit under way."""
    visit = flow.visit
    finished_ns = max(at_ns, visit.entered_ns)
    seen_whole = visit.start_seen and end_seen
    flow.whole = flow.whole and seen_whole
    if visit.step in WAITING:
        flow.waiting_ns += finished_ns - visit.entered_ns
    out.append(
        StepFinished(
            flow=flow.ref,
            step=visit.step,
            ordinal=visit.ordinal,
            entered_ns=visit.entered_ns,
            finished_ns=finished_ns,
            next=next_,
            seen_whole=seen_whole,
            facts=tuple(visit.facts),
        ),
    )


def end(state: TrackerState, out: Out, ending: Ending) -> None:
    """Finish the visit and the flow."""
    flow = state.flow
    assert flow is not None  # noqa: S101 - whoever ends a flow has looked
    leave(flow, out, ending.next, ending.at_ns, end_seen=ending.step_seen)
    ended_ns = max(ending.at_ns, flow.visit.entered_ns)
    total_ns = ended_ns - flow.started_ns
    whole_ns = total_ns if flow.start_seen and ending.seen else None
    out.append(
        FlowEnded(
            flow=flow.ref,
            outcome=ending.outcome,
            observed=ending.observed,
            last_step=ending.last_step or flow.visit.step,
            started_ns=flow.started_ns,
            ended_ns=ended_ns,
            error_code=safe_code(ending.error_code),
            error_message=redact(ending.error_message) if ending.error_message else None,
            incomplete=not flow.whole,
            duration_ns=ending.duration_ns if whole_ns is None else whole_ns,
            waiting_ns=flow.waiting_ns if flow.whole else None,
            working_ns=total_ns - flow.waiting_ns if flow.whole else None,
            facts=tuple(flow.facts),
        ),
    )
    if ending.observed is not Observed.TIMELINE:
        _expect_entry(state.history, flow, ending, ended_ns)
    state.last_identity = flow.identity
    state.flow = None


def note_end(state: TrackerState, ended_ns: int, told_ns: int) -> None:
    """The timeline told at ``told_ns``, by our clock, that a flow had ended at ``ended_ns``."""
    state.ended_ns, state.ended_told_ns = max(state.ended_ns, ended_ns), told_ns


def _expect_entry(history: History, flow: OpenFlow, ending: Ending, ended_ns: int) -> None:
    """Remember what was counted, for the timeline will tell of it too."""
    span = flow.span
    if ending.observed is Observed.LISTING:
        span = msgspec.structs.replace(
            span, ended_ns=max(ended_ns, span.started_ns), by_our_clock=True
        )
    history.flows.append(CountedFlow(span, ending.outcome))
    for given_up in history.flows[:-MAX_EXPECTED]:
        # Its entry is not to be taken for a flow that nobody counted.
        history.floor_ns = max(history.floor_ns, given_up.span.started_ns)
        history.pending = {m: at for m, at in history.pending.items() if at > history.floor_ns}
    del history.flows[:-MAX_EXPECTED]


def note(state: TrackerState, out: Out, fact: FlowFact, *, of_step: bool = False) -> None:
    """Observe a fact, and keep it for the span of the flow or of the step that it belongs to."""
    flow = state.flow
    step = flow.visit.step if flow else state.state
    out.append(FactNoted(state.domain, flow.ref if flow else None, step, fact))
    if flow:
        kept = flow.visit.facts if of_step else flow.facts
        if len(kept) < MAX_FACTS:
            kept.append(fact)


def note_gap(state: TrackerState, out: Out, at_ns: int, cause: GapCause) -> None:
    """Note that part of the flow went unseen, unless a restart did it.

    What a restart cost was noted when the flow was taken up again.
    """
    if cause is not GapCause.RESTART:
        note(state, out, Gap(at_ns, cause))


def learn(flow: OpenFlow, flow_type: str | None, identity: Identity) -> None:
    """Complete what is known of a flow. The first known type stands."""
    flow.identity = flow.identity.merged(identity)
    flow.told_type = flow_type or flow.told_type
    if flow_type and flow.ref.flow_type == UNKNOWN_FLOW_TYPE:
        flow.ref = msgspec.structs.replace(flow.ref, flow_type=flow_type)


def trust_server_time(flow: OpenFlow, at_ns: int) -> None:
    """Put what a listing told by our clock where the server's clock has it at the latest.

    The two clocks may differ by any amount, and durations must come from the server's alone.
    """
    if flow.visit.by_our_clock:
        flow.visit.entered_ns = min(flow.visit.entered_ns, at_ns)
        flow.visit.by_our_clock = False
        flow.started_ns = min(flow.started_ns, flow.visit.entered_ns)


def safe_code(code: str | None) -> str | None:
    """An error code that may be shown: Kernel's own word, or what is left of a stranger's."""
    return code if code is None or code in ERROR_CODES else redact(code)
