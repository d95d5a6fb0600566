"""That the journal cannot be written: since when, why, and when to try again."""

import time
from collections.abc import Callable
from typing import Final

import structlog

RETRY_SECONDS: Final = 1.0
MAX_RETRY_SECONDS: Final = 30.0

_log = structlog.get_logger()


class Trouble:
    """Begins with a failure and ends with a success; a log line for each, however many tries.

    Args:
        monotonic: seconds that only ever go forward.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.problem: str | None = None
        """One line that names the mend; None where there is no trouble."""
        self.retry_seconds = 0.0
        """How long to wait before the next try."""
        self._monotonic: Final = monotonic
        self._began = 0.0

    def failed(self, problem: str) -> None:
        """A try failed."""
        if self.problem is None:
            self._began = self._monotonic()
            _log.error("the journal cannot be written: going on from memory", problem=problem)
        self.problem = problem
        self.retry_seconds = min(MAX_RETRY_SECONDS, max(RETRY_SECONDS, 2 * self.retry_seconds))

    def over(self) -> None:
        """A try went well."""
        if self.problem is not None:
            seconds = round(self._monotonic() - self._began, 1)
            _log.info("the journal is written again", seconds=seconds)
        self.problem = None
        self.retry_seconds = 0.0
