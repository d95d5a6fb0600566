"""Keeps an unreachable collector from filling the log.

The SDK's exporters log every try of every batch. Here each of their messages passes once a minute,
which is enough to learn the reason, and without a stack trace.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

INTERVAL_SECONDS: Final = 60.0

_LOGGERS: Final = (
    "exporter.sinks.traces.pipeline",
    "opentelemetry.attributes",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)


class Throttle(logging.Filter):
    """Lets each message of the span exporters through once in an interval.

    Args:
        interval_seconds: how long a message stays silent after it was let through.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        interval_seconds: float = INTERVAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._interval = interval_seconds
        self._clock = clock
        self._silent_until: dict[tuple[str, str], float] = {}

    def install(self) -> None:
        """Filter the loggers that write about the export of spans."""
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def remove(self) -> None:
        """Leave these loggers as they were."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it passes; judged by its template, of which there are few."""
        key = (record.name, str(record.msg))
        now = self._clock()
        if now < self._silent_until.get(key, float("-inf")):
            return False
        self._silent_until[key] = now + self._interval
        record.exc_info = None
        return True
