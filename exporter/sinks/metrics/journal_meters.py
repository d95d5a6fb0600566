"""Tells how the journal does."""

from typing import Final

from prometheus_client import CollectorRegistry

from exporter.core.observations import JournalWritten
from exporter.sinks.metrics import journal_families as families
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.scrape import collect_if_known


class JournalMeters:
    """Takes each write of the journal, and each that failed."""

    def __init__(self, instruments: Instruments, registry: CollectorRegistry) -> None:
        self._errors: Final = instruments.counters(families.JOURNAL_WRITE_ERRORS)[()]
        self._up: float | None = None
        self._last_write_seconds: float | None = None
        collect_if_known(
            {
                families.JOURNAL_UP: lambda: self._up,
                families.JOURNAL_LAST_WRITE: lambda: self._last_write_seconds,
            },
            registry,
        )

    def written(self, observation: JournalWritten) -> None:
        """Keep whether the journal could be written, and when it last was."""
        self._up = float(observation.ok)
        if observation.ok:
            self._last_write_seconds = observation.at_ns / 1e9
        else:
            self._errors.inc()
