"""Opens, moves and closes the flow of one connection, and says what happened.

Knows nothing of streams, listings or what is legal: ``core.flow`` decides, these carry it out. Each
takes the tracker's state and the list that the observations go to.
"""

import msgspec

from exporter.core.flow_state import MAX_FACTS, Identity, OpenFlow, TrackerState, Visit
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


def begin(
    state: TrackerState,
    out: Out,
    *,
    step: FlowState,
    at_ns: int,
    flow_type: str | None,
    identity: Identity,
    start_seen: bool,
    listed_ns: int | None = None,
) -> None:
    """Open a flow in ``step``. Where its start was not seen it counts as joined late."""
    # Ids derive from the start, so no two flows of a connection may share one, whatever the
    # upstream's clock says.
    started_ns = max(at_ns, state.last_started_ns + 1)
    ref = FlowRef(
        connection_id=state.connection_id,
        domain=state.domain,
        profile_name=state.profile_name,
        flow_type=flow_type or UNKNOWN_FLOW_TYPE,
        started_ns=started_ns,
        trace_id=trace_id(state.connection_id, started_ns),
        linked_trace_id=state.last_trace_id,
    )
    state.flow = OpenFlow(
        ref=ref,
        started_ns=started_ns,
        start_seen=start_seen,
        visit=Visit(step=step, ordinal=1, entered_ns=started_ns, start_seen=start_seen),
        identity=identity,
        listed_ns=listed_ns,
        whole=start_seen,
    )
    state.last_started_ns = started_ns
    state.last_trace_id = ref.trace_id
    out.append(FlowStarted(ref, Entry.DISCOVERING if start_seen else Entry.JOINED_LATE))
    out.append(StepEntered(ref, step, started_ns))


def enter(flow: OpenFlow, out: Out, step: FlowState, at_ns: int, *, start_seen: bool) -> None:
    """Begin a visit of ``step``."""
    entered_ns = max(at_ns, flow.visit.entered_ns)
    flow.visit = Visit(
        step=step,
        ordinal=flow.visit.ordinal + 1,
        entered_ns=entered_ns,
        start_seen=start_seen,
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
    out.append(
        FlowEnded(
            flow=flow.ref,
            outcome=ending.outcome,
            observed=ending.observed,
            last_step=ending.last_step or flow.visit.step,
            started_ns=flow.started_ns,
            ended_ns=ended_ns,
            error_code=_safe_code(ending.error_code),
            error_message=redact(ending.error_message) if ending.error_message else None,
            incomplete=not flow.whole,
            duration_ns=total_ns if flow.start_seen and ending.seen else None,
            waiting_ns=flow.waiting_ns if flow.whole else None,
            working_ns=total_ns - flow.waiting_ns if flow.whole else None,
            facts=tuple(flow.facts),
        ),
    )
    state.last_identity = flow.identity
    state.flow = None


def note(state: TrackerState, out: Out, fact: FlowFact, *, of_step: bool = False) -> None:
    """Observe a fact, and keep it for the span of the flow or of the step that it belongs to."""
    flow = state.flow
    step = flow.visit.step if flow else state.state
    out.append(FactNoted(state.domain, flow.ref if flow else None, step, fact))
    if flow:
        kept = flow.visit.facts if of_step else flow.facts
        if len(kept) < MAX_FACTS:
            kept.append(fact)


def learn_type(flow: OpenFlow, flow_type: str | None) -> None:
    """Complete a flow whose type its first event did not tell. The first known type stands."""
    if flow_type and flow.ref.flow_type == UNKNOWN_FLOW_TYPE:
        flow.ref = msgspec.structs.replace(flow.ref, flow_type=flow_type)


def _safe_code(code: str | None) -> str | None:
    return code if code is None or code in ERROR_CODES else redact(code)
