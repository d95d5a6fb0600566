"""What a connection's timeline means: outcomes that nobody else told of, each exactly once.

An entry is dealt with once it has ended: it is counted, or recognised as a flow that was counted or
is open here. Until then it is read again. Where a flow ended without the timeline's help, its entry
is expected, and taken for it rather than counted twice.
"""

from collections.abc import Callable, Sequence
from typing import Final

from exporter.core import lifecycle
from exporter.core.entries import (
    FLOW_TYPE_OF,
    agrees,
    duration_ns,
    end_ns,
    has_ended,
    identity_of,
    is_recent,
    is_unfinished,
    latest_ns,
    mark_of,
    outcome_of,
    span_of,
    website_error,
    working_step,
)
from exporter.core.events import TimelineEntry, TimelineRead
from exporter.core.flow_state import History, TrackerState
from exporter.core.ids import trace_id
from exporter.core.lifecycle import Ending, Out
from exporter.core.machine import FlowState, advance
from exporter.core.matching import SLACK_NS, Fit, match
from exporter.core.news import note_error
from exporter.core.observations import (
    Entry,
    FactNoted,
    FlowEnded,
    FlowRef,
    FlowStarted,
    GapCause,
    HealthCheckSeen,
    Observed,
    Outcome,
    TimelineNoted,
    TimelineResult,
)
from exporter.core.redaction import redact
from exporter.core.vocabulary import TERMINAL_STATUSES, UNKNOWN

MAX_COUNTED: Final = 128
"""Entries remembered as dealt with: more than a page of the API, so that entries which turn up
late, or on two pages, are known for what they are."""
KEPT_NS: Final = 60 * 60 * 10**9
"""How long after they began they are, where no older one is still looked for: whatever turns up
later than that is given up."""
MAX_PENDING: Final = 16
"""Entries that have not ended and are looked for again. A connection has one flow at a time."""
WATCHED_NS: Final = 60 * 10**9
"""How long after its end the stream of a flow is waited for to tell of it."""
HANDOVER_NS: Final = 10**7
"""A flow that expires within this time of the next one's beginning was superseded by it: Kernel
lets a new login take over a flow that is past its expiry, and the timeline has no word for that."""
FUTURE_NS: Final = 24 * 60 * 60 * 10**9
"""What begins later than that has not happened, whatever the clocks say: it would hide what has."""
LONGEST_FLOW_NS: Final = 21 * 60 * 10**9
"""Kernel ends a login flow after 20 minutes: whatever began earlier had ended by the start."""

_HEALTH_CHECK: Final = "health_check"
_CHECK_RESULTS: Final = frozenset({"AUTHENTICATED", "NEEDS_AUTH"})


def begin_history(since_ns: int) -> History:
    """The history of a connection of which nothing is counted yet, and nothing before this is."""
    return History(since_ns=since_ns, floor_ns=max(0, since_ns - LONGEST_FLOW_NS))


def lacks(history: History, read: Sequence[TimelineEntry]) -> bool:
    """Whether entries older than these have to be read as well.

    That is so where none of these has been dealt with yet, or one is missing that had not ended.
    """
    if not read:
        return True
    oldest_ns = min(entry.at_ns for entry in read)
    if oldest_ns <= history.floor_ns:
        return False
    known = {mark_of(entry) for entry in read}
    if any(mark not in known and at_ns <= oldest_ns for mark, at_ns in history.pending.items()):
        return True
    return known.isdisjoint(history.counted)


def counted_until_ns(history: History, now_ns: int) -> int:
    """By when what ended of the connection has been counted, by our clock and by the server's.

    Its entries tell the server's time, which may be ahead of ours: those that have been dealt with
    must lie before this, and so must those of flows that were counted and not found there yet. A
    time that is out of the question does not count, for it would hide what is to come.
    """
    flows = [flow.span.ended_ns + SLACK_NS for flow in history.flows]
    return max(now_ns, min(max(history.since_ns, history.latest_ns, *flows), now_ns + FUTURE_NS))


def apply_timeline(
    state: TrackerState, read: TimelineRead, classify: Callable[[str], str], out: Out
) -> None:
    """Take in what was read of the timeline."""
    history = state.history
    history.read_ns = read.requested_ns
    entries = _news(history, read)
    for entry in entries:
        if entry.type == _HEALTH_CHECK:
            _note_check(state, entry, out)
        elif entry.type not in FLOW_TYPE_OF:
            _mark_done(history, entry)  # A later version's; nothing of it is counted.
    flows = [entry for entry in entries if entry.type in FLOW_TYPE_OF]
    _Matching(state, flows, read, classify, out).carry_out()
    if not read.complete:
        _give_up(history, read, out)
    _prune(history, read.received_ns - KEPT_NS)
    if out:
        state.received_ns = max(state.received_ns, read.received_ns)


