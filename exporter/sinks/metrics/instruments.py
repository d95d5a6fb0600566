"""Families become prometheus_client objects, whose children are kept.

``.labels()`` costs more than the increment it leads to, so each combination is looked up once and
then found in a dict of ours.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from exporter.sinks.metrics.family import Family
from exporter.sinks.metrics.labels import DOMAIN

M = TypeVar("M", bound=MetricWrapperBase)

Tally = defaultdict[tuple[str, ...], int]
"""Counts by label values, for what is copied at a scrape."""


class Children(dict[tuple[str, ...], M]):
    """The children of one metric by label values, made when first asked for.

    Where ``domain`` is a label of the family it stands last in the key; with the label switched
    off it is not passed on.
    """

    def __init__(self, metric: M, *, drop_last: bool) -> None:
        super().__init__()
        self._metric: Final = metric
        self._drop_last: Final = drop_last

    def __missing__(self, key: tuple[str, ...]) -> M:
        """Make the child and keep it."""
        values = key[:-1] if self._drop_last else key
        child = self._metric.labels(*values) if values else self._metric
        self[key] = child
        return child


class Instruments:
    """Makes and registers the metrics of families, with their preset combinations at 0."""

    def __init__(self, registry: CollectorRegistry, *, domain_label: bool) -> None:
        self.domain_label: Final = domain_label
        self._registry: Final = registry
        self._by_domain: Final[
            list[tuple[Family, Children[Counter] | Children[Gauge] | Tally]]
        ] = []

    def tally(self, family: Family) -> Tally:
        """Bare counts of a family that a collector of the caller's shows, and registers."""
        counts = Tally(int)
        if family.by_domain:
            self._by_domain.append((family, counts))
        counts.update(dict.fromkeys(() if family.by_domain else family.preset, 0))
        return counts

    def counters(self, family: Family) -> Children[Counter]:
        """The counter of a family."""
        counter = Counter(family.name, family.help, self._names(family), registry=self._registry)
        children = self._children(family, counter)
        if family.by_domain:
            self._by_domain.append((family, children))
        return children

    def gauges(self, family: Family) -> Children[Gauge]:
        """The gauge of a family."""
        gauge = Gauge(family.name, family.help, self._names(family), registry=self._registry)
        children = self._children(family, gauge)
        if family.by_domain:
            self._by_domain.append((family, children))
        return children

    def histograms(self, family: Family) -> Children[Histogram]:
        """The histogram of a family."""
        histogram = Histogram(
            family.name,
            family.help,
            self._names(family),
            buckets=family.buckets,
            registry=self._registry,
        )
        return self._children(family, histogram)

    def preset_domain(self, domain: str) -> None:
        """Make the combinations of every family that has a series for each domain."""
        for family, children in self._by_domain:
            for values in family.preset:
                children[*values, domain]

    def _names(self, family: Family) -> Iterator[str]:
        return iter(family.label_names(domain_label=self.domain_label))

    def _children(self, family: Family, metric: M) -> Children[M]:
        if family.by_domain and family.labels[-1] is not DOMAIN:
            raise ValueError(f"the domain is not the last label of {family.name}")
        children = Children(metric, drop_last=family.by_domain and not self.domain_label)
        for values in () if family.by_domain else family.preset:
            children[values]
        return children
