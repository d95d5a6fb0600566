"""The trace of a flow as bars."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.observations import Outcome
from exporter.sinks.live import EndingView, StepView
from exporter.waterfall import BARS, LINES, waterfall

FLOW = EndingView(
    sequence=1,
    connection_id="c1",
    profile_name="work",
    domain="bank.example",
    flow_type="LOGIN",
    trace_id="ab" * 16,
    outcome=Outcome.SUCCESS,
    failure=False,
    last_step="SUBMITTING",
    error_code=None,
    website_error=None,
    started_seconds=100.0,
    ended_seconds=110.0,
    duration_seconds=10.0,
    steps=(
        StepView("DISCOVERING", 100.0, 102.5),
        StepView("AWAITING_INPUT", 102.5, 107.5),
        StepView("SUBMITTING", 107.5, 110.0),
    ),
)


def test_each_step_is_a_bar_where_it_lies_in_the_flow() -> None:
    lines = [line.plain for line in waterfall(FLOW, {})]
    assert lines == [
        "",
        f"Last trace  LOGIN flow {'ab' * 16}",
        "\u2501" * 10 + " " * 30 + "    2.5 s  DISCOVERING",
        " " * 10 + "\u2501" * 20 + " " * 10 + "    5.0 s  AWAITING_INPUT",
        " " * 30 + "\u2501" * 10 + "    2.5 s  SUBMITTING",
    ]


def test_a_flow_without_finished_steps_has_none() -> None:
    assert waterfall(msgspec.structs.replace(FLOW, steps=()), {}) == []


moments = st.floats(0, 4e9)


@given(st.lists(st.builds(StepView, st.just("SUBMITTING"), moments, moments), max_size=16))
def test_any_steps_fit_their_lines(steps: list[StepView]) -> None:
    lines = waterfall(msgspec.structs.replace(FLOW, steps=tuple(steps)), {})
    assert len(lines) <= LINES
    assert all(line.plain.count("\u2501") >= 1 for line in lines[2:])
    assert all(line.plain.rstrip().find("s  SUBMITTING") >= 40 for line in lines[2:])
    assert len(lines[2:]) == min(len(steps), BARS)
