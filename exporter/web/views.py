"""What the web side is given to show, as plain values and callables."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from exporter.sinks.live import EndingView, FlowView, LiveSnapshot, Totals


class Condition(msgspec.Struct, frozen=True):
    """Whether one side works, and why it does or does not, in one line without secrets."""

    ready: bool
    reason: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether flows can be followed (source) and told of (sink)."""

    source: Condition
    sink: Condition

    @property
    def ready(self) -> bool:
        """Both sides work."""
        return self.source.ready and self.sink.ready


class FollowResult(StrEnum):
    """What came of the wish to follow a connection at once."""

    ACCEPTED = "accepted"
    UNKNOWN_CONNECTION = "unknown_connection"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    NO_ROOM = "no_room"


Follow = Callable[[str], Awaitable[FollowResult]]


@dataclass(frozen=True, slots=True)
class Views:
    """What is shown, asked for anew with each request.

    Attributes:
        render: an Accept header -> the metrics and their content type; runs in a thread.
        readiness: whether source and sink work now.
        snapshot: the live view now; runs on the event loop.
        follow: follows a connection at once.
        now_seconds: the clock that the page counts from, Unix seconds.
    """

    render: Callable[[str], tuple[bytes, str]]
    readiness: Callable[[], Readiness]
    snapshot: Callable[[], LiveSnapshot]
    follow: Follow
    now_seconds: Callable[[], float]


class ReadinessReport(msgspec.Struct, frozen=True):
    """The answer of /-/ready."""

    ready: bool
    source: Condition
    sink: Condition


class FlowsReport(msgspec.Struct, frozen=True):
    """The answer of /api/v1/flows. All times are Unix seconds."""

    version: str
    now_seconds: float
    readiness: ReadinessReport
    totals: Totals
    in_progress: list[FlowView]
    ended: list[EndingView]


def readiness_report(readiness: Readiness) -> ReadinessReport:
    """The readiness with its verdict written out."""
    return ReadinessReport(readiness.ready, readiness.source, readiness.sink)
