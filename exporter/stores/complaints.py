"""Errors of ours, told once for each place that raises them: one may come with every event."""

import structlog

from exporter.errors import where_raised

_log = structlog.get_logger()


class Complaints:
    """Logs errors by their type and place: a message could quote what a stranger sent."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, str]] = set()

    def tell(self, what: str, error: Exception) -> None:
        """Log that ``what`` happened because of ``error``, unless it was told before."""
        told = (what, type(error).__name__, where_raised(error))
        if told not in self._told:
            self._told.add(told)
            _log.error(what, error=told[1], at=told[2])
