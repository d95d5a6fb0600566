"""The live view: which flows are in progress now, and how the last ones ended.

What the status page, the JSON API and the terminal picture of ``demo`` show. It holds one small
record for each flow in progress and bounded rings of endings, in which failures outlive successes:
a busy exporter would otherwise push the one failure that matters out within seconds.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterable
from typing import assert_never

import msgspec

from exporter.core import totals
from exporter.core.observations import (
    ApiBudget,
    ApiRequest,
    ConnectionForgotten,
    ConnectionListed,
    FactNoted,
    FlowEnded,
    FlowFact,
    FlowRef,
    FlowResumed,
    FlowStarted,
    FollowingChanged,
    Gap,
    HealthCheckSeen,
    IllegalTransition,
    InputRequest,
    JournalWritten,
    Observation,
    Outcome,
    RateLimit,
    StepEntered,
    StepFinished,
    StreamEnded,
    StreamMessage,
    StreamOpened,
    TimelineCovered,
    TimelineNoted,
    TotalsRestored,
    WebsiteError,
)
from exporter.core.redaction import redact

# What a person can still take in on one page; the totals count all of them.
MAX_SHOWN_IN_PROGRESS = 200
MAX_FAILURES = 100
# A two-factor login has five; a flow that loops is told by its first ones.
MAX_STEPS_SHOWN = 16
MAX_OTHER_ENDINGS = 50
# A domain name has at most 253 characters (RFC 1035 section 2.3.4); the other names are alike.
_MAX_NAME_CHARACTERS = 253
_MAX_CODE_CHARACTERS = 64
_NANOSECONDS = 1e9

# What somebody may have to look into; canceled and superseded flows ended on purpose.
FAILURES = frozenset({Outcome.FAILED, Outcome.EXPIRED, Outcome.UNKNOWN})


class SeenError(msgspec.Struct, frozen=True):
    """What the website last showed: bounded category, redacted text."""

    category: str
    text: str


class FlowView(msgspec.Struct, frozen=True):
    """A flow in progress. Times are Unix seconds by the server's clock."""

    connection_id: str
    profile_name: str
    domain: str
    flow_type: str
    trace_id: str
    step: str
    started_seconds: float
    step_entered_seconds: float
    website_error: SeenError | None


class StepView(msgspec.Struct, frozen=True):
    """A visit of a step that is over: a span of the flow's trace."""

    step: str
    entered_seconds: float
    left_seconds: float


class EndingView(msgspec.Struct, frozen=True):
    """A flow that ended. ``sequence`` counts endings from 1, so that a reader sees what is new.

    ``steps`` holds the first steps of its trace.
    """

    sequence: int
    connection_id: str
    profile_name: str
    domain: str
    flow_type: str
    trace_id: str
    outcome: Outcome
    failure: bool
    last_step: str
    error_code: str | None
    website_error: SeenError | None
    started_seconds: float
    ended_seconds: float
    duration_seconds: float | None
    steps: tuple[StepView, ...] = ()


class Totals(msgspec.Struct, frozen=True):
    """Counts since the exporter started; of flows, since its journal began where it has one."""

    started: int
    in_progress: int
    ended_by_outcome: dict[str, int]
    in_progress_by_step: dict[str, int]
    website_errors_by_category: dict[str, int]
    illegal_transitions_by_reason: dict[str, int]
    gaps: int
    streams_open: int
    connections_followed: int


class LiveSnapshot(msgspec.Struct, frozen=True):
    """The view at one moment. ``in_progress`` holds those longest in their step."""

    totals: Totals
    in_progress: list[FlowView]
    ended: list[EndingView]


_Key = tuple[str, int]
"""Connection and trace: one that is over may be learnt of while another is open."""


class _Open(msgspec.Struct):
    """A flow in progress, as it is now."""

    flow: FlowRef
    step: str
    entered_ns: int
    website_error: SeenError | None = None
    steps: list[StepView] = []


