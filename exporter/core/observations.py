"""The facts that come out: the vocabulary between whatever produces them and the sinks.

Two families share one union. **Flow observations** come from the pure flow tracker and say what
happened to a login. **Upstream observations** come from the code with the sockets and say how the
way to Kernel behaves. Sinks match over ``Observation`` and end in ``assert_never``, so that a new
fact which a sink forgot is a type error.

Times are integer Unix nanoseconds by the server's clock, durations integer nanoseconds.
"""

from enum import StrEnum
from typing import Protocol

import msgspec


class Entry(StrEnum):
    """How a flow came to be known."""

    DISCOVERING = "discovering"
    JOINED_LATE = "joined_late"
    TIMELINE = "timeline"


class Outcome(StrEnum):
    """How a flow ended: the first four are Kernel's, the others a follower's conclusions."""

    SUCCESS = "success"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


class Observed(StrEnum):
    """What told us that a flow ended."""

    STREAM = "stream"
    LISTING = "listing"
    TIMELINE = "timeline"


class InputKind(StrEnum):
    """What a person (or an agent) is asked for."""

    CREDENTIALS = "credentials"
    ONE_TIME_CODE = "one_time_code"
    MFA_CHOICE = "mfa_choice"
    SSO = "sso"
    ACCOUNT_CHOICE = "account_choice"
    OTHER = "other"


class IllegalReason(StrEnum):
    """Why a transition, or the event that carried it, is not what the API promises."""

    SKIPPED_STEP = "skipped_step"
    NOT_ALLOWED = "not_allowed"
    AFTER_TERMINAL = "after_terminal"
    STATUS_STEP_MISMATCH = "status_step_mismatch"
    TIMESTAMP_REGRESSION = "timestamp_regression"
    FLOW_TYPE_CHANGED = "flow_type_changed"
    MISSING_PAUSE_DETAILS = "missing_pause_details"
    UNKNOWN_STATUS = "unknown_status"
    UNKNOWN_STEP = "unknown_step"
    UNKNOWN_FLOW_TYPE = "unknown_flow_type"


class GapCause(StrEnum):
    """Why part of a flow was not seen."""

    RECONNECT = "reconnect"
    RESTART = "restart"
    TAKEOVER = "takeover"


class FlowRef(msgspec.Struct, frozen=True):
    """Which flow an observation is about. ``flow_type`` is what is known of it by now.

    ``trace_id`` is derived (see ``core.ids``); ``linked_trace_id`` is the trace of the last flow of
    the same connection, 0 where there was none.
    """

    connection_id: str
    domain: str
    profile_name: str
    flow_type: str
    started_ns: int
    trace_id: int
    linked_trace_id: int = 0


class WebsiteError(msgspec.Struct, frozen=True, tag=True):
    """The website showed an error. ``text`` is redacted and cut; ``category`` is bounded."""

    at_ns: int
    category: str
    text: str


class InputRequest(msgspec.Struct, frozen=True, tag=True):
    """Input was asked for; ``retry`` when that kind was asked before in the flow, or refused."""

    at_ns: int
    kind: InputKind
    retry: bool


class IllegalTransition(msgspec.Struct, frozen=True, tag=True):
    """The checker's finding. ``source`` and ``target`` are state names, or ``UNKNOWN``."""

    at_ns: int
    reason: IllegalReason
    source: str
    target: str


class Gap(msgspec.Struct, frozen=True, tag=True):
    """Part of the flow went unseen: a path that is legal, but that nobody watched."""

    at_ns: int
    cause: GapCause


FlowFact = WebsiteError | InputRequest | IllegalTransition | Gap


class FlowStarted(msgspec.Struct, frozen=True):
    """A flow is followed from now on."""

    flow: FlowRef
    entry: Entry


class StepEntered(msgspec.Struct, frozen=True):
    """The flow is in ``step`` now. A flow that is in progress is always in exactly one."""

    flow: FlowRef
    step: str
    entered_ns: int


class StepFinished(msgspec.Struct, frozen=True):
    """The flow left ``step``, whose ``ordinal`` counts the visits of the flow from 1.

    ``seen_whole`` is false where the start or the end went unseen: then the times bound the visit,
    but are no measurement of it. ``next`` is the state it left for; None where a newer flow or
    silence ended it. ``facts`` is what happened during the visit, bounded in number.
    """

    flow: FlowRef
    step: str
    ordinal: int
    entered_ns: int
    finished_ns: int
    next: str | None
    seen_whole: bool
    facts: tuple[FlowFact, ...]

    @property
    def duration_ns(self) -> int:
        """From entering the step to leaving it; never negative."""
        return self.finished_ns - self.entered_ns


class FactNoted(msgspec.Struct, frozen=True):
    """Something happened in ``step`` (or outside any flow: then ``flow`` is None)."""

    domain: str
    flow: FlowRef | None
    step: str
    fact: FlowFact