class _Matching:
    """One read, carried out entry by entry, the oldest first."""

    def __init__(
        self,
        state: TrackerState,
        entries: list[TimelineEntry],
        read: TimelineRead,
        classify: Callable[[str], str],
        out: Out,
    ) -> None:
        self._state = state
        self._entries = entries
        self._read = read.entries
        self._asked_ns = read.requested_ns
        self._now_ns = now_ns = read.received_ns
        self._classify = classify
        self._out = out
        self._flows = list(state.history.flows)
        spans = [flow.span for flow in self._flows]
        if state.flow:
            spans.append(state.flow.span)
        self._found = match([span_of(entry, now_ns) for entry in entries], spans)

    def carry_out(self) -> None:
        history = self._state.history
        history.deferred = False
        for index, entry in enumerate(self._entries):
            flow, fit = self._found.get(index, (None, Fit.NONE))
            ended = has_ended(entry)
            if not ended or not self._settle(entry, flow, fit):
                history.pending[mark_of(entry)] = entry.at_ns
                history.deferred |= ended

    def _settle(self, entry: TimelineEntry, flow: int | None, fit: Fit) -> bool:
        """Deal with an entry that has ended; false where it is too early to."""
        is_open = flow is not None and flow >= len(self._flows)
        # An open flow that nobody watches is ended at once: what is seen next may be another one.
        if not is_open and is_unfinished(entry, self._asked_ns):
            return False
        if flow is None:
            self._count(entry)
            return True
        doubtful = fit is Fit.NEAR
        recent = is_recent(end_ns(entry, self._now_ns), self._asked_ns)
        if doubtful and recent and (not is_open or self._is_under_way(entry)):
            return False
        if flow < len(self._flows):
            counted = self._flows[flow]
            doubtful = doubtful or not agrees(counted.outcome, entry)
            self._state.history.flows.remove(counted)
        elif self._is_watched() and self._asked_ns < end_ns(entry, self._now_ns) + WATCHED_NS:
            return False  # The stream tells of it in a moment, and better.
        else:
            self._end(entry)
        self._done(entry, TimelineResult.DOUBTFUL if doubtful else TimelineResult.MATCHED)
        return True

    def _is_under_way(self, entry: TimelineEntry) -> bool:
        """Whether there is one of its type that has not ended: then the open flow may be that."""
        return any(not has_ended(other) for other in self._read if other.type == entry.type)

    def _is_watched(self) -> bool:
        return self._state.attached and not self._state.fresh

    def _end(self, entry: TimelineEntry) -> None:
        """End the open flow: this is how it went."""
        state, out = self._state, self._out
        flow = state.flow
        assert flow is not None  # noqa: S101 - it was matched with this entry
        at_ns = end_ns(entry, self._now_ns)
        lifecycle.learn(flow, FLOW_TYPE_OF[entry.type], identity_of(entry))
        note_error(state, entry.website_error, at_ns, self._classify, out)
        if flow.streamed:
            lifecycle.note_gap(state, out, at_ns, state.resumed or GapCause.RECONNECT)
        outcome = self._outcome(entry)
        ending = Ending(
            outcome=outcome,
            observed=Observed.TIMELINE,
            at_ns=at_ns,
            last_step=working_step(entry),
            error_code=entry.error_code,
            error_message=entry.error_message,
            duration_ns=duration_ns(entry),
        )
        lifecycle.end(state, out, ending)
        lifecycle.note_end(state, at_ns, self._now_ns)
        advance(state, _state_after(outcome))

    def _count(self, entry: TimelineEntry) -> None:
        """Nobody else told of this flow: it is counted here, if it is ours to count."""
        state, out = self._state, self._out
        if latest_ns(entry) <= state.history.since_ns:
            self._done(entry, TimelineResult.BEFORE_START)
            return
        ended_ns = end_ns(entry, self._now_ns)
        mark = mark_of(entry)
        ref = FlowRef(
            connection_id=state.connection_id,
            domain=state.domain,
            profile_name=state.profile_name,
            flow_type=FLOW_TYPE_OF[entry.type],
            started_ns=entry.at_ns,
            trace_id=trace_id(state.connection_id, entry.at_ns, f"\x00timeline\x00{mark}"),
            linked_trace_id=state.last_trace_id,
        )
        out.append(FlowStarted(ref, Entry.TIMELINE))
        last_step = working_step(entry) or UNKNOWN
        error = website_error(entry, ended_ns, self._classify)
        if error:
            out.append(FactNoted(state.domain, ref, last_step, error))
        out.append(
            FlowEnded(
                flow=ref,
                outcome=self._outcome(entry),
                observed=Observed.TIMELINE,
                last_step=last_step,
                started_ns=entry.at_ns,
                ended_ns=max(ended_ns, entry.at_ns),
                error_code=lifecycle.safe_code(entry.error_code),
                error_message=redact(entry.error_message) if entry.error_message else None,
                incomplete=True,
                duration_ns=duration_ns(entry),
                waiting_ns=None,
                working_ns=None,
                facts=(error,) if error else (),
            )
        )
        state.last_trace_id = ref.trace_id
        if state.flow is None and ended_ns >= state.ended_ns:
            state.last_identity = identity_of(entry)
        lifecycle.note_end(state, ended_ns, self._now_ns)
        self._done(entry, TimelineResult.COUNTED)

    def _outcome(self, entry: TimelineEntry) -> Outcome:
        outcome, ended_ns = outcome_of(entry), end_ns(entry, self._now_ns)
        if outcome is Outcome.EXPIRED and any(
            other.at_ns > entry.at_ns and abs(other.at_ns - ended_ns) <= HANDOVER_NS
            for other in self._read
            if other.type in FLOW_TYPE_OF
        ):
            return Outcome.SUPERSEDED
        return outcome

    def _done(self, entry: TimelineEntry, result: TimelineResult) -> None:
        _mark_done(self._state.history, entry)
        self._out.append(TimelineNoted(result))


