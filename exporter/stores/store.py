"""What a journal is kept in: the Store protocol, and the values that go in and out.

A store knows nothing of flows: it keeps bytes by connection, counts by key, and a few moments.
"""

from typing import Protocol

import msgspec

from exporter.core.totals import Key


class StoreError(Exception):
    """The store cannot be used, or a write failed. The text is one line that names the mend."""


class SavedConnection(msgspec.Struct, frozen=True):
    """What is known of a followed connection: its tracker's state, and where its stream was.

    ``state`` is what ``FlowTracker.save`` made; ``last_event_id`` the stream's ``Last-Event-ID``.
    """

    state: bytes
    last_event_id: str = ""


class Unsent(msgspec.Struct, frozen=True):
    """A finished step or flow whose span has not been exported yet.

    ``number`` orders them over all processes; ``kind`` is ``step`` or ``flow``.
    """

    number: int
    kind: str
    fact: bytes


class Contents(msgspec.Struct):
    """All that a store holds.

    ``forgotten`` says until when what ended of connections that were forgotten has been counted.
    ``began_ns`` is the local time of the first start with this store, ``listed_ns`` that of the
    last complete list; None before there was one.
    """

    connections: dict[str, SavedConnection] = {}
    forgotten: dict[str, int] = {}
    totals: list[tuple[Key, int]] = []
    unsent: list[Unsent] = []
    began_ns: int | None = None
    listed_ns: int | None = None


class Batch(msgspec.Struct):
    """What changed: written whole, or not at all.

    ``connections`` replace what was kept of them, and a connection in ``forgotten`` loses it;
    ``totals`` are the new counts (not differences), ``unsent`` is added, and what has a number up
    to ``sent_up_to`` is dropped. None leaves a moment as it was.
    """

    connections: dict[str, SavedConnection] = {}
    forgotten: dict[str, int] = {}
    totals: dict[Key, int] = {}
    unsent: list[Unsent] = []
    sent_up_to: int = 0
    began_ns: int | None = None
    listed_ns: int | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any(msgspec.structs.astuple(self))


class Store(Protocol):
    """Keeps what must survive. Blocks: call it from a thread of its own, one call at a time."""

    def load(self) -> Contents:
        """All that is kept.

        Raises:
            StoreError: it cannot be read.
        """

    def commit(self, batch: Batch, /) -> None:
        """Write the batch so that it survives the death of the process, whole or not at all.

        Raises:
            StoreError: it was not written; the same batch, or one with more in it, may be tried
                again.
        """

    def close(self) -> None:
        """Let go of it; never raises."""
