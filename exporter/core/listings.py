"""What a listing, silence or a deletion means for a flow: the sources that are no stream.

A listing is a sample, so it never reports an illegal transition: what lies between two of them is a
gap. While a stream is open it knows better; a listing then only completes what is known of the
flow.
"""

from typing import Final

from exporter.core import lifecycle
from exporter.core.events import Listing
from exporter.core.flow_state import Identity, OpenFlow, TrackerState, digest
from exporter.core.lifecycle import Ending, Out
from exporter.core.machine import FlowState, advance
from exporter.core.observations import Gap, GapCause, Observed, Outcome
from exporter.core.vocabulary import FLOW_TYPES, IN_PROGRESS, TERMINAL_STATUSES, WORKING_STEPS

LONGEST_FLOW_NS: Final = 20 * 60 * 10**9
"""Kernel ends a login flow after 20 minutes (Kernel docs, managed auth: flows expire)."""

GRACE_NS: Final = 60 * 10**9
"""How long after its end a flow may still be reported, by listings that lag or clocks that
differ."""


def apply_listing(state: TrackerState, listing: Listing, out: Out) -> None:
    """Take a listing in: it may open a flow, move it, end it, or say nothing new."""
    if listing.requested_ns < state.received_ns:
        return  # The stream has been heard since this was asked for: it is the staler of the two.
    state.domain = state.domain or listing.domain
    state.profile_name = state.profile_name or listing.profile_name
    if listing.flow_status in TERMINAL_STATUSES:
        _end(state, listing, FlowState(listing.flow_status), out)
    elif listing.flow_status == IN_PROGRESS and listing.flow_step in WORKING_STEPS:
        _sight(state, listing, FlowState(listing.flow_step), out)


def check_deadline(state: TrackerState, now_ns: int, out: Out) -> None:
    """End a flow as unknown that nobody can see any more and that must be over by now."""
    flow = state.flow
    if flow is None or state.attached:
        return
    expires_ns = flow.identity.flow_expires_ns or flow.started_ns + LONGEST_FLOW_NS
    if now_ns > expires_ns + GRACE_NS:
        forget(state, now_ns, out)


def forget(state: TrackerState, now_ns: int, out: Out) -> None:
    """End what is open as unknown: nobody will ever tell how it went."""
    if state.flow:
        lifecycle.end(state, out, Ending(Outcome.UNKNOWN, Observed.LISTING, now_ns))
        _reset(state)


def _sight(state: TrackerState, listing: Listing, step: FlowState, out: Out) -> None:
    identity = _identity(listing)
    flow = state.flow
    if flow and state.attached:
        if not flow.identity.conflicts(identity):
            _complete(flow, listing, identity)
        return
    if flow and flow.identity.conflicts(identity):
        ending = Ending(Outcome.SUPERSEDED, Observed.LISTING, listing.received_ns)
        lifecycle.end(state, out, ending)
        _reset(state)
        flow = None
    if flow is None:
        if not state.last_identity.agrees(identity):
            _open(state, listing, step, identity, out)
        return
    _complete(flow, listing, identity)
    if step is not flow.visit.step:
        cause = state.resumed or GapCause.RECONNECT
        lifecycle.note(state, out, Gap(listing.received_ns, cause))
        lifecycle.leave(flow, out, None, listing.received_ns, end_seen=False)
        lifecycle.enter(flow, out, step, listing.received_ns, start_seen=False)
        advance(state, step)


def _open(
    state: TrackerState,
    listing: Listing,
    step: FlowState,
    identity: Identity,
    out: Out,
) -> None:
    state.state, state.event_ns, state.fresh = FlowState.IDLE, 0, True
    lifecycle.begin(
        state,
        out,
        step=step,
        at_ns=listing.received_ns,
        flow_type=_type(listing),
        identity=identity,
        start_seen=False,
        listed_ns=listing.received_ns,
    )
    advance(state, step)


def _end(state: TrackerState, listing: Listing, terminal: FlowState, out: Out) -> None:
    flow = state.flow
    if flow is None or state.attached or flow.identity.conflicts(_identity(listing)):
        return
    lifecycle.learn_type(flow, _type(listing))
    lifecycle.end(
        state,
        out,
        Ending(
            outcome=Outcome(terminal.lower()),
            observed=Observed.LISTING,
            at_ns=listing.received_ns,
            error_code=listing.error_code,
            error_message=listing.error_message,
        ),
    )
    advance(state, terminal)


def _reset(state: TrackerState) -> None:
    state.state = FlowState.IDLE


def _complete(flow: OpenFlow, listing: Listing, identity: Identity) -> None:
    flow.identity = flow.identity.merged(identity)
    lifecycle.learn_type(flow, _type(listing))


def _type(listing: Listing) -> str | None:
    return listing.flow_type if listing.flow_type in FLOW_TYPES else None


def _identity(listing: Listing) -> Identity:
    return Identity(
        hosted_url=digest(listing.hosted_url),
        browser_session_id=digest(listing.browser_session_id),
        flow_expires_ns=listing.flow_expires_ns,
    )
