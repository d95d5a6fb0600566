"""What a listing, silence or a deletion means for a flow: the sources that are no stream.

A listing is a sample, so it never reports an illegal transition: what lies between two of them is a
gap. While a stream is open it knows better; a listing then only completes what is known of the
flow.
"""

from collections.abc import Callable
from typing import Final

from exporter.core import lifecycle
from exporter.core.events import Listing
from exporter.core.flow_state import Identity, OpenFlow, TrackerState, digest
from exporter.core.lifecycle import Beginning, Ending, Out
from exporter.core.machine import FlowState, advance
from exporter.core.names import host_name, profile_label
from exporter.core.news import note_error
from exporter.core.observations import Entry, FlowResumed, Gap, GapCause, Observed, Outcome
from exporter.core.vocabulary import FLOW_TYPES, IN_PROGRESS, TERMINAL_STATUSES, WORKING_STEPS

LONGEST_FLOW_NS: Final = 20 * 60 * 10**9
"""Kernel ends a login flow after 20 minutes (Kernel docs, managed auth: flows expire)."""

GRACE_NS: Final = 60 * 10**9
"""How long after its end a flow may still be reported, by listings that lag or clocks that
differ."""
UNREAD_NS: Final = 24 * 60 * 60 * 10**9
"""How long after that its timeline is waited for, which would tell how it went: long enough for an
API that is down to come back, and an end to what a timeline that can never be read would leave
open."""


def apply_listing(
    state: TrackerState, listing: Listing, classify: Callable[[str], str], out: Out
) -> None:
    """Take a listing in: it may open a flow, move it, end it, or say nothing new."""
    if listing.requested_ns < state.received_ns:
        return  # The stream has been heard since this was asked for: it is the staler of the two.
    state.domain = state.domain or host_name(listing.domain)
    state.profile_name = state.profile_name or profile_label(listing.profile_name)
    if listing.flow_status in TERMINAL_STATUSES:
        _end(state, listing, FlowState(listing.flow_status), classify, out)
    elif listing.flow_status == IN_PROGRESS and listing.flow_step in WORKING_STEPS:
        _sight(state, listing, FlowState(listing.flow_step), out)
    if out:
        state.received_ns = listing.received_ns


def check_deadline(state: TrackerState, now_ns: int, out: Out) -> None:
    """End a flow as unknown that must be over by now, and of which its timeline tells nothing."""
    flow = state.flow
    if flow is None or state.attached:
        return
    expires_ns = flow.identity.flow_expires_ns or flow.started_ns + LONGEST_FLOW_NS
    # A stream that was just lost, or is just being opened, may still show it.
    over_ns = max(expires_ns, state.unwatched_ns) + GRACE_NS
    history = state.history
    if now_ns > over_ns + UNREAD_NS or (history.read_ns > over_ns and not history.deferred):
        forget(state, now_ns, out)


def forget(state: TrackerState, now_ns: int, out: Out) -> None:
    """End what is open as unknown: nobody will ever tell how it went."""
    if state.flow:
        lifecycle.end(state, out, Ending(Outcome.UNKNOWN, Observed.LISTING, now_ns))
        state.state = FlowState.IDLE


def resume(state: TrackerState, now_ns: int, out: Out) -> None:
    """Go on in another process: no stream is open, and what happened meanwhile is a gap."""
    state.attached, state.fresh, state.unwatched_ns = False, True, now_ns
    state.resumed = GapCause.RESTART
    flow = state.flow
    if flow:
        flow.visit.start_seen = flow.whole = False
        out.append(FlowResumed(flow.ref, flow.visit.step, flow.visit.entered_ns))
        lifecycle.note(state, out, Gap(now_ns, GapCause.RESTART))


def _sight(state: TrackerState, listing: Listing, step: FlowState, out: Out) -> None:
    identity, flow_type = _identity(listing), _type(listing)
    flow = state.flow
    if flow and state.attached:
        if not _is_another(flow, identity, flow_type):
            lifecycle.learn(flow, flow_type, identity)
        return
    if flow and _is_another(flow, identity, flow_type):
        _supersede(state, listing, out)
        flow = None
    if flow is None:
        if not state.last_identity.agrees(identity):
            _open(state, listing, step, out)
        return
    lifecycle.learn(flow, flow_type, identity)
    if step is not flow.visit.step:
        _note_gap(state, listing, out)
        at_ns = listing.received_ns
        lifecycle.leave(flow, out, None, at_ns, end_seen=False)
        lifecycle.enter(flow, out, step, at_ns, start_seen=False, by_our_clock=True)
        advance(state, step)


def _open(state: TrackerState, listing: Listing, step: FlowState, out: Out) -> None:
    # It was in progress when the listing was made, and may be over by the time it is here.
    state.state, state.fresh, state.unwatched_ns = FlowState.IDLE, True, listing.requested_ns
    beginning = Beginning(
        step=step,
        entry=Entry.JOINED_LATE,
        at_ns=listing.requested_ns,
        flow_type=_type(listing),
        identity=_identity(listing),
        by_our_clock=True,
    )
    lifecycle.begin(state, out, beginning)
    advance(state, step)


def _end(
    state: TrackerState,
    listing: Listing,
    terminal: FlowState,
    classify: Callable[[str], str],
    out: Out,
) -> None:
    flow, identity, flow_type = state.flow, _identity(listing), _type(listing)
    if flow is None or state.attached:
        return
    if _is_another(flow, identity, flow_type):
        # The newest flow is another one, and over: how this one went, nobody has seen.
        _supersede(state, listing, out)
        state.state = terminal
        return
    lifecycle.learn(flow, flow_type, identity)
    note_error(state, listing.website_error, listing.received_ns, classify, out)
    if flow.streamed:
        _note_gap(state, listing, out)
    lifecycle.end(
        state,
        out,
        Ending(
            outcome=Outcome(terminal.lower()),
            observed=Observed.LISTING,
            at_ns=listing.received_ns,
            last_step=listing.flow_step if listing.flow_step in WORKING_STEPS else None,
            error_code=listing.error_code,
            error_message=listing.error_message,
        ),
    )
    advance(state, terminal)


def _supersede(state: TrackerState, listing: Listing, out: Out) -> None:
    ending = Ending(Outcome.SUPERSEDED, Observed.LISTING, listing.received_ns)
    lifecycle.end(state, out, ending)
    state.state = FlowState.IDLE


def _note_gap(state: TrackerState, listing: Listing, out: Out) -> None:
    lifecycle.note_gap(state, out, listing.received_ns, state.resumed or GapCause.RECONNECT)


def _is_another(flow: OpenFlow, identity: Identity, flow_type: str | None) -> bool:
    return flow.changes_type(flow_type) or flow.identity.conflicts(identity)


def _type(listing: Listing) -> str | None:
    return listing.flow_type if listing.flow_type in FLOW_TYPES else None


def _identity(listing: Listing) -> Identity:
    return Identity(
        hosted_url=digest(listing.hosted_url),
        browser_session_id=digest(listing.browser_session_id),
        flow_expires_ns=listing.flow_expires_ns,
    )
