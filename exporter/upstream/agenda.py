"""Whose timeline is to be read next. Pure: time is an argument, local Unix nanoseconds."""

from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

NS: Final = 10**9
_SPARE: Final = 64

_Item = tuple[int, int, str]
"""When it is due, when it was last read, and whose timeline it is."""


class _Entry(msgspec.Struct):
    """``hurried`` says that something seems to have happened; ``reading`` that it is being read."""

    read_ns: int
    due_ns: int
    hurried: bool = False
    reading: bool = False


class Agenda:
    """Connections by the moment at which their timelines are due; each is due again and again."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_ns = round(interval_seconds * NS)
        self._entries: dict[str, _Entry] = {}
        self._hurried: list[_Item] = []
        self._patient: list[_Item] = []

    def __contains__(self, connection_id: str) -> bool:
        """Whether the connection is known."""
        return connection_id in self._entries

    def __len__(self) -> int:
        """How many connections are known."""
        return len(self._entries)

    def add(self, connection_id: str, *, read_ns: int, now_ns: int) -> None:
        """A connection became known: it is due at once. ``read_ns`` is when it was last read."""
        self._entries[connection_id] = _Entry(read_ns, now_ns)
        self._push(connection_id)

    def remove(self, connection_id: str) -> None:
        """The connection is no more."""
        self._entries.pop(connection_id, None)

    def hurry(self, connection_id: str, due_ns: int) -> None:
        """Something seems to have happened: read it then, before those that only wait."""
        entry = self._entries.get(connection_id)
        if entry is None or (entry.hurried and entry.due_ns <= due_ns):
            return
        entry.hurried, entry.due_ns = True, due_ns
        self._push(connection_id)

    def take(self, now_ns: int) -> str | None:
        """Whose turn it is now; None where nobody is due."""
        return self._take(self._hurried, now_ns) or self._take(self._patient, now_ns)

    def done(self, connection_id: str, now_ns: int) -> None:
        """It was read."""
        entry = self._entries.get(connection_id)
        if entry:
            entry.read_ns = now_ns
            self._plan(connection_id, now_ns + self._interval_ns)

    def failed(self, connection_id: str, due_ns: int) -> None:
        """It could not be read, and is due again then."""
        entry = self._entries.get(connection_id)
        if entry:
            entry.hurried = False
            self._plan(connection_id, due_ns)

    def stalest_ns(self) -> int | None:
        """When the connection was last read that has gone unread for longest."""
        return min((entry.read_ns for entry in self._entries.values()), default=None)

    def _plan(self, connection_id: str, due_ns: int) -> None:
        """It is not being read any more; who was in a hurry meanwhile still is."""
        entry = self._entries[connection_id]
        entry.reading = False
        if not entry.hurried:
            entry.due_ns = due_ns
        self._push(connection_id)

    def _push(self, connection_id: str) -> None:
        entry = self._entries[connection_id]
        heap = self._hurried if entry.hurried else self._patient
        heappush(heap, (entry.due_ns, entry.read_ns, connection_id))
        if len(heap) > 2 * len(self._entries) + _SPARE:
            heap[:] = [item for item in heap if self._is_current(heap, item)]
            heapify(heap)

    def _take(self, heap: list[_Item], now_ns: int) -> str | None:
        while heap and heap[0][0] <= now_ns:
            item = heappop(heap)
            if self._is_current(heap, item):
                entry = self._entries[item[2]]
                entry.hurried, entry.reading = False, True
                return item[2]
        return None

    def _is_current(self, heap: list[_Item], item: _Item) -> bool:
        """Whether it still stands so: an entry that was planned anew leaves its old item behind."""
        due_ns, _, connection_id = item
        entry = self._entries.get(connection_id)
        if entry is None or entry.reading or entry.due_ns != due_ns:
            return False
        return entry.hurried is (heap is self._hurried)
