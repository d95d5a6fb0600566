"""One connection's flows: an event and the time it was received go in, observations come out.

The one door for events of every source. ``core.reading`` says what a state means where the flow
stands, ``core.machine`` what is legal; here it is carried out. No I/O, no clock.
"""

from collections.abc import Callable, Sequence
from typing import Final, Self, assert_never

import msgspec

from exporter.core import lifecycle
from exporter.core.events import (
    DeadlineCheck,
    Forgotten,
    Listing,
    Resumed,
    StateEvent,
    StreamAttached,
    StreamDetached,
    TimelineEntry,
    TimelineRead,
    TrackerInput,
)
from exporter.core.flow_state import OpenFlow, TrackerState, digest
from exporter.core.lifecycle import Beginning, Ending, Out
from exporter.core.listings import apply_listing, check_deadline, forget, resume
from exporter.core.machine import TERMINAL, WORKING, FlowState, Move, advance, meaning
from exporter.core.names import host_name, profile_label
from exporter.core.news import look, note_error, request_mark
from exporter.core.observations import (
    Entry,
    FlowObservation,
    IllegalReason,
    IllegalTransition,
    Observed,
    Outcome,
)
from exporter.core.reading import Reading, read
from exporter.core.timeline import apply_timeline, begin_history, counted_until_ns, lacks
from exporter.core.vocabulary import UNKNOWN

STALE_NS: Final = 60 * 10**9
"""How long after the timeline told of an end a new stream may begin with a state from before it."""


