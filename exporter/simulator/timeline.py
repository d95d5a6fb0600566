"""A connection's timeline: what the API shows of its logins, re-authentications and health checks.

Members and their meaning: Kernel's API reference, ``GET /auth/connections/{id}/timeline``.
"""

from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

import msgspec

from exporter.simulator.clock import rfc3339

KEPT = 1000
"""So many of a connection's newest entries that have ended are kept, and every one that runs."""
LATE_COMPLETION_SECONDS = 1.0
"""So much real time passes from a late entry's terminal status to its ``completed_at``."""

_NS_PER_S = 1_000_000_000


class TimelineEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry, with the API's member names; it never changes, but a newer one may replace it.

    ``completed_at`` is of logins and re-authentications that have ended, never of a health check;
    ``step`` and ``updated_at`` are of logins and re-authentications only.
    """

    id: str
    type: str
    timestamp: str
    status: str
    step: str | None = None
    completed_at: str | None = None
    updated_at: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    website_error: str | None = None
    previous_status: str | None = None
    browser_session_id: str | None = None


class _Version(NamedTuple):
    """An entry as it is shown from ``from_ns`` on."""

    from_ns: int
    entry: TimelineEntry


class Timeline:
    """The entries by id, in the order in which they began.

    What is shown is ``lag_seconds`` of real time behind what happened; ``completion_lag_seconds``
    is by how much more ``completed_at`` is behind the terminal status that it belongs to.
    """

    def __init__(self, lag_seconds: float = 0.0, completion_lag_seconds: float = 0.0) -> None:
        self._lag_ns = round(lag_seconds * _NS_PER_S)
        self._completion_lag_ns = round(completion_lag_seconds * _NS_PER_S)
        self._versions: dict[str, list[_Version]] = {}
        self._running: set[str] = set()
        self._newest_ns = 0

    def put(self, entry: TimelineEntry, now_ns: int) -> None:
        """An entry began, or changed; the oldest that have ended make room."""
        now_ns = self._at(now_ns)
        versions = self._versions.setdefault(entry.id, [])
        versions += self._shown_later(entry, now_ns + self._lag_ns)
        del versions[: _present(versions, now_ns)]
        if entry.status == "IN_PROGRESS":
            self._running.add(entry.id)
        else:
            self._running.discard(entry.id)
        if len(self._versions) - len(self._running) > KEPT:
            del self._versions[next(each for each in self._versions if each not in self._running)]

    def newest_first(self, now_ns: int) -> list[TimelineEntry]:
        """What the API shows at that moment."""
        now_ns = self._at(now_ns)
        shown = []
        for versions in reversed(self._versions.values()):
            present = _present(versions, now_ns)
            if versions[present].from_ns <= now_ns:
                shown.append(versions[present].entry)
        return shown

    def _at(self, now_ns: int) -> int:
        """That time, but never before one that was told earlier: clocks may step back."""
        self._newest_ns = max(self._newest_ns, now_ns)
        return self._newest_ns

    def _shown_later(self, entry: TimelineEntry, from_ns: int) -> Iterable[_Version]:
        if entry.completed_at is None or not self._completion_lag_ns:
            yield _Version(from_ns, entry)
            return
        yield _Version(from_ns, msgspec.structs.replace(entry, completed_at=None))
        late_ns = from_ns + self._completion_lag_ns
        written = rfc3339(late_ns - self._lag_ns)
        yield _Version(late_ns, msgspec.structs.replace(entry, updated_at=written))


def _present(versions: list[_Version], now_ns: int) -> int:
    """Which version is the last that is shown by then; the first where none is yet."""
    return max(0, sum(1 for _ in takewhile(lambda each: each.from_ns <= now_ns, versions)) - 1)
