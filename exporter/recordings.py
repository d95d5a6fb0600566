"""Recorded streams through the same core as live ones.

A recording is the raw text of one event stream, or JSON lines with the ``data`` of one message
each. Whichever it is, its messages are taken one by one, so that a recording of any length needs no
more memory than its longest message.
"""

from collections.abc import Iterator
from io import BufferedIOBase
from itertools import chain
from typing import BinaryIO, Final, NamedTuple, TextIO

import httpx
import httpx_sse

from exporter.core.decoding import decode
from exporter.core.events import StateEvent, StreamAttached, WireError
from exporter.core.flow import FlowTracker
from exporter.core.observations import FactNoted, FlowObservation, FlowStarted, IllegalTransition
from exporter.errors import UserError
from exporter.upstream.sse import MAX_MESSAGE_BYTES, Framer
from exporter.website_error_rules import load_classifier

FOUND: Final = 1
"""Exit status of ``check`` where it found something."""

_EVENT_STREAM: Final = {"content-type": "text/event-stream"}


class Message(NamedTuple):
    """The data of one message, and the line of the recording that it begins on.

    ``data`` is None for a message over the limit that live streams have, too. ``finished`` is false
    for the last one of a recording that was cut before the blank line which ends it.
    """

    line: int
    data: str | None
    finished: bool = True


class _Tally:
    def __init__(self) -> None:
        self.events = 0
        self.flows = 0
        self.findings = 0


def check(source: BinaryIO | BufferedIOBase, out: TextIO) -> int:
    """Print each illegal transition of a recorded stream with its line; 1 if there is any.

    A message that cannot be read is a finding as well.

    Raises:
        UserError: there is no event in it at all.
    """
    tracker = FlowTracker("recording", classify=load_classifier())
    tracker.apply(StreamAttached(), 0)
    tally = _Tally()
    for message in read(source):
        for finding in _findings(message, tracker, tally):
            tally.findings += 1
            print(f"{message.line}: {finding}", file=out)
    if not tally.events:
        raise UserError(
            "there is no event in the recording: give the raw text of an event stream (curl -N),"
            " or JSON lines with the data of one message each"
        )
    print(f"{tally.events} events, {tally.flows} flows, {tally.findings} findings", file=out)
    return FOUND if tally.findings else 0


def read(source: BinaryIO | BufferedIOBase) -> Iterator[Message]:
    """The messages of a recording, in order."""
    lines = _lines(source)
    for number, line in lines:
        if line is not None and not line.strip():
            continue
        first = (number, line)
        json_lines = line is not None and line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{")
        yield from (_json_lines if json_lines else _event_stream)(first, lines)


_Line = tuple[int, bytes | None]

_CUT: Final[_Line] = (0, b"\n\n")
"""What ends the last message of a recording where it lacks the blank line."""


def _lines(source: BinaryIO | BufferedIOBase) -> Iterator[_Line]:
    """Numbered lines with their ends; None stands for one that no message may be as long as."""
    number = 0
    while line := source.readline(MAX_MESSAGE_BYTES + 1):
        number += 1
        whole = line.endswith(b"\n") or len(line) <= MAX_MESSAGE_BYTES
        yield number, line if whole else None
        while not whole:
            rest = source.readline(MAX_MESSAGE_BYTES)
            whole = rest.endswith(b"\n") or not rest


def _json_lines(first: _Line, lines: Iterator[_Line]) -> Iterator[Message]:
    line: _Line | None = first
    while line:
        number, text = line
        if text is None:
            yield Message(number, None)
        elif text.strip():
            yield Message(number, text.decode("utf-8-sig", "replace"))
        line = next(lines, None)


def _event_stream(first: _Line, lines: Iterator[_Line]) -> Iterator[Message]:
    framer, began = Framer(), first[0]
    oversized = 0
    for number, text in chain((first,), lines, (_CUT,)):
        if not framer.held_bytes:
            began = number
        # The framer drops what is too long by itself, as it does on a live stream.
        whole = framer.feed(text if text is not None else b"x" * (MAX_MESSAGE_BYTES + 2) + b"\n")
        if framer.oversized > oversized:
            oversized = framer.oversized
            yield Message(began, None)
        if whole:
            response = httpx.Response(200, headers=_EVENT_STREAM, content=whole)
            for message in httpx_sse.EventSource(response).iter_sse():
                if message.data:
                    yield Message(began, message.data, finished=number != _CUT[0])


def _findings(message: Message, tracker: FlowTracker, tally: _Tally) -> Iterator[str]:
    if message.data is None:
        yield f"oversized: more than {MAX_MESSAGE_BYTES} bytes"
        return
    event = decode(message.data)
    if isinstance(event, WireError):
        if not message.finished:
            return  # It was cut in the middle: nobody's fault but the recorder's.
        yield f"malformed: {event.problem}"
        return
    tally.events += 1
    if isinstance(event, StateEvent):
        for observation in tracker.apply(event, event.at_ns):
            tally.flows += isinstance(observation, FlowStarted)
            yield from _illegal(observation)


def _illegal(observation: FlowObservation) -> Iterator[str]:
    match observation:
        case FactNoted(fact=IllegalTransition(reason=reason, source=source, target=target)):
            yield f"{reason}: {source} -> {target}"
        case _:
            pass
