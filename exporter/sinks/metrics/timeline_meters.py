"""Counts what the timelines told."""

from typing import Final

from prometheus_client import CollectorRegistry

from exporter.core.observations import HealthCheckSeen, TimelineCovered, TimelineNoted
from exporter.sinks.metrics import labels
from exporter.sinks.metrics import timeline_families as families
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.scrape import collect_if_known


class TimelineMeters:
    """Takes what is read in timelines, and how far they have been read."""

    def __init__(self, instruments: Instruments, registry: CollectorRegistry) -> None:
        self._health: Final = labels.HEALTH.bounded()
        self._entries: Final = instruments.counters(families.TIMELINE_ENTRIES)
        self._health_checks: Final = instruments.counters(families.HEALTH_CHECKS)
        self._last_health_check_ns: int | None = None
        self._stalest_read_ns: int | None = None
        collect_if_known(
            {
                families.LAST_HEALTH_CHECK: lambda: _seconds(self._last_health_check_ns),
                families.TIMELINE_STALEST_READ: lambda: _seconds(self._stalest_read_ns),
            },
            registry,
        )

    def noted(self, observation: TimelineNoted) -> None:
        """Count an entry that was dealt with."""
        self._entries[(observation.result,)].inc()

    def health_checked(self, observation: HealthCheckSeen) -> None:
        """Count a health check. They are read newest first, so an older one may follow."""
        self._health_checks[(self._health(observation.result),)].inc()
        newest_ns = self._last_health_check_ns
        if newest_ns is None or observation.at_ns > newest_ns:
            self._last_health_check_ns = observation.at_ns

    def covered(self, observation: TimelineCovered) -> None:
        """Keep how far the timelines have been read."""
        self._stalest_read_ns = observation.stalest_read_ns


def _seconds(at_ns: int | None) -> float | None:
    return None if at_ns is None else at_ns / 1e9
