"""Whether the source of all facts can be had, and if not, why. Plain state; time is an argument."""

from typing import Final

import msgspec

STALE_POLLS: Final = 4
"""A source is stale when so many polls in a row could have succeeded and none has."""


class SourceStatus(msgspec.Struct, frozen=True):
    """The source's state for readiness; ``reason`` is one line, ours, safe to show."""

    ready: bool
    reason: str
    last_success_ns: int | None
    consecutive_failures: int
    key_refused: bool


class SourceHealth:
    """Collects what requests and polls came to."""

    def __init__(self) -> None:
        self._last_success_ns: int | None = None
        self._failures = 0
        self._problem = ""
        self._refused_with: int | None = None

    def answered(self, endpoint: str, status: int) -> None:
        """A request was answered. A 403 for one connection does not speak for the key."""
        if status == 401 or (status == 403 and endpoint == "list"):
            self._refused_with = status
        elif status < 400:
            self._refused_with = None

    def poll_succeeded(self, now_ns: int) -> None:
        """All connections that can be seen were seen."""
        self._last_success_ns = now_ns
        self._failures, self._problem = 0, ""

    def poll_failed(self, problem: str) -> None:
        """They were not; ``problem`` is our text for it."""
        self._failures += 1
        self._problem = problem

    def status(self, now_ns: int, *, poll_interval_seconds: float) -> SourceStatus:
        """The state at ``now_ns``; the interval is the one that polls keep at present."""
        problem = self._trouble(now_ns, poll_interval_seconds)
        return SourceStatus(
            ready=problem is None,
            reason=problem or "the API answers",
            last_success_ns=self._last_success_ns,
            consecutive_failures=self._failures,
            key_refused=self._refused_with is not None,
        )

    def _trouble(self, now_ns: int, poll_interval_seconds: float) -> str | None:
        if self._refused_with is not None:
            return f"the API refuses the key with status {self._refused_with}: put a valid key in"
        if self._last_success_ns is None:
            return self._problem or "the connections have not been listed yet"
        age = (now_ns - self._last_success_ns) / 1e9
        if age <= STALE_POLLS * poll_interval_seconds:
            return None
        since = f"no complete list for {age:.0f} s"
        return f"{since}: {self._problem}" if self._problem else since
