"""The flows that started, that ended and that are in progress: told together, so they add up."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from exporter.core.observations import FlowRef
from exporter.sinks.metrics.flow_families import (
    FLOWS_ENDED,
    FLOWS_IN_PROGRESS,
    FLOWS_STARTED,
    OLDEST_FLOW_STARTED,
    OLDEST_STEP_ENTERED,
)
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.labels import FLOW_TYPE, STEP, UNKNOWN
from exporter.sinks.metrics.scrape import Samples, ScrapeCollector


class _Place(NamedTuple):
    step: str
    flow_type: str
    entered_ns: int
    started_ns: int


class OpenFlows:
    """Counts flows, and knows for each open flow where it is.

    A scrape runs in another thread, and may fall between any two observations. So one lock guards
    what has to add up at every moment, and only copies are made under it. A flow stays in the step
    that it finished until it enters the next or ends; while one is open, another that is over may
    be learnt of on the same connection. The gauges are made from what was noted when the step was
    entered, so a flow type that is learnt later cannot leave a count behind. A flow that an earlier
    process left open counts as in progress, in an unknown step, until it is taken up.
    """

    def __init__(self, instruments: Instruments, registry: CollectorRegistry) -> None:
        self._started: Final = instruments.tally(FLOWS_STARTED)
        self._ended: Final = instruments.tally(FLOWS_ENDED)
        self._places: Final[dict[tuple[str, int], _Place]] = {}
        self._left_open = 0
        self._lock: Final = Lock()
        self._step: Final[Callable[[str | None], str]] = STEP.bounded()
        self._flow_type: Final[Callable[[str | None], str]] = FLOW_TYPE.bounded()
        families = (
            *(FLOWS_STARTED, FLOWS_ENDED, FLOWS_IN_PROGRESS),
            *(OLDEST_STEP_ENTERED, OLDEST_FLOW_STARTED),
        )
        ScrapeCollector(families, self._read, registry, domain_label=instruments.domain_label)

    def restored(
        self, started: Mapping[tuple[str, ...], int], ended: Mapping[tuple[str, ...], int]
    ) -> None:
        """Go on from these counts; what they leave open is taken up by ``entered``."""
        with self._lock:
            for labels, count in started.items():
                self._started[labels] += count
            for labels, count in ended.items():
                self._ended[labels] += count
            self._left_open += max(0, sum(started.values()) - sum(ended.values()))

    def started(self, flow: FlowRef, labels: tuple[str, ...]) -> None:
        """Count a flow that starts; which step it is in is told by ``entered``, a moment later."""
        place = self._place(flow, None, flow.started_ns)
        with self._lock:
            self._started[labels] += 1
            self._places[_key(flow)] = place

    def entered(self, flow: FlowRef, step: str, entered_ns: int) -> None:
        """Note that the flow is in ``step`` from now on, or was when an earlier process ended."""
        place = self._place(flow, step, entered_ns)
        with self._lock:
            if _key(flow) not in self._places:
                self._take_up()
            self._places[_key(flow)] = place

    def ended(self, flow: FlowRef, labels: tuple[str, ...]) -> None:
        """Count the end, and forget the flow; another of the same connection stays where it is."""
        with self._lock:
            self._ended[labels] += 1
            if self._places.pop(_key(flow), None) is None:
                self._take_up()

    def _take_up(self) -> None:
        self._left_open = max(0, self._left_open - 1)

    def _place(self, flow: FlowRef, step: str | None, entered_ns: int) -> _Place:
        flow_type = self._flow_type(flow.flow_type)
        return _Place(self._step(step), flow_type, entered_ns, flow.started_ns)

    def _read(self) -> Iterable[Samples]:
        with self._lock:
            started, ended = dict(self._started), dict(self._ended)
            places, left_open = tuple(self._places.values()), self._left_open
        in_progress = Counter(dict.fromkeys(FLOWS_IN_PROGRESS.preset, 0))
        in_progress.update((place.step, place.flow_type) for place in places)
        if left_open:
            in_progress[UNKNOWN, UNKNOWN] += left_open
        oldest: dict[str, int] = {}
        for place in places:
            oldest[place.step] = min(place.entered_ns, oldest.get(place.step, place.entered_ns))
        yield started.items()
        yield ended.items()
        yield in_progress.items()
        yield [((step,), entered_ns / 1e9) for step, entered_ns in oldest.items()]
        yield [((), min(place.started_ns for place in places) / 1e9)] if places else []


def _key(flow: FlowRef) -> tuple[str, int]:
    return flow.connection_id, flow.trace_id