class LiveView:
    """A sink that remembers only what there is to see now."""

    def __init__(self) -> None:
        self._open: dict[_Key, _Open] = {}
        self._failures: deque[EndingView] = deque(maxlen=MAX_FAILURES)
        self._others: deque[EndingView] = deque(maxlen=MAX_OTHER_ENDINGS)
        self._started = 0
        self._endings = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._categories: Counter[str] = Counter()
        self._illegal: Counter[str] = Counter()
        self._gaps = 0
        self._streams_open = 0
        self._followed = 0

    def observe(self, observation: Observation, /) -> None:  # noqa: C901, PLR0912 - a case for each
        """Take one observation."""
        match observation:
            case FlowStarted(flow=flow):
                self._started += 1
                self._open[_key(flow)] = _Open(flow, "", flow.started_ns)
            case FlowResumed(flow=flow, step=step, entered_ns=entered_ns):
                self._open[_key(flow)] = _Open(flow, step, entered_ns)
            case StepEntered(flow=flow, step=step, entered_ns=entered_ns):
                if (known := self._open.get(_key(flow))) is not None:
                    known.flow, known.step, known.entered_ns = flow, step, entered_ns
            case StepFinished():
                self._finish_step(observation)
            case FactNoted(flow=flow, fact=fact):
                self._note(flow, fact)
            case FlowEnded():
                self._end(observation)
            case TotalsRestored(counts=counts):
                self._restore(counts)
            case StreamOpened():
                self._streams_open += 1
            case StreamEnded(opened=opened):
                self._streams_open -= opened
            case FollowingChanged(connections=connections):
                self._followed = connections
            case (
                StreamMessage()
                | ApiRequest()
                | RateLimit()
                | ConnectionListed()
                | ConnectionForgotten()
                | TimelineNoted()
                | HealthCheckSeen()
                | TimelineCovered()
                | ApiBudget()
                | JournalWritten()
            ):
                pass
            case _:
                assert_never(observation)

    def _restore(self, counts: Iterable[tuple[totals.Key, int]]) -> None:
        for key, count in counts:
            match key:
                case (totals.STARTED, *_):
                    self._started += count
                case (totals.ENDED, outcome, *_) if outcome in frozenset(Outcome):
                    self._outcomes[Outcome(outcome)] += count
                case _:
                    pass

    def _note(self, flow: FlowRef | None, fact: FlowFact) -> None:
        match fact:
            case WebsiteError(category=category, text=text):
                self._categories[category] += 1
                known = self._open.get(_key(flow)) if flow is not None else None
                if known is not None:
                    known.website_error = SeenError(category, text)
            case IllegalTransition(reason=reason):
                self._illegal[reason] += 1
            case Gap():
                self._gaps += 1
            case InputRequest():
                pass
            case _:
                assert_never(fact)

    def _finish_step(self, finished: StepFinished) -> None:
        known = self._open.get(_key(finished.flow))
        if known is not None and len(known.steps) < MAX_STEPS_SHOWN:
            entered, left = finished.entered_ns / _NANOSECONDS, finished.finished_ns / _NANOSECONDS
            known.steps.append(StepView(finished.step, entered, left))

    def _end(self, ended: FlowEnded) -> None:
        flow = ended.flow
        known = self._open.pop(_key(flow), None)
        self._endings += 1
        self._outcomes[ended.outcome] += 1
        failure = ended.outcome in FAILURES
        duration_ns = ended.duration_ns
        ring = self._failures if failure else self._others
        ring.append(
            EndingView(
                sequence=self._endings,
                connection_id=flow.connection_id,
                profile_name=_name(flow.profile_name),
                domain=_name(flow.domain),
                flow_type=flow.flow_type,
                trace_id=f"{flow.trace_id:032x}",
                outcome=ended.outcome,
                failure=failure,
                last_step=ended.last_step,
                error_code=_code(ended.error_code),
                website_error=known.website_error if known is not None else None,
                started_seconds=ended.started_ns / _NANOSECONDS,
                ended_seconds=ended.ended_ns / _NANOSECONDS,
                duration_seconds=None if duration_ns is None else duration_ns / _NANOSECONDS,
                steps=tuple(known.steps) if known is not None else (),
            )
        )

    def snapshot(self) -> LiveSnapshot:
        """The view now. Call it where ``observe`` is called: it is not safe across threads."""
        oldest = heapq.nsmallest(
            MAX_SHOWN_IN_PROGRESS, self._open.values(), key=lambda known: known.entered_ns
        )
        return LiveSnapshot(
            totals=self._totals(),
            in_progress=[_view(known) for known in oldest],
            ended=sorted(
                (*self._failures, *self._others), key=lambda ending: ending.sequence, reverse=True
            ),
        )

    def _totals(self) -> Totals:
        return Totals(
            started=self._started,
            in_progress=len(self._open),
            ended_by_outcome={outcome.value: self._outcomes[outcome] for outcome in Outcome},
            in_progress_by_step=dict(Counter(known.step for known in self._open.values())),
            website_errors_by_category=dict(self._categories.most_common()),
            illegal_transitions_by_reason=dict(self._illegal.most_common()),
            gaps=self._gaps,
            streams_open=self._streams_open,
            connections_followed=self._followed,
        )


def _key(flow: FlowRef) -> _Key:
    return flow.connection_id, flow.trace_id


def _view(known: _Open) -> FlowView:
    flow = known.flow
    return FlowView(
        connection_id=flow.connection_id,
        profile_name=_name(flow.profile_name),
        domain=_name(flow.domain),
        flow_type=flow.flow_type,
        trace_id=f"{flow.trace_id:032x}",
        step=known.step,
        started_seconds=flow.started_ns / _NANOSECONDS,
        step_entered_seconds=known.entered_ns / _NANOSECONDS,
        website_error=known.website_error,
    )


def _name(text: str) -> str:
    return text[:_MAX_NAME_CHARACTERS]


def _code(text: str | None) -> str | None:
    """An error code is the upstream's free word, so it is treated as free text."""
    return None if text is None else redact(text)[:_MAX_CODE_CHARACTERS]
