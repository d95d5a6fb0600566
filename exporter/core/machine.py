"""The states of a login flow and the table of legal moves; nothing else decides what is legal.

Everything that affects transitions lives here. The table is declared once, as data; the machine of
the `transitions` library is built from it, and the tracker, the checker, the diagrams and the
tables in the docs all ask that machine. It holds no model: thousands of flows drive it without
being registered, so it cannot keep one of them alive.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Final, Protocol

from transitions import Event, Machine

from exporter.core.observations import IllegalReason


class FlowState(StrEnum):
    """Where a flow stands: Kernel's working steps and terminal statuses, and IDLE before any."""

    IDLE = "IDLE"
    DISCOVERING = "DISCOVERING"
    AWAITING_INPUT = "AWAITING_INPUT"
    AWAITING_EXTERNAL_ACTION = "AWAITING_EXTERNAL_ACTION"
    SUBMITTING = "SUBMITTING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


WAITING: Final = (FlowState.AWAITING_INPUT, FlowState.AWAITING_EXTERNAL_ACTION)
WORKING: Final = (FlowState.DISCOVERING, *WAITING, FlowState.SUBMITTING)
TERMINAL: Final = (FlowState.SUCCESS, FlowState.FAILED, FlowState.EXPIRED, FlowState.CANCELED)


class Move(Enum):
    """What a move from one state to another means for the flow."""

    BEGIN = "a flow begins"
    JOIN_LATE = "a flow is joined late"
    SNAPSHOT = "a flow that ended before anybody followed"
    STEP = "the flow goes on"
    END = "the flow ends"
    REPEAT = "the same state again: news about it, not a transition"


LEGAL_TARGETS: Final[Mapping[FlowState, tuple[FlowState, ...]]] = {
    FlowState.IDLE: (*WORKING, *TERMINAL),
    FlowState.DISCOVERING: WORKING + TERMINAL,
    FlowState.AWAITING_INPUT: (
        FlowState.AWAITING_INPUT,
        FlowState.SUBMITTING,
        FlowState.FAILED,
        FlowState.EXPIRED,
        FlowState.CANCELED,
    ),
    FlowState.SUBMITTING: WORKING + TERMINAL,
    FlowState.AWAITING_EXTERNAL_ACTION: WORKING + TERMINAL,
    **{terminal: (FlowState.DISCOVERING, terminal) for terminal in TERMINAL},
}
"""The table. A state that names itself may be repeated, which is not a transition."""


class HasState(Protocol):
    """What the machine drives: anything with a ``state``."""

    state: FlowState


def _build() -> Machine:
    machine = Machine(
        model=None,
        states=FlowState,
        initial=FlowState.IDLE,
        auto_transitions=False,
        send_event=True,
    )
    for source, targets in LEGAL_TARGETS.items():
        for target in targets:
            # dest None is the library's internal transition: it runs, and the state stays.
            machine.add_transition(target.name, source, None if target is source else target)
    return machine


MACHINE: Final = _build()
_EVENTS: Final[Mapping[FlowState, Event]] = {
    state: MACHINE.events[state.name] for state in FlowState if state.name in MACHINE.events
}


def is_legal(source: FlowState, target: FlowState) -> bool:
    """Whether the table has this move (a repeat counts as one)."""
    return target in _EVENTS and source.name in _EVENTS[target].transitions


def fault(source: FlowState, target: FlowState) -> IllegalReason | None:
    """Why one unbroken stream must not go from ``source`` to ``target``; None where it may."""
    if is_legal(source, target):
        return None
    if source in TERMINAL:
        return IllegalReason.AFTER_TERMINAL
    if is_legal(source, FlowState.SUBMITTING) and is_legal(FlowState.SUBMITTING, target):
        return IllegalReason.SKIPPED_STEP
    return IllegalReason.NOT_ALLOWED


def meaning(source: FlowState, target: FlowState) -> Move:
    """What the move means, be it legal or not."""
    if source is target:
        return Move.REPEAT
    if source in WORKING:
        return Move.END if target in TERMINAL else Move.STEP
    if target in TERMINAL:
        return Move.SNAPSHOT
    return Move.BEGIN if target is FlowState.DISCOVERING else Move.JOIN_LATE


def advance(subject: HasState, target: FlowState) -> None:
    """Move ``subject`` to ``target``: by the table where it has the move, else by decree.

    The server is right by definition, so the machine follows it even where the table does not.
    """
    if is_legal(subject.state, target):
        _EVENTS[target].trigger(subject)
    else:
        MACHINE.set_state(target, subject)