class FlowTracker:
    """Follows the flows of one connection, one after the other, through the state machine.

    ``classify`` puts the text of a website error into one of a bounded set of categories. Flows of
    the timeline that ended by ``since_ns`` are not counted.
    """

    def __init__(
        self,
        connection_id: str,
        *,
        domain: str = "",
        profile_name: str = "",
        since_ns: int = 0,
        classify: Callable[[str], str],
    ) -> None:
        self._state = TrackerState(
            connection_id,
            host_name(domain),
            profile_label(profile_name),
            history=begin_history(since_ns),
        )
        self._classify = classify

    @property
    def in_progress(self) -> bool:
        """Whether a flow is open: it has started and has not ended."""
        return self._state.flow is not None

    @property
    def ended(self) -> bool:
        """Whether the newest flow that was seen is over."""
        return self._state.state in TERMINAL

    def apply(self, event: TrackerInput, received_ns: int) -> Sequence[FlowObservation]:
        """What happened, in order. Never raises, whatever the upstream sent."""
        state = self._state
        out: Out = []
        match event:
            case StateEvent():
                self._apply_state(event, received_ns, out)
            case Listing():
                apply_listing(state, event, self._classify, out)
            case TimelineRead():
                apply_timeline(state, event, self._classify, out)
            case Resumed():
                resume(state, received_ns, out)
            case StreamAttached():
                state.attached, state.fresh, state.resumed = True, True, event.after
            case StreamDetached():
                state.attached, state.unwatched_ns = False, received_ns
            case DeadlineCheck():
                check_deadline(state, received_ns, out)
            case Forgotten():
                forget(state, received_ns, out)
            case _:
                assert_never(event)
        return out

    def lacks(self, read: Sequence[TimelineEntry]) -> bool:
        """Whether older entries of the timeline than these have to be read as well."""
        return lacks(self._state.history, read)

    @property
    def lacks_later(self) -> bool:
        """Whether the timeline held what could not be dealt with yet, and is to be read again."""
        return self._state.history.deferred

    @property
    def timeline_read_ns(self) -> int:
        """The local time at which the timeline was last read; 0 where it never was."""
        return self._state.history.read_ns

    def counted_until_ns(self, now_ns: int) -> int:
        """From when on another tracker of this connection has to count, to count nothing twice."""
        return counted_until_ns(self._state.history, now_ns)

    @property
    def connection_id(self) -> str:
        """Whose flows these are."""
        return self._state.connection_id

    def save(self) -> bytes:
        """Everything it needs to go on after a restart, as JSON; no secrets in it."""
        return msgspec.json.encode(self._state)

    @classmethod
    def restore(cls, saved: bytes, *, classify: Callable[[str], str]) -> Self:
        """The tracker as it was when it was saved, but without its stream.

        Where a flow is open, feed it ``Resumed`` first.

        Raises:
            msgspec.DecodeError: the bytes are not what ``save`` made.
        """
        tracker = cls("", classify=classify)
        tracker._state = msgspec.json.decode(saved, type=TrackerState)
        tracker._state.attached, tracker._state.fresh = False, True
        return tracker

    def _apply_state(self, event: StateEvent, received_ns: int, out: Out) -> None:
        state = self._state
        reading = read(event, state)
        just_told = received_ns <= state.ended_told_ns + STALE_NS
        state.received_ns = received_ns
        if reading.target is None:
            self._note_illegal(reading, out)
            return
        if not reading.unbroken:
            stale = just_told and self._is_older(event.at_ns, reading.target)
            if stale or self._has_ended(reading, reading.target):
                return
        state.event_ns, state.fresh, state.resumed = event.at_ns, False, None
        if reading.another_flow:
            ending = Ending(Outcome.SUPERSEDED, Observed.STREAM, reading.at_ns)
            lifecycle.end(state, out, ending)
            state.state = FlowState.IDLE
        self._carry_out(reading, reading.target, event, out)

    def _carry_out(self, reading: Reading, target: FlowState, event: StateEvent, out: Out) -> None:
        state = self._state
        move = meaning(state.state, target)
        if move in (Move.BEGIN, Move.JOIN_LATE):
            self._begin(reading, target, move, out)
        elif state.flow and not self._is_same_flow(state.flow, reading):
            state.flow.start_seen = False
        self._note_illegal(reading, out)
        if move is Move.SNAPSHOT and state.state in TERMINAL and reading.unbroken:
            return  # Another terminal on one stream changes nothing.
        flow = state.flow
        entered = move in (Move.BEGIN, Move.JOIN_LATE, Move.STEP)
        if flow:
            lifecycle.trust_server_time(flow, reading.at_ns)
            lifecycle.learn(flow, reading.flow_type, reading.identity)
            flow.latest_ns, flow.streamed = reading.at_ns, True
            flow.seen_ns = flow.seen_ns or reading.at_ns
            if move is Move.STEP:
                self._step(flow, reading, target, out)
            elif move is Move.REPEAT:
                entered = self._repeat(flow, reading, event, out)
            elif move is Move.END:
                self._end(reading, target, event, out)
        advance(state, target)
        if target in WORKING:
            look(state, event, reading.at_ns, self._classify, out, entered=entered)

    def _is_older(self, at_ns: int, target: FlowState) -> bool:
        """Whether a new stream still shows what came before an end that the timeline told of."""
        ended_ns = self._state.ended_ns
        return at_ns < ended_ns or (target in TERMINAL and at_ns == ended_ns)

    def _has_ended(self, reading: Reading, target: FlowState) -> bool:
        """Whether a new stream still shows at work the flow that has been counted as ended."""
        if self._state.flow or target not in WORKING:
            return False
        return self._state.last_identity.agrees(reading.identity)

    def _is_same_flow(self, flow: OpenFlow, reading: Reading) -> bool:
        """Whether this provably is the open flow; on a new stream it may be the next one."""
        return reading.unbroken or not reading.news or flow.identity.agrees(reading.identity)

    def _begin(self, reading: Reading, target: FlowState, move: Move, out: Out) -> None:
        # The first state of a stream that was opened again may be any time after the start.
        begins = move is Move.BEGIN
        lifecycle.begin(
            self._state,
            out,
            Beginning(
                step=target,
                entry=Entry.DISCOVERING if begins else Entry.JOINED_LATE,
                at_ns=reading.at_ns,
                flow_type=reading.flow_type,
                identity=reading.identity,
                start_seen=begins and reading.gap is None,
            ),
        )

    def _step(self, flow: OpenFlow, reading: Reading, target: FlowState, out: Out) -> None:
        self._note_gap(reading, out)
        seen = reading.unbroken and reading.exact
        skipped = IllegalReason.SKIPPED_STEP in reading.reasons
        lifecycle.leave(flow, out, target, reading.at_ns, end_seen=seen and not skipped)
        lifecycle.enter(flow, out, target, reading.at_ns, start_seen=seen)

    def _repeat(self, flow: OpenFlow, reading: Reading, event: StateEvent, out: Out) -> bool:
        """News of the state that the flow is in; true where it turns out to be another visit."""
        visit = flow.visit
        if reading.unbroken or not reading.news:
            return False
        interaction = digest(event.pause.interaction_id)
        if interaction is not None and interaction == visit.interaction:
            return False
        asked = request_mark(event.pause) if event.pause.asks else None
        same_request = None in (asked, visit.asked) or asked == visit.asked
        if same_request and None in (interaction, visit.interaction):
            # It may be the same visit, reported anew, or another one: nobody can tell.
            visit.start_seen = flow.whole = False
            return False
        self._note_gap(reading, out)
        lifecycle.leave(flow, out, None, reading.at_ns, end_seen=False)
        lifecycle.enter(flow, out, visit.step, reading.at_ns, start_seen=False)
        flow.errors_shown.clear()
        return True

    def _end(self, reading: Reading, target: FlowState, event: StateEvent, out: Out) -> None:
        note_error(self._state, event.website_error, reading.at_ns, self._classify, out)
        self._note_gap(reading, out)
        seen = reading.unbroken and reading.exact
        unseen_step = not reading.unbroken and event.flow_step in WORKING
        ending = Ending(
            outcome=Outcome(target.lower()),
            observed=Observed.STREAM,
            at_ns=reading.at_ns,
            seen=seen,
            step_seen=seen and IllegalReason.SKIPPED_STEP not in reading.reasons,
            next=target,
            last_step=event.flow_step if unseen_step else None,
            error_code=event.error_code,
            error_message=event.error_message,
        )
        lifecycle.end(self._state, out, ending)

    def _note_gap(self, reading: Reading, out: Out) -> None:
        if reading.gap:
            lifecycle.note_gap(self._state, out, reading.at_ns, reading.gap)

    def _note_illegal(self, reading: Reading, out: Out) -> None:
        source, target = self._state.state, reading.target or UNKNOWN
        for reason in reading.reasons:
            illegal = IllegalTransition(reading.at_ns, reason, source, target)
            lifecycle.note(self._state, out, illegal)
