"""What is worked out when Prometheus asks, instead of being kept up to date all the time.

Collection may run in another thread than the one that observes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exporter.sinks.metrics.family import Family, Kind
from exporter.sinks.metrics.upstream_families import (
    READY,
    SINK_ERRORS,
    SINK_SECONDS,
    SPANS_DROPPED,
    SPANS_EXPORTED,
)

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Label values in the order of the family's labels, and the value."""


class SpanCounts(Protocol):
    """How many spans the trace backend took, and how many were lost."""

    @property
    def exported(self) -> int:
        """Spans that the trace backend took."""

    @property
    def dropped(self) -> int:
        """Spans that were lost on the way."""


class SinkAccount(Protocol):
    """What a sink cost."""

    @property
    def errors(self) -> int:
        """Observations that it failed to take."""

    @property
    def seconds(self) -> float:
        """Time spent in it."""


class ScrapeCollector(Collector):
    """Collects families whose samples are asked for at each scrape."""

    def __init__(
        self,
        families: tuple[Family, ...],
        read: Callable[[], Iterable[Samples]],
        registry: CollectorRegistry,
        *,
        domain_label: bool = True,
    ) -> None:
        """Register with ``registry``; ``read`` gives the samples of each family, in order.

        With ``domain_label`` off the last value of a family that has a domain is left out.
        """
        self._families: Final = families
        self._read: Final = read
        self._domain_label: Final = domain_label
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """The families without samples: what the registry checks for doubles."""
        return (self._metric(family, ()) for family in self._families)

    def collect(self) -> Iterator[Metric]:
        """The families with their samples as they are now."""
        for family, samples in zip(self._families, self._read(), strict=True):
            yield self._metric(family, samples)

    def _metric(self, family: Family, samples: Samples) -> Metric:
        kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
        names = family.label_names(domain_label=self._domain_label)
        metric = kind(family.name, family.help, labels=names)
        for values, value in samples:
            metric.add_metric(values[: len(names)], value)
        return metric


def collect_spans(read: Callable[[], SpanCounts] | None, registry: CollectorRegistry) -> None:
    """Show the span exporter's counts; both are 0 where no spans are exported."""

    def samples() -> Iterable[Samples]:
        counts = read() if read else None
        yield [((), counts.exported if counts else 0)]
        yield [((), counts.dropped if counts else 0)]

    ScrapeCollector((SPANS_EXPORTED, SPANS_DROPPED), samples, registry)


def collect_if_known(
    reads: Mapping[Family, Callable[[], float | None]], registry: CollectorRegistry
) -> None:
    """Show gauges that have no series while their value is None: a 0 would claim something."""

    def samples() -> Iterable[Samples]:
        for read in reads.values():
            value = read()
            yield () if value is None else [((), value)]

    ScrapeCollector(tuple(reads), samples, registry)


def collect_sinks(
    read: Callable[[], Mapping[str, SinkAccount]], registry: CollectorRegistry
) -> None:
    """Show what each sink cost."""

    def samples() -> Iterable[Samples]:
        accounts = read()
        yield [((name,), account.errors) for name, account in accounts.items()]
        yield [((name,), account.seconds) for name, account in accounts.items()]

    ScrapeCollector((SINK_ERRORS, SINK_SECONDS), samples, registry)


def collect_readiness(read: Callable[[], Mapping[str, bool]], registry: CollectorRegistry) -> None:
    """Show whether each side works; ``read`` gives the sides by name."""
    ScrapeCollector((READY,), lambda: [[((side,), ok) for side, ok in read().items()]], registry)
