"""Draws the trace of one flow on a terminal: a bar for each step, where it lies in the flow."""

from collections.abc import Mapping
from typing import Final

from rich.text import Text

from exporter.sinks.live import EndingView

BARS: Final = 7
"""Steps drawn at most: a two-factor login has five."""
LINES: Final = BARS + 2
"""Lines that a waterfall takes at most, its heading and the line before it included."""

_CELLS: Final = 40


def waterfall(flow: EndingView, styles: Mapping[str, str]) -> list[Text]:
    """The heading and the bars; ``styles`` maps steps to rich's styles. Empty without steps."""
    steps = flow.steps[:BARS]
    if not steps:
        return []
    start = steps[0].entered_seconds
    scale = _CELLS / max(steps[-1].left_seconds - start, 1e-9)
    title = f"{flow.flow_type} flow {flow.trace_id}"
    lines = [Text(""), Text.assemble(("Last trace  ", "bold"), title, no_wrap=True)]
    for step in steps:
        offset = max(0, min(int((step.entered_seconds - start) * scale), _CELLS - 1))
        seconds = step.left_seconds - step.entered_seconds
        length = max(1, min(round(seconds * scale), _CELLS - offset))
        bar = Text(" " * offset + "\u2501" * length, styles.get(step.step, ""))
        bar.pad_right(_CELLS - offset - length)
        lines.append(Text.assemble(bar, f" {seconds:6.1f} s  ", step.step, no_wrap=True))
    return lines
