"""What the next batch will hold, gathered as it happens. No I/O, no clock."""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from exporter.core.observations import FlowEnded, FlowObservation, StepFinished
from exporter.core.totals import Key, Totals
from exporter.stores.complaints import Complaints
from exporter.stores.spans import fact_row
from exporter.stores.store import Batch, Contents, SavedConnection, Unsent

MAX_UNSENT: Final = 50_000
"""So many facts wait for a journal that cannot be written; then the oldest is not kept."""

Save = Callable[[], SavedConnection]


class Held(NamedTuple):
    """An observation, and the number under which it is kept; 0 where it is not."""

    observation: FlowObservation
    number: int


class Gathered(NamedTuple):
    """A batch, the observations that wait for it, and what to gather again should it fail."""

    batch: Batch
    held: list[Held]
    changes: dict[str, Save | int]


class Pending:
    """Everything that changed since the last batch was put together.

    Its size is bounded by the number of connections and totals that there are, but for the
    observations that are held: those are for whoever writes to hand on in time.

    Args:
        keeps_spans: whether finished steps and flows are kept until their spans were exported.
    """

    def __init__(self, *, keeps_spans: bool) -> None:
        self._keeps_spans: Final = keeps_spans
        self._totals: Final = Totals()
        self._number = 0
        self._sent_up_to = 0
        self._held: list[Held] = []
        self._changes: dict[str, Save | int] = {}
        self._changed_totals: dict[Key, None] = {}
        self._unsent: deque[Unsent] = deque(maxlen=MAX_UNSENT)
        self._listed_ns: int | None = None
        self._complaints: Final = Complaints()

    def restore(self, contents: Contents) -> None:
        """Go on from what earlier processes wrote."""
        self._totals.restore(contents.totals)
        self._number = max((row.number for row in contents.unsent), default=0)

    def add(self, observation: FlowObservation) -> Held:
        """Count an observation, and keep it where it will become a span."""
        for key in self._totals.count(observation):
            self._changed_totals[key] = None
        if not self._keeps_spans or not isinstance(observation, StepFinished | FlowEnded):
            return Held(observation, 0)
        self._number += 1
        self._unsent.append(fact_row(self._number, observation))
        return Held(observation, self._number)

    def hold(self, held: Held) -> None:
        """Have an observation wait for the next batch."""
        self._held.append(held)

    def release(self) -> list[Held]:
        """Have nothing wait any more; returns what did."""
        held, self._held = self._held, []
        return held

    def change(self, connection_id: str, change: Save | int) -> None:
        """A connection's state is to be saved, or was forgotten at a time; the last word counts."""
        self._changes[connection_id] = change

    def listed(self, at_ns: int) -> None:
        """A complete list was begun at this time."""
        self._listed_ns = at_ns

    def gather(self, settled_up_to: int) -> Gathered:
        """Put a batch together; it is to be told as ``written``, or given back with ``put_back``.

        ``settled_up_to`` is the number up to which spans were exported or dropped.
        """
        changes, self._changes = self._changes, {}
        keys, self._changed_totals = self._changed_totals, {}
        batch = Batch(
            connections=self._saved(changes),
            forgotten={who: at_ns for who, at_ns in changes.items() if isinstance(at_ns, int)},
            totals={key: self._totals.counts[key] for key in keys},
            unsent=[row for row in self._unsent if row.number > settled_up_to],
            sent_up_to=settled_up_to if settled_up_to > self._sent_up_to else 0,
            listed_ns=self._listed_ns,
        )
        self._unsent.clear()
        self._listed_ns = None
        return Gathered(batch, self.release(), changes)

    def written(self, batch: Batch) -> None:
        """A batch is on the disk."""
        self._sent_up_to = max(self._sent_up_to, batch.sent_up_to)

    def put_back(self, gathered: Gathered) -> None:
        """A batch could not be written: what it held changed still, unless it did again since.

        Its observations are not put back: they are told, for nothing would hold them any longer.
        """
        batch = gathered.batch
        self._changes = gathered.changes | self._changes
        self._changed_totals = dict.fromkeys(batch.totals) | self._changed_totals
        later, self._unsent = self._unsent, deque(batch.unsent, MAX_UNSENT)
        self._unsent.extend(later)
        if self._listed_ns is None:
            self._listed_ns = batch.listed_ns

    def _saved(self, changes: dict[str, Save | int]) -> dict[str, SavedConnection]:
        """The states of those that changed; one that cannot be saved costs only itself."""
        saved: dict[str, SavedConnection] = {}
        for connection_id, save in changes.items():
            if isinstance(save, int):
                continue
            try:
                saved[connection_id] = save()
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are saved
                self._complaints.tell("a connection's state could not be saved", error)
        return saved