class FlowEnded(msgspec.Struct, frozen=True):
    """A flow is over. The durations are None where they were not seen whole.

    ``waiting_ns`` is time spent waiting for a human, ``working_ns`` the rest. ``error_code`` is the
    upstream's free word for it: bound it before it becomes a label. ``facts`` holds what belongs to
    the flow rather than to one step: illegal transitions and gaps.
    """

    flow: FlowRef
    outcome: Outcome
    observed: Observed
    last_step: str
    started_ns: int
    ended_ns: int
    error_code: str | None
    error_message: str | None
    incomplete: bool
    duration_ns: int | None
    waiting_ns: int | None
    working_ns: int | None
    facts: tuple[FlowFact, ...]


class FlowResumed(msgspec.Struct, frozen=True):
    """A flow that was open when the process before this one ended is followed on, in ``step``."""

    flow: FlowRef
    step: str
    entered_ns: int


class TimelineResult(StrEnum):
    """What an ended login or re-authentication in a connection's timeline turned out to be.

    ``counted``: nothing else had told of it; ``matched``: a flow that was counted already, or that
    is open here and ends with it; ``doubtful``: taken for a flow that was counted already although
    not everything fits, because no flow must count twice; ``before_start``: it had ended before the
    exporter's first start; ``out_of_reach``: there were more entries than are read, so those beyond
    were given up.
    """

    COUNTED = "counted"
    MATCHED = "matched"
    DOUBTFUL = "doubtful"
    BEFORE_START = "before_start"
    OUT_OF_REACH = "out_of_reach"


class TimelineNoted(msgspec.Struct, frozen=True):
    """An entry of the timeline was dealt with, once and for all."""

    result: TimelineResult


class HealthCheckSeen(msgspec.Struct, frozen=True):
    """A health check of a connection: ``result`` is the upstream's word for what it found."""

    result: str
    at_ns: int


FlowObservation = (
    FlowStarted
    | StepEntered
    | StepFinished
    | FactNoted
    | FlowEnded
    | FlowResumed
    | TimelineNoted
    | HealthCheckSeen
)


class StreamEventKind(StrEnum):
    """What kind of message a stream delivered."""

    STATE = "state"
    HEARTBEAT = "heartbeat"
    ERROR = "error"
    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    OVERSIZED = "oversized"


class StreamEndReason(StrEnum):
    """Why a stream, or the attempt to open one, ended."""

    TERMINAL = "terminal"
    EOF = "eof"
    IDLE = "idle"
    HTTP_401 = "http_401"
    HTTP_404 = "http_404"
    HTTP_429 = "http_429"
    HTTP_5XX = "http_5xx"
    NETWORK = "network"
    PROTOCOL = "protocol"
    STOPPED = "stopped"


class StreamOpened(msgspec.Struct, frozen=True):
    """The upstream answered with an event stream."""

    connection_id: str


class StreamMessage(msgspec.Struct, frozen=True):
    """A message arrived; ``lag_ns`` is arrival minus its own timestamp.

    It is None where the message has none, and for the first state of a stream, which may repeat one
    of any age.
    """

    kind: StreamEventKind
    received_ns: int
    lag_ns: int | None = None


class StreamEnded(msgspec.Struct, frozen=True):
    """A stream ended, or could not be had; ``opened`` tells which."""

    connection_id: str
    reason: StreamEndReason
    opened: bool


class ApiRequest(msgspec.Struct, frozen=True):
    """A request to the API was answered (``code`` is the HTTP status) or failed (``code`` None)."""

    endpoint: str
    code: int | None
    duration_seconds: float


class RateLimit(msgspec.Struct, frozen=True):
    """The organisation's rate limit as the API tells it: requests a minute, and how many remain."""

    limit: int
    remaining: int


class ConnectionListed(msgspec.Struct, frozen=True):
    """A connection as the API shows it now: what it is, not what its flow does."""

    connection_id: str
    domain: str
    status: str
    can_reauth: bool | None
    can_reauth_reason: str | None


class ConnectionForgotten(msgspec.Struct, frozen=True):
    """The connection is no more, or no longer ours to look at."""

    connection_id: str


class FollowingChanged(msgspec.Struct, frozen=True):
    """How many connections are being followed now."""

    connections: int


class TimelineCovered(msgspec.Struct, frozen=True):
    """How far the timelines have been read.

    ``stalest_read_ns`` is the local time at which the connection that has gone unread for longest
    was last read, or became known; None where there is no connection.
    """

    stalest_read_ns: int | None


class ApiBudget(msgspec.Struct, frozen=True):
    """How many requests a minute polls, timelines and retrieves together may send now."""

    requests_per_minute: float


class TotalsRestored(msgspec.Struct, frozen=True):
    """What earlier processes with the same journal have counted: see ``core.totals``."""

    counts: tuple[tuple[tuple[str, ...], int], ...]


class JournalWritten(msgspec.Struct, frozen=True):
    """The journal was written, or (``ok`` false) could not be."""

    ok: bool
    at_ns: int


UpstreamObservation = (
    StreamOpened
    | StreamMessage
    | StreamEnded
    | ApiRequest
    | RateLimit
    | ConnectionListed
    | ConnectionForgotten
    | FollowingChanged
    | TimelineCovered
    | ApiBudget
    | TotalsRestored
    | JournalWritten
)

Observation = FlowObservation | UpstreamObservation


class Sink(Protocol):
    """Takes observations somewhere. It may raise: whoever calls it isolates it."""

    def observe(self, observation: Observation, /) -> None:
        """Take one observation; must not block."""