def _news(history: History, read: TimelineRead) -> list[TimelineEntry]:
    """The entries that have not been dealt with, each once, the oldest first."""
    found: dict[str, TimelineEntry] = {}
    for entry in read.entries:
        mark = mark_of(entry)
        if mark in history.counted or mark in found:
            continue
        if entry.at_ns > read.received_ns + FUTURE_NS:
            continue
        if entry.at_ns > history.floor_ns or mark in history.pending:
            found[mark] = entry
    return sorted(found.values(), key=lambda entry: entry.at_ns)


def _note_check(state: TrackerState, entry: TimelineEntry, out: Out) -> None:
    if entry.status not in _CHECK_RESULTS and entry.completed_ns is None:
        return  # It is still under way.
    _mark_done(state.history, entry)
    if end_ns(entry, entry.at_ns) > state.history.since_ns:
        out.append(HealthCheckSeen(entry.status, entry.at_ns))


def _mark_done(history: History, entry: TimelineEntry) -> None:
    mark = mark_of(entry)
    history.pending.pop(mark, None)
    history.counted[mark] = entry.at_ns
    history.latest_ns = max(history.latest_ns, latest_ns(entry))


def _give_up(history: History, read: TimelineRead, out: Out) -> None:
    """There is more than is ever read: what lies beyond is not looked for again."""
    oldest_ns = min((entry.at_ns for entry in read.entries), default=history.floor_ns)
    history.floor_ns = max(history.floor_ns, min(oldest_ns, read.received_ns))
    read_now = {mark_of(entry) for entry in read.entries}
    history.pending = {m: at for m, at in history.pending.items() if m in read_now}
    out.append(TimelineNoted(TimelineResult.OUT_OF_REACH))


def _prune(history: History, horizon_ns: int) -> None:
    """Keep what is remembered bounded: the oldest go, and the floor rises to them."""
    for mark in _oldest(history.pending, len(history.pending) - MAX_PENDING):
        del history.pending[mark]
    first_ns = min(history.pending.values(), default=horizon_ns)
    old = sum(at_ns < min(horizon_ns, first_ns) for at_ns in history.counted.values())
    for mark in _oldest(history.counted, max(old, len(history.counted) - MAX_COUNTED)):
        history.floor_ns = max(history.floor_ns, history.counted.pop(mark))


def _oldest(marks: dict[str, int], count: int) -> list[str]:
    return sorted(marks, key=marks.__getitem__)[: max(0, count)]


def _state_after(outcome: Outcome) -> FlowState:
    return FlowState(outcome.upper()) if outcome.upper() in TERMINAL_STATUSES else FlowState.IDLE
