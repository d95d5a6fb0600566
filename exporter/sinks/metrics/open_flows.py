"""The flows that started, that ended and that are in progress: told together, so they add up."""

from collections import Counter
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from exporter.core.observations import FlowRef
from exporter.sinks.metrics.flow_families import (
    FLOWS_ENDED,
    FLOWS_IN_PROGRESS,
    FLOWS_STARTED,
    OLDEST_STEP_ENTERED,
)
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.labels import FLOW_TYPE, STEP
from exporter.sinks.metrics.scrape import Samples, ScrapeCollector


class _Place(NamedTuple):
    trace_id: int
    step: str
    flow_type: str
    entered_ns: int


class OpenFlows:
    """Counts flows, and knows for each connection with an open flow where that flow is.

    A scrape runs in another thread, and may fall between any two observations. So one lock guards
    what has to add up at every moment, and only copies are made under it. A connection has one open
    flow at most; it stays in the step that it finished until it enters the next or ends. The gauges
    are made from what was noted when the step was entered, so a flow type that is learnt later
    cannot leave a count behind.
    """

    def __init__(self, instruments: Instruments, registry: CollectorRegistry) -> None:
        self._started: Final = instruments.tally(FLOWS_STARTED)
        self._ended: Final = instruments.tally(FLOWS_ENDED)
        self._places: Final[dict[str, _Place]] = {}
        self._lock: Final = Lock()
        self._step: Final[Callable[[str | None], str]] = STEP.bounded()
        self._flow_type: Final[Callable[[str | None], str]] = FLOW_TYPE.bounded()
        families = (FLOWS_STARTED, FLOWS_ENDED, FLOWS_IN_PROGRESS, OLDEST_STEP_ENTERED)
        ScrapeCollector(families, self._read, registry, domain_label=instruments.domain_label)

    def started(self, flow: FlowRef, labels: tuple[str, ...]) -> None:
        """Count a flow that starts; which step it is in is told by ``entered``, a moment later."""
        place = self._place(flow, None, flow.started_ns)
        with self._lock:
            self._started[labels] += 1
            self._places[flow.connection_id] = place

    def entered(self, flow: FlowRef, step: str, entered_ns: int) -> None:
        """Note that the flow is in ``step`` from now on."""
        place = self._place(flow, step, entered_ns)
        with self._lock:
            self._places[flow.connection_id] = place

    def ended(self, flow: FlowRef, labels: tuple[str, ...]) -> None:
        """Count the end, and forget the flow; another of the same connection stays where it is."""
        with self._lock:
            self._ended[labels] += 1
            place = self._places.get(flow.connection_id)
            if place is not None and place.trace_id == flow.trace_id:
                del self._places[flow.connection_id]

    def _place(self, flow: FlowRef, step: str | None, entered_ns: int) -> _Place:
        return _Place(flow.trace_id, self._step(step), self._flow_type(flow.flow_type), entered_ns)

    def _read(self) -> Iterable[Samples]:
        with self._lock:
            started, ended = dict(self._started), dict(self._ended)
            places = tuple(self._places.values())
        in_progress = Counter(dict.fromkeys(FLOWS_IN_PROGRESS.preset, 0))
        in_progress.update((place.step, place.flow_type) for place in places)
        oldest: dict[str, int] = {}
        for place in places:
            oldest[place.step] = min(place.entered_ns, oldest.get(place.step, place.entered_ns))
        yield started.items()
        yield ended.items()
        yield in_progress.items()
        yield [((step,), entered_ns / 1e9) for step, entered_ns in oldest.items()]
