"""What a tracker remembers between two events: plain data that can be saved and restored.

Bounded in every direction, whatever the upstream sends, and free of secrets: what tells one flow
from another is kept as a hash.
"""

from hashlib import blake2b
from typing import Final

import msgspec

from exporter.core.machine import FlowState
from exporter.core.matching import Span
from exporter.core.observations import FlowFact, FlowRef, GapCause, Outcome

MAX_FACTS: Final = 128
"""Facts kept for one span. OpenTelemetry's own limit of events on a span
(OTEL_SPAN_EVENT_COUNT_LIMIT defaults to 128); later ones are still observed, only not repeated in
the span."""

MAX_REMEMBERED: Final = 32
"""Different website errors, or requests for input, remembered to tell a repeat from a new one."""

MAX_EXPECTED: Final = 32
"""Flows remembered until their entry in the timeline is found. The timeline is read soon after a
flow ends, so there are seldom more than one or two."""


class Identity(msgspec.Struct, frozen=True):
    """What tells a flow from the next of its connection; each part may be unknown."""

    hosted_url: str | None = None
    browser_session_id: str | None = None
    flow_expires_ns: int | None = None

    def conflicts(self, other: "Identity") -> bool:
        """Whether some part is known of both and differs."""
        return any(mine != theirs for mine, theirs in self._shared(other))

    def agrees(self, other: "Identity") -> bool:
        """Whether some part is known of both, and all such parts are equal."""
        shared = self._shared(other)
        return bool(shared) and all(mine == theirs for mine, theirs in shared)

    def merged(self, other: "Identity") -> "Identity":
        """This identity, completed by what only the other knows."""
        return Identity(
            self.hosted_url or other.hosted_url,
            self.browser_session_id or other.browser_session_id,
            self.flow_expires_ns or other.flow_expires_ns,
        )

    def _shared(self, other: "Identity") -> list[tuple[object, object]]:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return [(a, b) for a, b in pairs if a is not None and b is not None]


class Visit(msgspec.Struct):
    """A stay in one working step.

    ``by_our_clock`` says that a listing told of it: ``entered_ns`` is then no time of the server's.
    """

    step: FlowState
    ordinal: int
    entered_ns: int
    start_seen: bool
    by_our_clock: bool = False
    facts: list[FlowFact] = []
    lacked_details: bool = False
    asked: str | None = None
    interaction: str | None = None


class OpenFlow(msgspec.Struct):
    """A flow that has started and has not ended.

    ``seen_ns`` and ``latest_ns`` are the first and the latest time that the server told of it, 0
    where no stream has shown it yet; ``told_type`` is the type that it told last. ``streamed`` says
    that a stream has shown some of it. ``asked`` holds what input was asked for, by kind and
    fields.
    """

    ref: FlowRef
    started_ns: int
    start_seen: bool
    visit: Visit
    identity: Identity
    latest_ns: int = 0
    told_type: str | None = None
    streamed: bool = False
    seen_ns: int = 0
    whole: bool = True
    waiting_ns: int = 0
    asked: list[str] = []
    errors_shown: list[str] = []
    facts: list[FlowFact] = []

    @property
    def span(self) -> Span:
        """What there is to compare with the timeline."""
        return Span(
            flow_type=self.ref.flow_type,
            started_ns=self.seen_ns or self.started_ns,
            ended_ns=self.latest_ns or self.started_ns,
            session=self.identity.browser_session_id,
            by_our_clock=not self.seen_ns,
        )

    def changes_type(self, flow_type: str | None) -> bool:
        """Whether it is known by another type than this one."""
        known = (flow_type, self.told_type, self.ref.flow_type)
        return None not in known[:2] and flow_type not in known[1:]


class CountedFlow(msgspec.Struct, frozen=True):
    """A flow that ended without the timeline's help, until its entry there is found."""

    span: Span
    outcome: Outcome


class History(msgspec.Struct):
    """What of the connection's timeline is counted.

    An entry that ended by ``since_ns`` is not ours to count; one that began by ``floor_ns`` has
    been dealt with, unless it is in ``pending``: the entries that had not ended yet. ``counted``
    holds those after the floor that have been dealt with. Both map the hash of an entry's id to its
    beginning. ``flows`` are those that ended lately without the timeline. ``read_ns`` is the local
    time of the last read, and ``deferred`` says that it held entries that had ended, but could not
    be dealt with yet. ``latest_ns`` is the latest time, by the server's clock, that an entry tells
    which has been dealt with.
    """

    since_ns: int = 0
    floor_ns: int = 0
    read_ns: int = 0
    latest_ns: int = 0
    deferred: bool = False
    counted: dict[str, int] = {}
    pending: dict[str, int] = {}
    flows: list[CountedFlow] = []


class TrackerState(msgspec.Struct):
    """One connection. ``state`` is what the machine drives.

    ``event_ns`` is the server's time of the latest event, ``received_ns`` the local time at which
    it came, ``unwatched_ns`` the local time since which no stream is open. ``fresh`` says that the
    next state is the first one of its stream, ``resumed`` why that stream had to be opened again.
    ``newest_start_ns`` and ``odd_starts`` keep the ids of flows apart. ``ended_ns`` is the server's
    time of the latest end that the timeline told of, at the local time ``ended_told_ns``.
    """

    connection_id: str
    domain: str
    profile_name: str
    state: FlowState = FlowState.IDLE
    flow: OpenFlow | None = None
    event_ns: int = 0
    received_ns: int = 0
    unwatched_ns: int = 0
    attached: bool = False
    fresh: bool = True
    resumed: GapCause | None = None
    newest_start_ns: int = 0
    odd_starts: int = 0
    last_trace_id: int = 0
    last_identity: Identity = Identity()
    ended_ns: int = 0
    ended_told_ns: int = 0
    history: History = msgspec.field(default_factory=History)


def digest(text: str | None) -> str | None:
    """A short hash to compare texts that must not be kept."""
    return (
        None if text is None else blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()
    )
