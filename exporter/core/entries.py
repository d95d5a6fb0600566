"""What one entry of a timeline says, taken alone. Only reads: ``core.timeline`` acts on it."""

from collections.abc import Callable
from typing import Final

from exporter.core.events import TimelineEntry
from exporter.core.flow_state import Identity, digest
from exporter.core.matching import Span
from exporter.core.observations import Outcome, WebsiteError
from exporter.core.redaction import redact
from exporter.core.vocabulary import FLOW_TYPES, IN_PROGRESS, TERMINAL_STATUSES, WORKING_STEPS

DOUBT_NS: Final = 10 * 10**9
"""How long after its end an entry waits that lies near a flow without overlapping it, or does not
tell yet when it ended: by then the flow's own entry, or the time, shows as well."""
FLOW_TYPE_OF: Final = {flow_type.lower(): flow_type for flow_type in FLOW_TYPES}
"""The types of entries that are flows, and the flow types that they stand for."""

_FAR_NS: Final = 2**63


def span_of(entry: TimelineEntry, now_ns: int) -> Span:
    """What there is of it to compare with flows."""
    return Span(
        flow_type=FLOW_TYPE_OF[entry.type],
        started_ns=entry.at_ns,
        ended_ns=max(entry.at_ns, end_ns(entry, now_ns)) if has_ended(entry) else _FAR_NS,
        session=digest(entry.browser_session_id),
    )


def has_ended(entry: TimelineEntry) -> bool:
    """Whether it is over."""
    return entry.status != IN_PROGRESS or entry.completed_ns is not None


def end_ns(entry: TimelineEntry, now_ns: int) -> int:
    """When it ended; where nothing tells, or it has not ended yet, now is the latest it can be."""
    if entry.completed_ns is not None:
        return entry.completed_ns
    if entry.status == IN_PROGRESS or entry.updated_ns is None:
        return max(entry.at_ns, now_ns)
    return entry.updated_ns


def latest_ns(entry: TimelineEntry) -> int:
    """The latest time that it tells of itself, by the server's clock alone."""
    return entry.completed_ns or entry.updated_ns or entry.at_ns


def is_unfinished(entry: TimelineEntry, now_ns: int) -> bool:
    """Whether it has just ended, and when is yet to be told."""
    updated_ns = entry.updated_ns
    return entry.completed_ns is None and updated_ns is not None and is_recent(updated_ns, now_ns)


def is_recent(at_ns: int, now_ns: int) -> bool:
    """Whether more may be told in a moment. What is far off is not waited for."""
    return abs(now_ns - at_ns) < DOUBT_NS


def duration_ns(entry: TimelineEntry) -> int | None:
    """How long it took; None where that is not told."""
    if entry.completed_ns is None or entry.completed_ns < entry.at_ns:
        return None
    return entry.completed_ns - entry.at_ns


def outcome_of(entry: TimelineEntry) -> Outcome:
    """How it went, in our words."""
    known = entry.status in TERMINAL_STATUSES
    return Outcome(entry.status.lower()) if known else Outcome.UNKNOWN


def agrees(outcome: Outcome, entry: TimelineEntry) -> bool:
    """Whether a flow that was counted so can be this entry: two of the outcomes are our own."""
    return outcome in (outcome_of(entry), Outcome.SUPERSEDED, Outcome.UNKNOWN)


def working_step(entry: TimelineEntry) -> str | None:
    """The working step that it names, if it does."""
    return entry.step if entry.step in WORKING_STEPS else None


def website_error(
    entry: TimelineEntry, at_ns: int, classify: Callable[[str], str]
) -> WebsiteError | None:
    """What the website showed, made safe; None where nothing is told."""
    text = entry.website_error
    return WebsiteError(at_ns, classify(text), redact(text)) if text else None


def identity_of(entry: TimelineEntry) -> Identity:
    """What tells it from the next flow of its connection."""
    return Identity(browser_session_id=digest(entry.browser_session_id))


def mark_of(entry: TimelineEntry) -> str:
    """What stands for the entry's id: of one length, whatever the upstream calls it."""
    return digest(entry.entry_id) or ""
