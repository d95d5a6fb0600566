"""The JSON of a page of a connection's timeline into entries. Pure; lenient where it can be.

An odd value in an optional member does not lose the entry. One without an id could not be told from
another, and one without a time could not be placed: such an entry is skipped.
"""

from itertools import islice
from typing import Any, Final

import msgspec

from exporter.core.decoding import MAX_TEXT
from exporter.core.events import TimelineEntry
from exporter.core.observations import StreamEndReason
from exporter.upstream.lenient import decoded, elements, moment_ns, text
from exporter.upstream.responses import ApiError

MAX_ENTRIES: Final = 200
"""So many entries of a page are looked at, twice as many as are ever asked for."""
MAX_ENTRY_ID_CHARACTERS: Final = 256
"""Longest id that is kept, in characters. A longer one is not cut: two could become one."""


class _Wire(msgspec.Struct):
    """The members that are used, each of whatever type it came in."""

    id: Any = None
    type: Any = None
    timestamp: Any = None
    status: Any = None
    step: Any = None
    completed_at: Any = None
    updated_at: Any = None
    error_code: Any = None
    error_message: Any = None
    website_error: Any = None
    browser_session_id: Any = None


_entry_decoder: Final = msgspec.json.Decoder(_Wire)


def parse_timeline(body: bytes) -> list[TimelineEntry]:
    """The entries on one page of a timeline, in the order they came in: newest first.

    Raises:
        ApiError: the body is not a JSON array.
    """
    raw = elements(body)
    if raw is None:
        raise ApiError(StreamEndReason.PROTOCOL, "the timeline is not a JSON array", status=200)
    entries = (_entry(each) for each in islice(raw, MAX_ENTRIES))
    return [entry for entry in entries if entry is not None]


def _entry(raw: msgspec.Raw) -> TimelineEntry | None:
    wire = decoded(_entry_decoder, raw)
    if wire is None:
        return None
    entry_id, at_ns = text(wire.id, MAX_ENTRY_ID_CHARACTERS + 1), moment_ns(wire.timestamp)
    if entry_id is None or len(entry_id) > MAX_ENTRY_ID_CHARACTERS or at_ns is None:
        return None
    return TimelineEntry(
        entry_id=entry_id,
        type=text(wire.type) or "",
        at_ns=at_ns,
        status=text(wire.status) or "",
        completed_ns=moment_ns(wire.completed_at),
        updated_ns=moment_ns(wire.updated_at),
        step=text(wire.step),
        error_code=text(wire.error_code),
        error_message=text(wire.error_message, MAX_TEXT),
        website_error=text(wire.website_error, MAX_TEXT),
        browser_session_id=text(wire.browser_session_id),
    )
