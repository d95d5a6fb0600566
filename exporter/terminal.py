"""The picture that ``demo`` draws: what flows by, and where to look at it more closely.

On a terminal it is drawn anew every half second; anywhere else each ending is one plain line.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exporter.sinks.live import EndingView, FlowView, LiveSnapshot, SeenError
from exporter.waterfall import LINES as WATERFALL_LINES
from exporter.waterfall import waterfall

REFRESH_SECONDS = 0.5
# Lines that are neither a flow nor an ending: headings, totals, where to look (which may fold).
_FIXED_LINES = 18
_MIN_ROWS = 3
# With fewer rows for flows than this, a trace would take the place of what matters more.
_ROWS_BEFORE_TRACE = 12

_STEP_STYLES: Mapping[str, str] = {
    "DISCOVERING": "cyan",
    "SUBMITTING": "blue",
    "AWAITING_INPUT": "yellow",
    "AWAITING_EXTERNAL_ACTION": "yellow",
}
_OUTCOME_STYLES: Mapping[str, str] = {
    "success": "green",
    "failed": "bold red",
    "expired": "red",
    "unknown": "red",
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look."""

    page: str
    metrics: str
    query: str
    traces: str


def _safe(text: str, style: str = "") -> Text:
    """Text from elsewhere: no markup of ours, and no control codes of theirs."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return Text(shown, style, no_wrap=True, overflow="ellipsis")


def _seconds(value: float) -> str:
    return f"{max(0.0, value):.1f} s"


def _why(code: str | None, error: SeenError | None) -> str:
    parts = [code, f"{error.category}: {error.text}" if error is not None else None]
    return ", ".join(part for part in parts if part)


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, expand=True, pad_edge=False
    )
    for column in columns:
        right = column in {"in step", "since start", "took"}
        table.add_column(
            column,
            header_style="dim",
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if right else "left",
            ratio=1 if column in {"website says", "why"} else None,
        )
    return table


def _open_row(table: Table, flow: FlowView, now_seconds: float) -> None:
    table.add_row(
        _safe(flow.step, _STEP_STYLES.get(flow.step, "")),
        _seconds(now_seconds - flow.step_entered_seconds),
        _safe(flow.flow_type),
        _safe(flow.domain),
        _seconds(now_seconds - flow.started_seconds),
        _safe(_why(None, flow.website_error), "magenta"),
    )


def _ended_row(table: Table, flow: EndingView) -> None:
    duration = flow.duration_seconds
    table.add_row(
        _safe(flow.outcome, _OUTCOME_STYLES.get(flow.outcome, "dim")),
        "-" if duration is None else _seconds(duration),
        _safe(flow.flow_type),
        _safe(flow.domain),
        _safe(_why(flow.error_code, flow.website_error)),
    )


def _counts(title: str, counts: Mapping[str, int]) -> Text:
    shown = "  ".join(f"{name} {count}" for name, count in counts.items() if count) or "none yet"
    return _line((f"{title}  ", "bold"), _safe(shown))


def _line(*parts: str | tuple[str, str] | Text) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def picture(
    live: LiveSnapshot, places: Places, *, now_seconds: float, rows: int, trace: bool = False
) -> RenderableType:
    """What there is to see at one moment.

    Args:
        live: the flows.
        places: where to look.
        now_seconds: Unix seconds, from which ages count.
        rows: how many flows to show at most, half of them in progress.
        trace: whether to draw the trace of the flow that ended last.
    """
    totals = live.totals
    shown = live.in_progress[: rows - rows // 2]
    more = f" ({len(shown)} shown)" if len(shown) < totals.in_progress else ""
    going = _table(
        f"In progress{more}", "step", "in step", "type", "domain", "since start", "website says"
    )
    for flow in shown:
        _open_row(going, flow, now_seconds)
    gone = _table("Ended last", "outcome", "took", "type", "domain", "why")
    for ending in live.ended[: rows // 2]:
        _ended_row(gone, ending)
    traced = next((ending for ending in live.ended if ending.steps), None)
    return Group(
        _line(("managed-auth-exporter demo", "bold"), "   Ctrl-C stops it"),
        # These fold rather than being cut: they are there to be copied.
        Text(f"Page     {places.page}", overflow="fold"),
        Text(f"Metrics  {places.metrics}", overflow="fold"),
        Text(f"PromQL   {places.query}", overflow="fold"),
        Text(f"Traces   {places.traces}", overflow="fold"),
        Text(""),
        _counts("Flows   ", {"in progress": totals.in_progress, **totals.ended_by_outcome}),
        _counts("Errors  ", totals.website_errors_by_category),
        _counts("Illegal ", totals.illegal_transitions_by_reason),
        Text(""),
        going,
        Text(""),
        gone,
        *(waterfall(traced, _STEP_STYLES) if trace and traced else ()),
    )


def plain_line(flow: EndingView) -> str:
    """An ending as one line."""
    at = datetime.fromtimestamp(flow.ended_seconds, UTC).isoformat(timespec="seconds")
    took = "" if flow.duration_seconds is None else f" after {_seconds(flow.duration_seconds)}"
    why = _why(flow.error_code, flow.website_error)
    line = f"{at} {flow.flow_type} {flow.outcome}{took} {flow.domain}{f': {why}' if why else ''}"
    return _safe(line).plain


async def show(
    snapshot: Callable[[], LiveSnapshot],
    places: Places,
    *,
    console: Console,
    now_seconds: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Draw until cancelled."""
    if console.is_terminal and not console.is_dumb_terminal:
        with Live(console=console, auto_refresh=False, transient=False) as live:
            while True:
                live.update(_fitting(snapshot(), places, now_seconds(), console), refresh=True)
                await sleep(REFRESH_SECONDS)
    for name, place in (
        ("page", places.page),
        ("metrics", places.metrics),
        ("PromQL", places.query),
        ("traces", places.traces),
    ):
        _print(console, f"{name}: {place}")
    seen = 0
    while True:
        for flow in reversed(snapshot().ended):
            if flow.sequence > seen:
                seen = flow.sequence
                _print(console, plain_line(flow))
        await sleep(REFRESH_SECONDS)


def _fitting(
    live: LiveSnapshot, places: Places, now_seconds: float, console: Console
) -> RenderableType:
    """The picture with as much in it as the terminal has lines for."""
    rows = console.height - _FIXED_LINES
    trace = rows >= _ROWS_BEFORE_TRACE + WATERFALL_LINES
    rows = max(2 * _MIN_ROWS, rows - trace * WATERFALL_LINES)
    return picture(live, places, now_seconds=now_seconds, rows=rows, trace=trace)


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
