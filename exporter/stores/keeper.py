"""What the code that follows connections asks of a journal, and the one that keeps nothing."""

from collections.abc import Callable
from typing import Protocol

from exporter.stores.store import SavedConnection


class Keeper(Protocol):
    """Is told what changed; writes it soon, together with what was observed meanwhile."""

    def touch(self, connection_id: str, save: Callable[[], SavedConnection], /) -> None:
        """The connection's state changed.

        ``save`` is called when the next batch is put together, on the event loop. What was observed
        and the touch that belongs to it must not be parted by an ``await``: a batch may be put
        together there.
        """

    def forget(self, connection_id: str, at_ns: int, /) -> None:
        """The connection is no more; what ended of it by ``at_ns`` has been counted."""

    def listed(self, at_ns: int, /) -> None:
        """A complete list was begun at this local time."""


class KeepsNothing:
    """Memory only: what a restart loses."""

    def touch(self, connection_id: str, save: Callable[[], SavedConnection], /) -> None:
        """Nothing to do."""

    def forget(self, connection_id: str, at_ns: int, /) -> None:
        """Nothing to do."""

    def listed(self, at_ns: int, /) -> None:
        """Nothing to do."""
