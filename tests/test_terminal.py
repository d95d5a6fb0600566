"""The picture of ``demo``: drawn on a terminal, plain lines anywhere else."""

import io
from collections.abc import Awaitable, Callable

import pytest
from rich.console import Console

from exporter.core.observations import Outcome
from exporter.sinks.live import EndingView, FlowView, LiveSnapshot, SeenError, Totals
from exporter.terminal import Places, picture, plain_line, show

PLACES = Places("http://localhost:1/", "http://localhost:1/metrics", "sum(rate(x[5m]))", "off")
NASTY = "bank\x1b[31m.example\n[bold red]"


def _ending(sequence: int, domain: str = "bank.example") -> EndingView:
    return EndingView(
        sequence=sequence,
        connection_id=f"c{sequence}",
        profile_name="work",
        domain=domain,
        flow_type="LOGIN",
        trace_id="0" * 32,
        outcome=Outcome.FAILED,
        failure=True,
        last_step="SUBMITTING",
        error_code="credentials_invalid",
        website_error=SeenError("wrong_credentials", "Incorrect password"),
        started_seconds=0.0,
        ended_seconds=12.5,
        duration_seconds=12.5,
    )


def _flow(number: int, domain: str = "shop.example") -> FlowView:
    return FlowView(
        connection_id=f"c{number}",
        profile_name="work",
        domain=domain,
        flow_type="REAUTH",
        trace_id="0" * 32,
        step="AWAITING_INPUT",
        started_seconds=90.0,
        step_entered_seconds=95.0,
        website_error=None,
    )


def _live(flows: int = 1, endings: int = 1, domain: str = "bank.example") -> LiveSnapshot:
    totals = Totals(
        started=flows + endings,
        in_progress=flows,
        ended_by_outcome={"success": 0, "failed": endings},
        in_progress_by_step={"AWAITING_INPUT": flows},
        website_errors_by_category={"wrong_credentials": 3},
        illegal_transitions_by_reason={},
        gaps=0,
        streams_open=0,
        connections_followed=0,
    )
    return LiveSnapshot(
        totals=totals,
        in_progress=[_flow(number, domain) for number in range(flows)],
        ended=[_ending(number, domain) for number in range(endings, 0, -1)],
    )


def _drawn(live: LiveSnapshot, width: int = 110, rows: int = 10) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(picture(live, PLACES, now_seconds=100.0, rows=rows))
    return console.export_text(styles=True)


def test_the_picture_shows_flows_outcomes_errors_and_where_to_look() -> None:
    drawn = _drawn(_live())
    for shown in (PLACES.page, PLACES.metrics, PLACES.query, "bank.example", "AWAITING_INPUT"):
        assert shown in drawn
    for shown in ("5.0 s", "10.0 s", "12.5 s", "failed 1", "wrong_credentials 3"):
        assert shown in drawn
    assert "credentials_invalid, wrong_credentials: Incorrect password" in drawn


def test_the_picture_never_grows_beyond_its_rows() -> None:
    few, many = _drawn(_live(5, 5)), _drawn(_live(500, 100))
    assert few.count("\n") == many.count("\n")
    assert "(5 shown)" in many
    assert "shown)" not in few


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_narrow_terminal_cuts_lines_and_does_not_wrap_flows(width: int) -> None:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(picture(_live(), PLACES, now_seconds=100.0, rows=10))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) == len(_drawn(_live()).splitlines())


def test_text_from_elsewhere_neither_styles_nor_steers_the_terminal() -> None:
    drawn = _drawn(_live(domain=NASTY), width=200)
    assert "bank?[31m.example?[bold red]" in drawn
    assert "bank?[31m.example?[bold red]" in plain_line(_ending(1, NASTY))
    assert "\n" not in plain_line(_ending(1, NASTY))


def test_a_plain_line_tells_when_what_where_and_why() -> None:
    assert plain_line(_ending(1)) == (
        "1970-01-01T00:00:12+00:00 LOGIN failed after 12.5 s bank.example: "
        "credentials_invalid, wrong_credentials: Incorrect password"
    )


class _EnoughError(Exception):
    """Ends the endless picture."""


def _sleeps(times: int) -> Callable[[float], Awaitable[None]]:
    left = [times]

    async def sleep(_seconds: float) -> None:
        left[0] -= 1
        if not left[0]:
            raise _EnoughError

    return sleep


async def test_without_a_terminal_each_ending_is_one_line_once() -> None:
    written = io.StringIO()
    console = Console(file=written, width=30)
    live = iter([_live(endings=1), _live(endings=1), _live(endings=3)])
    with pytest.raises(_EnoughError):
        await show(
            lambda: next(live), PLACES, console=console, now_seconds=lambda: 0.0, sleep=_sleeps(3)
        )
    lines = written.getvalue().splitlines()
    assert lines[:4] == [
        f"page: {PLACES.page}",
        f"metrics: {PLACES.metrics}",
        f"PromQL: {PLACES.query}",
        f"traces: {PLACES.traces}",
    ]
    assert lines[4:] == [plain_line(_ending(1))] * 3, "three endings, alike but for their number"


async def test_on_a_terminal_the_picture_is_drawn_and_the_cursor_comes_back() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100, height=30)
    with pytest.raises(_EnoughError):
        await show(_live, PLACES, console=console, now_seconds=lambda: 100.0, sleep=_sleeps(2))
    assert "AWAITING_INPUT" in written.getvalue()
    assert written.getvalue().count("\x1b[?25l") == written.getvalue().count("\x1b[?25h") == 1
