"""Facts that become spans: as they were when they come back, and settled in order."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.core.observations import FlowEnded, StepFinished
from exporter.stores.spans import SpanProgress, fact_row, facts
from exporter.stores.store import Unsent
from tests.support.journals import Spans, ended, finished


@given(st.from_type(StepFinished) | st.from_type(FlowEnded), st.integers(1, 2**63 - 1))
def test_a_fact_comes_back_as_it_was(fact: StepFinished | FlowEnded, number: int) -> None:
    assert facts([fact_row(number, fact)]) == [(number, fact)]


def test_half_a_surrogate_pair_is_all_that_a_fact_loses() -> None:
    assert facts([fact_row(1, finished(1, "\ud83d!"))]) == [(1, finished(1, "?!"))]


def test_facts_that_are_told_otherwise_by_another_version_are_left_out() -> None:
    rows = [
        Unsent(1, "dance", b"{}"),
        Unsent(2, "step", b'{"flow": 1}'),
        Unsent(3, "flow", b"\xff"),
    ]
    assert facts([*rows, fact_row(4, ended(4))]) == [(4, ended(4))]


def test_a_fact_is_settled_once_its_span_and_those_before_it_are() -> None:
    spans = Spans()
    progress = SpanProgress(spans)
    for number in (1, 2, 3):
        spans.observe(finished(number))
        progress.handed(number)
    assert progress.settled_up_to() == 0
    spans.settled = 2
    assert progress.settled_up_to() == 2
    spans.settled = 3
    assert progress.settled_up_to() == 3


def test_a_fact_without_a_span_settles_with_what_came_before_it() -> None:
    spans = Spans()
    progress = SpanProgress(spans)
    progress.handed(1)  # not sampled
    assert progress.settled_up_to() == 1
    spans.observe(finished(2))
    progress.handed(2)
    progress.handed(3)
    assert progress.settled_up_to() == 1
    spans.settled = 1
    assert progress.settled_up_to() == 3
