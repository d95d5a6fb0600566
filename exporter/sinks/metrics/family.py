"""What a family of metrics is made of."""

from enum import StrEnum

import msgspec

from exporter.sinks.metrics.labels import DOMAIN, Label


class Kind(StrEnum):
    """The types of metric that are used, by their OpenMetrics names."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Family(msgspec.Struct, frozen=True):
    """One family: everything that code and docs need to know of it.

    ``name`` is as Prometheus stores it, suffix and all. ``preset`` holds the combinations that
    exist at 0 from the start, so that ``rate()`` and ``increase()`` see the first event; where
    ``domain`` is a label it stands last, is left out of ``preset``, and the combinations exist for
    each domain as soon as that is known. ``fed_by`` is for the docs.
    """

    name: str
    kind: Kind
    help: str
    fed_by: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    preset: tuple[tuple[str, ...], ...] = ()
    exemplar: bool = False

    @property
    def by_domain(self) -> bool:
        """Whether there is a series for each domain."""
        return DOMAIN in self.labels

    def label_names(self, *, domain_label: bool = True) -> tuple[str, ...]:
        """The names of the labels; without ``domain`` where that is switched off."""
        return tuple(x.name for x in self.labels if domain_label or x is not DOMAIN)
