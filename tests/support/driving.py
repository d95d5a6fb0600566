"""Drives a flow tracker by short words, with a clock that a test sets."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from exporter.core.events import (
    Listing,
    Pause,
    StateEvent,
    StreamAttached,
    StreamDetached,
    TimelineEntry,
    TimelineRead,
    TrackerInput,
)
from exporter.core.flow import FlowTracker
from exporter.core.machine import TERMINAL, FlowState
from exporter.core.observations import (
    FactNoted,
    FlowObservation,
    GapCause,
    IllegalTransition,
)

_T = TypeVar("_T")

SECOND: Final = 10**9
START_NS: Final = 1_700_000_000 * SECOND
LOGIN_PAGE: Final = Pause(field_types=frozenset({"email", "password"}), interaction_id="i-1")
PUSH: Final = Pause(external_action_message=True)
PAUSES: Final = {"AWAITING_INPUT": LOGIN_PAGE, "AWAITING_EXTERNAL_ACTION": PUSH}
CONNECTION: Final = "ma_0123456789"


def state(step: str, at: float = 0, status: str = "IN_PROGRESS", **members: Any) -> StateEvent:
    """A state as a well-behaved server reports it, ``at`` seconds after the start."""
    members.setdefault("flow_type", "LOGIN")
    members.setdefault("pause", PAUSES.get(step, Pause()))
    at_ns = START_NS + round(at * SECOND)
    return StateEvent(at_ns=at_ns, flow_status=status, flow_step=step, **members)


def ended(status: str, at: float = 0, step: str = "COMPLETED", **members: Any) -> StateEvent:
    """A terminal state."""
    return state(step, at, status, **members)


def listing(
    step: str | None, at: float = 0, status: str = "IN_PROGRESS", **members: Any
) -> Listing:
    """What a list shows of the connection, asked for and answered at the same moment."""
    at_ns = START_NS + round(at * SECOND)
    members.setdefault("requested_ns", at_ns)
    return Listing(
        connection_id=CONNECTION,
        domain="shop.example",
        profile_name="ada",
        status="NEEDS_AUTH",
        received_ns=at_ns,
        flow_status=status,
        flow_step=step,
        flow_type=members.pop("flow_type", "LOGIN"),
        **members,
    )


def entry(
    name: str, at: float = 0, until: float | None = None, status: str = "SUCCESS", **members: Any
) -> TimelineEntry:
    """An entry of the timeline that began and, unless it goes on, completed at these seconds."""
    members.setdefault("type", "login")
    return TimelineEntry(
        entry_id=name,
        at_ns=START_NS + round(at * SECOND),
        status=status,
        completed_ns=None if until is None else START_NS + round(until * SECOND),
        **members,
    )


def timeline_read(*entries: TimelineEntry, at: float, complete: bool = True) -> TimelineRead:
    """What was read of the timeline, ``at`` seconds after the start."""
    at_ns = START_NS + round(at * SECOND)
    return TimelineRead(entries, requested_ns=at_ns, received_ns=at_ns, complete=complete)


class Driver:
    """A tracker with everything that it observed."""

    def __init__(self, tracker: FlowTracker | None = None) -> None:
        self.tracker = tracker or FlowTracker(
            CONNECTION,
            domain="shop.example",
            profile_name="ada",
            classify=lambda text: "wrong_credentials" if "password" in text else "other",
        )
        self.seen: list[FlowObservation] = []

    def feed(self, *events: TrackerInput, received: float | None = None) -> list[FlowObservation]:
        """Apply the events; an event of the stream arrives at its own time unless told
        otherwise."""
        out: list[FlowObservation] = []
        for event in events:
            at_ns = getattr(event, "at_ns", getattr(event, "received_ns", START_NS))
            if received is not None:
                at_ns = START_NS + round(received * SECOND)
            out.extend(self.tracker.apply(event, at_ns))
        self.seen.extend(out)
        return out

    def attach(self, after: GapCause | None = None) -> None:
        self.feed(StreamAttached(after))

    def reconnect(self, cause: GapCause = GapCause.RECONNECT) -> None:
        self.feed(StreamDetached(), StreamAttached(cause))


def of(kind: type[_T], observations: Sequence[FlowObservation]) -> list[_T]:
    """The observations of one type."""
    return [one for one in observations if isinstance(one, kind)]


def facts(kind: type[_T], observations: Sequence[FlowObservation]) -> list[_T]:
    """The noted facts of one type."""
    return [one.fact for one in of(FactNoted, observations) if isinstance(one.fact, kind)]


def reasons(observations: Sequence[FlowObservation]) -> list[str]:
    """The reasons of the illegal transitions that were noted."""
    return [fact.reason.value for fact in facts(IllegalTransition, observations)]


def brought_to(target: FlowState) -> Driver:
    """A driver whose tracker stands in ``target`` by legal moves on one open stream."""
    driver = Driver()
    if target is FlowState.IDLE:
        driver.attach()
        return driver
    driver.attach()
    driver.feed(state("DISCOVERING", 0))
    if target in TERMINAL:
        driver.feed(ended(target, 1))
    elif target is not FlowState.DISCOVERING:
        driver.feed(state(target, 1))
    driver.seen.clear()
    return driver
