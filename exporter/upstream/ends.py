"""How a stream ended, and what to do next. Pure: one table decides."""

from enum import Enum, auto
from typing import Final

import msgspec

from exporter.core.observations import StreamEndReason
from exporter.upstream.backoff import Backoff

REFUSED_SECONDS: Final = 60.0
"""How long to wait before a refused key is tried again: it may have been replaced by then."""


class StreamEnd(msgspec.Struct, frozen=True):
    """The end of a stream, or of the attempt to open one.

    ``worthwhile``: it was worth opening, and so will be the next. ``session_over``: there is no
    stream because the flow is over (410), not because there is no connection.
    ``retry_after_seconds`` and ``should_retry`` are what the server said of trying again, None
    where it said nothing.
    """

    reason: StreamEndReason
    opened: bool
    worthwhile: bool = False
    session_over: bool = False
    retry_after_seconds: float | None = None
    should_retry: bool | None = None


class Retry(msgspec.Struct, frozen=True):
    """Open the stream again after so many seconds."""

    seconds: float


class Stop(msgspec.Struct, frozen=True):
    """There is nothing to follow now; a listing that shows a flow starts it again."""


class Forget(msgspec.Struct, frozen=True):
    """The connection is no more."""


Next = Retry | Stop | Forget


class _Policy(Enum):
    RETRY = auto()
    RETRY_WHILE_OPEN = auto()
    RETRY_SLOWLY = auto()
    STOP = auto()
    FORGET = auto()


_POLICIES: Final = {
    StreamEndReason.TERMINAL: _Policy.STOP,
    StreamEndReason.STOPPED: _Policy.STOP,
    StreamEndReason.EOF: _Policy.RETRY_WHILE_OPEN,
    StreamEndReason.PROTOCOL: _Policy.RETRY_WHILE_OPEN,
    StreamEndReason.IDLE: _Policy.RETRY,
    StreamEndReason.NETWORK: _Policy.RETRY,
    StreamEndReason.HTTP_5XX: _Policy.RETRY,
    StreamEndReason.HTTP_429: _Policy.RETRY,
    StreamEndReason.HTTP_401: _Policy.RETRY_SLOWLY,
    StreamEndReason.HTTP_404: _Policy.FORGET,
}


def what_next(
    end: StreamEnd, *, flow_open: bool, reconnection_seconds: float, backoff: Backoff
) -> Next:
    """What follows from the end of a stream.

    ``reconnection_seconds`` is the stream's own ``retry:``; ``flow_open`` says whether a flow is
    still being followed. A server that says not to retry is taken at its word, and one that asks
    for a retry gets it, except where the key or the connection is at fault.
    """
    policy = _Policy.STOP if end.session_over else _POLICIES[end.reason]
    if policy is _Policy.RETRY_WHILE_OPEN:
        policy = _Policy.RETRY if flow_open or end.should_retry else _Policy.STOP
    if policy is _Policy.RETRY and end.should_retry is False:
        policy = _Policy.STOP
    match policy:
        case _Policy.FORGET:
            return Forget()
        case _Policy.STOP:
            return Stop()
        case _Policy.RETRY_SLOWLY:
            at_least = max(REFUSED_SECONDS, end.retry_after_seconds or 0.0)
            backoff.reset()
        case _:
            at_least = max(reconnection_seconds, end.retry_after_seconds or 0.0)
    return Retry(backoff.next_seconds(at_least))
