"""The table of legal moves, held against the documented one, row by row."""

from itertools import product
from typing import Final

import pytest

from exporter.core.machine import (
    MACHINE,
    TERMINAL,
    WORKING,
    FlowState,
    Move,
    advance,
    fault,
    is_legal,
    meaning,
)
from exporter.core.observations import IllegalReason

_ENDS: Final = {"SUCCESS", "FAILED", "EXPIRED", "CANCELED"}
_STEPS: Final = {"DISCOVERING", "AWAITING_INPUT", "AWAITING_EXTERNAL_ACTION", "SUBMITTING"}

DOCUMENTED: Final[dict[str, set[str]]] = {
    "IDLE": _STEPS | _ENDS,
    "DISCOVERING": (_STEPS - {"DISCOVERING"}) | _ENDS,
    "AWAITING_INPUT": {"SUBMITTING", "FAILED", "EXPIRED", "CANCELED"},
    "SUBMITTING": (_STEPS - {"SUBMITTING"}) | _ENDS,
    "AWAITING_EXTERNAL_ACTION": (_STEPS - {"AWAITING_EXTERNAL_ACTION"}) | _ENDS,
    **{end: {"DISCOVERING"} for end in _ENDS},
}
"""Legal transitions as the design has them, repeats apart."""


class Subject:
    def __init__(self, state: FlowState) -> None:
        self.state = state


@pytest.mark.parametrize(("source", "target"), list(product(FlowState, FlowState)))
def test_the_machine_has_exactly_the_documented_moves_and_repeats(
    source: FlowState,
    target: FlowState,
) -> None:
    repeat = source is target and source is not FlowState.IDLE
    assert is_legal(source, target) == (repeat or target.value in DOCUMENTED[source.value])


def test_every_state_of_the_machine_is_declared_and_no_other() -> None:
    assert set(MACHINE.states) == {state.name for state in FlowState}
    assert set(FlowState) == {FlowState.IDLE, *WORKING, *TERMINAL}


def test_the_only_skipped_steps_are_those_that_would_be_legal_through_submitting() -> None:
    skipped = {
        (source, target)
        for source, target in product(FlowState, FlowState)
        if fault(source, target) is IllegalReason.SKIPPED_STEP
    }
    assert skipped == {
        (FlowState.AWAITING_INPUT, target)
        for target in (
            FlowState.DISCOVERING,
            FlowState.AWAITING_EXTERNAL_ACTION,
            FlowState.SUCCESS,
        )
    }


def test_with_this_table_no_event_is_not_allowed_for_another_reason() -> None:
    # An event never points to IDLE: that is where a connection is before any.
    targets = [state for state in FlowState if state is not FlowState.IDLE]
    assert not [
        (source, target)
        for source, target in product(FlowState, targets)
        if fault(source, target) is IllegalReason.NOT_ALLOWED
    ]


@pytest.mark.parametrize("terminal", TERMINAL)
def test_after_a_terminal_only_discovering_and_the_same_terminal_are_legal(
    terminal: FlowState,
) -> None:
    for target in (*WORKING, *TERMINAL):
        legal = target in (FlowState.DISCOVERING, terminal)
        assert fault(terminal, target) == (None if legal else IllegalReason.AFTER_TERMINAL)


@pytest.mark.parametrize(
    ("source", "target", "move"),
    [
        ("IDLE", "DISCOVERING", Move.BEGIN),
        ("IDLE", "SUBMITTING", Move.JOIN_LATE),
        ("IDLE", "FAILED", Move.SNAPSHOT),
        ("SUBMITTING", "AWAITING_INPUT", Move.STEP),
        ("SUBMITTING", "SUCCESS", Move.END),
        ("SUBMITTING", "SUBMITTING", Move.REPEAT),
        ("SUCCESS", "SUCCESS", Move.REPEAT),
        ("SUCCESS", "DISCOVERING", Move.BEGIN),
        ("SUCCESS", "SUBMITTING", Move.JOIN_LATE),
        ("SUCCESS", "FAILED", Move.SNAPSHOT),
    ],
)
def test_what_a_move_means(source: str, target: str, move: Move) -> None:
    assert meaning(FlowState(source), FlowState(target)) is move


@pytest.mark.parametrize(("source", "target"), list(product(FlowState, FlowState)))
def test_the_machine_always_ends_up_where_the_server_says(
    source: FlowState,
    target: FlowState,
) -> None:
    subject = Subject(source)
    advance(subject, target)
    assert subject.state is target


def test_driving_a_subject_does_not_register_it() -> None:
    advance(Subject(FlowState.IDLE), FlowState.DISCOVERING)
    assert MACHINE.models == []
