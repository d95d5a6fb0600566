"""One connection's flows: an event and the time it was received go in, observations come out.

The one door for events of every source. ``core.reading`` says what a state means where the flow
stands, ``core.machine`` what is legal; here it is carried out. No I/O, no clock.
"""

from collections.abc import Callable, Sequence
from typing import Self, assert_never

import msgspec

from exporter.core import lifecycle
from exporter.core.events import (
    DeadlineCheck,
    Forgotten,
    Listing,
    StateEvent,
    StreamAttached,
    StreamDetached,
    TrackerInput,
)
from exporter.core.flow_state import OpenFlow, TrackerState, digest
from exporter.core.lifecycle import Ending, Out
from exporter.core.listings import apply_listing, check_deadline, forget
from exporter.core.machine import TERMINAL, WORKING, FlowState, Move, advance, meaning
from exporter.core.news import look, note_error
from exporter.core.observations import (
    FlowObservation,
    Gap,
    IllegalReason,
    IllegalTransition,
    Observed,
    Outcome,
)
from exporter.core.reading import Reading, read
from exporter.core.vocabulary import UNKNOWN


class FlowTracker:
    """Follows the flows of one connection, one after the other, through the state machine.

    ``classify`` puts the text of a website error into one of a bounded set of categories.
    """

    def __init__(
        self,
        connection_id: str,
        *,
        domain: str = "",
        profile_name: str = "",
        classify: Callable[[str], str],
    ) -> None:
        self._state = TrackerState(connection_id, domain, profile_name)
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
                apply_listing(state, event, out)
            case StreamAttached():
                state.attached, state.fresh, state.resumed = True, True, event.after
            case StreamDetached():
                state.attached = False
            case DeadlineCheck():
                check_deadline(state, received_ns, out)
            case Forgotten():
                forget(state, received_ns, out)
            case _:
                assert_never(event)
        return out

    def save(self) -> bytes:
        """Everything it needs to go on after a restart, as JSON; no secrets in it."""
        return msgspec.json.encode(self._state)

    @classmethod
    def restore(cls, saved: bytes, *, classify: Callable[[str], str]) -> Self:
        """The tracker as it was when it was saved.

        Raises:
            msgspec.DecodeError: the bytes are not what ``save`` made.
        """
        tracker = cls("", classify=classify)
        tracker._state = msgspec.json.decode(saved, type=TrackerState)
        return tracker

    def _apply_state(self, event: StateEvent, received_ns: int, out: Out) -> None:
        state = self._state
        reading = read(event, state)
        state.received_ns = received_ns
        if reading.target is None:
            self._note_illegal(reading, out)
            return
        state.event_ns, state.fresh, state.resumed = reading.at_ns, False, None
        if reading.another_flow:
            ending = Ending(Outcome.SUPERSEDED, Observed.STREAM, reading.at_ns)
            lifecycle.end(state, out, ending)
            state.state = FlowState.IDLE
        self._carry_out(reading, reading.target, event, out)

    def _carry_out(self, reading: Reading, target: FlowState, event: StateEvent, out: Out) -> None:
        state = self._state
        move = meaning(state.state, target)
        if state.flow:
            lifecycle.learn_type(state.flow, reading.flow_type)
            state.flow.identity = state.flow.identity.merged(reading.identity)
        if move in (Move.BEGIN, Move.JOIN_LATE):
            self._begin(reading, target, out, start_seen=move is Move.BEGIN)
        self._note_illegal(reading, out)
        if move is Move.SNAPSHOT and state.state in TERMINAL and reading.unbroken:
            return  # Another terminal on one stream changes nothing.
        entered = move in (Move.BEGIN, Move.JOIN_LATE, Move.STEP)
        if state.flow:
            if move is Move.STEP:
                self._step(state.flow, reading, target, out)
            elif move is Move.REPEAT:
                entered = self._repeat(state.flow, reading, event, out)
            elif move is Move.END:
                self._end(reading, target, event, out)
        advance(state, target)
        if target in WORKING:
            look(state, event, reading.at_ns, self._classify, out, entered=entered)

    def _begin(self, reading: Reading, target: FlowState, out: Out, *, start_seen: bool) -> None:
        lifecycle.begin(
            self._state,
            out,
            step=target,
            at_ns=reading.at_ns,
            flow_type=reading.flow_type,
            identity=reading.identity,
            start_seen=start_seen,
        )

    def _step(self, flow: OpenFlow, reading: Reading, target: FlowState, out: Out) -> None:
        self._note_gap(reading, out)
        skipped = IllegalReason.SKIPPED_STEP in reading.reasons
        end_seen = reading.unbroken and not skipped
        lifecycle.leave(flow, out, target, reading.at_ns, end_seen=end_seen)
        lifecycle.enter(flow, out, target, reading.at_ns, start_seen=reading.unbroken)

    def _repeat(self, flow: OpenFlow, reading: Reading, event: StateEvent, out: Out) -> bool:
        """News of the state that the flow is in; true where it turns out to be another visit."""
        visit = flow.visit
        if reading.unbroken:
            return False
        if flow.listed_ns is not None and visit.ordinal == 1:
            # The stream reports the visit that the listing found, and reports it from before the
            # listing: that is when it began, not when it was found.
            if visit.step is FlowState.DISCOVERING and reading.at_ns <= flow.listed_ns:
                visit.entered_ns, visit.start_seen = reading.at_ns, True
                flow.started_ns = min(flow.started_ns, reading.at_ns)
            flow.listed_ns = None
            return True
        interaction = digest(event.pause.interaction_id)
        if interaction is None or visit.interaction in (None, interaction):
            return False
        self._note_gap(reading, out)
        lifecycle.leave(flow, out, None, reading.at_ns, end_seen=False)
        lifecycle.enter(flow, out, visit.step, reading.at_ns, start_seen=False)
        return True

    def _end(self, reading: Reading, target: FlowState, event: StateEvent, out: Out) -> None:
        note_error(self._state, event.website_error, reading.at_ns, self._classify, out)
        self._note_gap(reading, out)
        unseen_step = not reading.unbroken and event.flow_step in WORKING
        ending = Ending(
            outcome=Outcome(target.lower()),
            observed=Observed.STREAM,
            at_ns=reading.at_ns,
            seen=reading.unbroken,
            step_seen=reading.unbroken and IllegalReason.SKIPPED_STEP not in reading.reasons,
            next=target,
            last_step=event.flow_step if unseen_step else None,
            error_code=event.error_code,
            error_message=event.error_message,
        )
        lifecycle.end(self._state, out, ending)

    def _note_gap(self, reading: Reading, out: Out) -> None:
        if reading.gap:
            lifecycle.note(self._state, out, Gap(reading.at_ns, reading.gap))

    def _note_illegal(self, reading: Reading, out: Out) -> None:
        source, target = self._state.state, reading.target or UNKNOWN
        for reason in reading.reasons:
            lifecycle.note(
                self._state, out, IllegalTransition(reading.at_ns, reason, source, target)
            )
