"""Which entry of a timeline is which flow: the question that decides whether a flow counts twice.

A stream never names the timeline's entry, so the two are matched by type, browser session and time.
A connection has one flow at a time, so two flows overlap in time only where they are the same one.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import msgspec

from exporter.core.vocabulary import UNKNOWN_FLOW_TYPE

SLACK_NS: Final = 2 * 10**9
"""How far apart an entry and a flow may lie that could still be the same, by one clock."""
SKEW_NS: Final = 60 * 10**9
"""Likewise where the flow's times are by our own clock, which may differ from the server's."""


class Fit(IntEnum):
    """How well an entry and a flow fit together."""

    NONE = 0
    NEAR = 1
    OVERLAP = 2
    SESSION = 3


class Span(msgspec.Struct, frozen=True):
    """What is known of a login, from the timeline or from a stream, to compare it.

    ``session`` is the hash of the browser session's id; ``by_our_clock`` says that a listing told
    of the start or the end.
    """

    flow_type: str
    started_ns: int
    ended_ns: int
    session: str | None = None
    by_our_clock: bool = False


def match(entries: Sequence[Span], flows: Sequence[Span]) -> dict[int, tuple[int, Fit]]:
    """Which flow each entry is, by index, and how well they fit; each is matched once at most."""
    pairs = [
        (fit, _overlap_ns(entry, flow), -abs(flow.started_ns - entry.started_ns), e, f)
        for e, entry in enumerate(entries)
        for f, flow in enumerate(flows)
        if (fit := fit_of(entry, flow))
    ]
    found: dict[int, tuple[int, Fit]] = {}
    taken: set[int] = set()
    for fit, _, _, e, f in sorted(pairs, reverse=True):
        if e not in found and f not in taken:
            found[e] = (f, fit)
            taken.add(f)
    return found


def fit_of(entry: Span, flow: Span) -> Fit:
    """How well they fit, taken alone."""
    if flow.flow_type not in (entry.flow_type, UNKNOWN_FLOW_TYPE):
        return Fit.NONE
    if entry.session and flow.session:
        return Fit.SESSION if entry.session == flow.session else Fit.NONE
    overlap_ns = _overlap_ns(entry, flow)
    shorter_ns = min(span.ended_ns - span.started_ns for span in (entry, flow))
    # Two flows that follow one another may touch, and overlap by what a clock is coarse.
    if flow.started_ns < entry.ended_ns and overlap_ns >= 0 and 2 * overlap_ns >= shorter_ns:
        return Fit.OVERLAP
    slack_ns = SKEW_NS if flow.by_our_clock else SLACK_NS
    return Fit.NEAR if -overlap_ns <= slack_ns else Fit.NONE


def _overlap_ns(entry: Span, flow: Span) -> int:
    """How long they overlap; negative where they lie apart."""
    return min(entry.ended_ns, flow.ended_ns) - max(entry.started_ns, flow.started_ns)
