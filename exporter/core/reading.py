"""What an event says, given where the connection stands: its target state, its time, its faults.

Only reads. ``core.flow`` carries out what is found here.
"""

import msgspec

from exporter.core.events import StateEvent
from exporter.core.flow_state import Identity, TrackerState, digest
from exporter.core.machine import WORKING, FlowState, fault
from exporter.core.observations import GapCause, IllegalReason
from exporter.core.vocabulary import COMPLETED, FLOW_STATUSES, FLOW_STEPS, FLOW_TYPES, IN_PROGRESS


class Reading(msgspec.Struct, frozen=True):
    """An event, understood.

    ``target`` is None where the flow has to stay where it was. ``at_ns`` never goes back within a
    flow; ``exact`` says that it is the event's own time. ``unbroken`` is false for the first state
    of a stream: it may land anywhere, so nothing about the way there is illegal; ``gap`` then says
    why the stream had been lost. ``news`` says that the event is newer than the one before it.
    """

    target: FlowState | None
    at_ns: int
    exact: bool
    flow_type: str | None
    identity: Identity
    reasons: tuple[IllegalReason, ...]
    unbroken: bool
    gap: GapCause | None
    news: bool
    another_flow: bool


def read(event: StateEvent, state: TrackerState) -> Reading:
    """Understand ``event`` as the next one of this connection."""
    target, reasons = _target(event, state.state)
    flow, unbroken = state.flow, not state.fresh
    if unbroken and event.at_ns < state.event_ns:
        reasons.append(IllegalReason.TIMESTAMP_REGRESSION)
    flow_type = event.flow_type if event.flow_type in FLOW_TYPES else None
    identity = Identity(hosted_url=digest(event.hosted_url))
    another_flow = False
    if target and flow:
        # The type may differ from one flow to the next: at DISCOVERING, or where one went unseen.
        changes_type = flow.changes_type(flow_type)
        may_be_next = target is FlowState.DISCOVERING or not unbroken
        another_flow = flow.identity.conflicts(identity) or (changes_type and may_be_next)
        if changes_type and not another_flow:
            reasons.append(IllegalReason.FLOW_TYPE_CHANGED)
    if target and unbroken and not another_flow and (illegal := fault(state.state, target)):
        reasons.append(illegal)
    at_ns = event.at_ns if flow is None or another_flow else max(event.at_ns, flow.latest_ns)
    return Reading(
        target=target,
        at_ns=at_ns,
        exact=at_ns == event.at_ns,
        flow_type=flow_type,
        identity=identity,
        reasons=tuple(reasons),
        unbroken=unbroken,
        gap=None if unbroken else state.resumed,
        news=event.at_ns > state.event_ns,
        another_flow=another_flow,
    )


def _target(
    event: StateEvent,
    current: FlowState,
) -> tuple[FlowState | None, list[IllegalReason]]:
    """Where the event points, and which of its words do not fit. The status wins over the step."""
    status, step = event.flow_status, event.flow_step
    reasons = [
        reason
        for reason, value, known in (
            (IllegalReason.UNKNOWN_STATUS, status, FLOW_STATUSES),
            (IllegalReason.UNKNOWN_STEP, step, FLOW_STEPS),
            (IllegalReason.UNKNOWN_FLOW_TYPE, event.flow_type, (None, *FLOW_TYPES)),
        )
        if value not in known
    ]
    if status not in FLOW_STATUSES:
        return None, reasons
    if status == IN_PROGRESS:
        if step == COMPLETED:
            reasons.append(IllegalReason.STATUS_STEP_MISMATCH)
            return (current if current in WORKING else None), reasons
        return (FlowState(step) if step in FLOW_STEPS else None), reasons
    if status == FlowState.SUCCESS and step != COMPLETED:
        reasons.append(IllegalReason.STATUS_STEP_MISMATCH)
    return FlowState(status), reasons
