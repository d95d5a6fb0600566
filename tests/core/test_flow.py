"""Every state x every (status, step) x (unbroken, after a gap), named from the documented table."""

from itertools import product
from typing import Final

import pytest

from exporter.core.machine import TERMINAL, WORKING, FlowState
from exporter.core.observations import (
    FlowEnded,
    FlowStarted,
    Gap,
    GapCause,
    StepEntered,
    StepFinished,
)
from tests.core.test_machine import DOCUMENTED
from tests.support.driving import Driver, brought_to, ended, facts, of, reasons, state

STATUSES: Final = ("IN_PROGRESS", "SUCCESS", "FAILED", "EXPIRED", "CANCELED", "PAUSED")
STEPS: Final = (*(step.value for step in WORKING), "COMPLETED", "VERIFYING")
PAIRS: Final = list(product(STATUSES, STEPS))


def target_of(status: str, step: str) -> str | None:
    """The documented rule: the status where it is terminal, else the step."""
    if status == "PAUSED":
        return None
    if status != "IN_PROGRESS":
        return status
    return step if step not in ("COMPLETED", "VERIFYING") else None


def wire_reasons(status: str, step: str) -> list[str]:
    """What is wrong with the words themselves, wherever the flow stands."""
    table = {
        "unknown_status": status == "PAUSED",
        "unknown_step": step == "VERIFYING",
        "status_step_mismatch": (status == "IN_PROGRESS" and step == "COMPLETED")
        or (status == "SUCCESS" and step != "COMPLETED"),
    }
    return [reason for reason, found in table.items() if found]


def move_reasons(source: str, target: str | None) -> list[str]:
    """What is wrong with the move, on an unbroken stream."""
    if target is None or target == source or target in DOCUMENTED[source]:
        return []
    return ["after_terminal" if FlowState(source) in TERMINAL else "skipped_step"]


@pytest.mark.parametrize(("status", "step"), PAIRS)
@pytest.mark.parametrize("source", FlowState)
def test_on_an_unbroken_stream_each_event_is_judged_by_the_table(
    source: FlowState,
    status: str,
    step: str,
) -> None:
    driver = brought_to(source)
    if source is FlowState.IDLE:
        # An event that leaves the machine idle makes the next one unbroken.
        driver.feed(ended("SUCCESS", 0.5))
        driver.tracker._state.state = FlowState.IDLE
        driver.seen.clear()
    seen = driver.feed(state(step, 2, status))
    target = target_of(status, step)
    expected = wire_reasons(status, step) + move_reasons(source, target)
    assert sorted(reasons(seen)) == sorted(expected)
    assert not facts(Gap, seen)
    stays = target is None or (source in TERMINAL and target in TERMINAL)
    assert driver.tracker._state.state == (source if stays else target)
    check_outcome(driver, source, target)


@pytest.mark.parametrize(("status", "step"), PAIRS)
@pytest.mark.parametrize("source", FlowState)
def test_after_a_broken_stream_a_move_is_a_gap_and_never_illegal(
    source: FlowState,
    status: str,
    step: str,
) -> None:
    driver = brought_to(source)
    driver.reconnect()
    seen = driver.feed(state(step, 2, status))
    target = target_of(status, step)
    assert sorted(reasons(seen)) == sorted(wire_reasons(status, step))
    moved = source in WORKING and target not in (None, source)
    assert [gap.cause for gap in facts(Gap, seen)] == ([GapCause.RECONNECT] if moved else [])
    assert driver.tracker._state.state == (target or source)
    check_outcome(driver, source, target)
    assert not [one for one in of(StepFinished, seen) if one.seen_whole]
    assert not [one for one in of(FlowEnded, seen) if one.duration_ns is not None]


def check_outcome(driver: Driver, source: FlowState, target: str | None) -> None:
    """What the table says of flows: which begin, which end, which only move."""
    starts = [one.entry.value for one in of(FlowStarted, driver.seen)]
    ends = [one.outcome.value for one in of(FlowEnded, driver.seen)]
    working = source in WORKING
    if target is None or target == source:
        assert starts == ends == []
    elif target in TERMINAL:
        assert starts == []
        assert ends == ([target.lower()] if working else [])
    else:
        begins = "discovering" if target == "DISCOVERING" else "joined_late"
        assert starts == ([] if working else [begins])
        assert ends == []
        assert [one.step for one in of(StepEntered, driver.seen)] == [target]
    assert driver.tracker.in_progress == (driver.tracker._state.state in WORKING)
