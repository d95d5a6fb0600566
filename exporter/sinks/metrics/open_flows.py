"""The flows that are in progress now, and the step that each is in."""

from collections import Counter
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from exporter.core.observations import FlowRef
from exporter.sinks.metrics.flow_families import FLOWS_IN_PROGRESS, OLDEST_STEP_ENTERED
from exporter.sinks.metrics.labels import FLOW_TYPE, STEP
from exporter.sinks.metrics.scrape import Samples, ScrapeCollector


class _Place(NamedTuple):
    trace_id: int
    step: str
    flow_type: str
    entered_ns: int


class OpenFlows:
    """Knows for each connection with an open flow where that flow is; a connection has one at most.

    A flow stays in the step that it finished until it enters the next or ends, so that no scrape
    falls between two steps. The gauges are made from what was noted when the step was entered, so a
    flow type that is learnt later cannot leave a count behind.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._places: Final[dict[str, _Place]] = {}
        self._lock: Final = Lock()
        self._step: Final[Callable[[str | None], str]] = STEP.bounded()
        self._flow_type: Final[Callable[[str | None], str]] = FLOW_TYPE.bounded()
        ScrapeCollector((FLOWS_IN_PROGRESS, OLDEST_STEP_ENTERED), self._read, registry)

    def entered(self, flow: FlowRef, step: str, entered_ns: int) -> None:
        """Note that the flow is in ``step`` from now on."""
        place = _Place(flow.trace_id, self._step(step), self._flow_type(flow.flow_type), entered_ns)
        with self._lock:
            self._places[flow.connection_id] = place

    def ended(self, flow: FlowRef) -> None:
        """Forget the flow; another flow of the same connection stays where it is."""
        with self._lock:
            place = self._places.get(flow.connection_id)
            if place is not None and place.trace_id == flow.trace_id:
                del self._places[flow.connection_id]

    def _read(self) -> Iterable[Samples]:
        with self._lock:
            places = tuple(self._places.values())
        in_progress = Counter(dict.fromkeys(FLOWS_IN_PROGRESS.preset, 0))
        in_progress.update((place.step, place.flow_type) for place in places)
        oldest: dict[str, int] = {}
        for place in places:
            oldest[place.step] = min(place.entered_ns, oldest.get(place.step, place.entered_ns))
        yield in_progress.items()
        yield [((step,), entered_ns / 1e9) for step, entered_ns in oldest.items()]
