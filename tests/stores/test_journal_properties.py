"""Any interleaving of observing, touching, commits that succeed or fail, and kills."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from structlog.testing import capture_logs

from exporter.core.observations import (
    FlowEnded,
    JournalWritten,
    Observation,
    StepFinished,
    TotalsRestored,
)
from exporter.core.totals import Key, Totals
from exporter.sinks.fanout import FanOut
from exporter.stores.journal import Journal
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import SavedConnection, StoreError
from tests.support.journals import MEMORY, Recorder, Spans, Wrapped, ended, finished, started

connections = st.sampled_from(["ma_1", "ma_2", "ma_3", "\ud800"])


def fail() -> NoReturn:
    raise StoreError("the disk is full")


class Snapshot(NamedTuple):
    """How much of what a life observed is in a batch, and what its connections are there."""

    observed: int
    states: dict[str, int]


class JournalMachine(RuleBasedStateMachine):
    """Lives of a process over one journal, compared with what they did."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.loop = asyncio.new_event_loop()
        self.number = 0
        self.live()

    def live(self) -> None:
        """A process starts."""
        self.store = Wrapped(SqliteStore(self.directory))
        self.sink, self.spans = Recorder(), Spans()
        sinks = FanOut({"live": self.sink, "traces": self.spans})
        self.journal = Journal(self.store, sinks, spans=self.spans)
        self.found = self.journal.restore()
        self.resent = list(self.spans.seen)
        self.observed: list[Observation] = []
        self.states = {who: int(saved.state) for who, saved in self.found.connections.items()}
        self.on_disk = self.in_flight = Snapshot(0, dict(self.states))
        self.writing: asyncio.Future[None] | None = None
        self.told_in_trouble = 0

    @rule(kind=st.sampled_from([started, finished, ended]))
    def observe(self, kind: Callable[[int], Observation]) -> None:
        self.number += 1
        self.observed.append(kind(self.number))
        self.journal.observe(self.observed[-1])

    @rule(connection=connections)
    def touch(self, connection: str) -> None:
        self.number += 1
        states = self.states
        states[connection] = self.number
        self.journal.touch(connection, lambda: SavedConnection(str(states[connection]).encode()))

    @rule(connection=connections)
    def forget(self, connection: str) -> None:
        self.states.pop(connection, None)
        self.journal.forget(connection, 5)

    @rule(spans=st.integers(1, 3))
    def export(self, spans: int) -> None:
        self.spans.settled = min(self.spans.handed, self.spans.settled + spans)

    @precondition(lambda self: self.writing is None)
    @rule(fails=st.sampled_from(["no", "no", "before", "after"]))
    def begin_to_write(self, fails: str) -> None:
        """``after``: it was written, but the store says that it was not."""
        self.store.before = fail if fails == "before" else lambda: None
        self.store.after = fail if fails == "after" else lambda: None
        self.in_flight = Snapshot(len(self.observed), dict(self.states))
        self.writing = self.loop.run_until_complete(self.written())
        if self.writing is None:  # nothing in it had to be kept
            self.on_disk = self.in_flight

    async def written(self) -> "asyncio.Future[None] | None":
        return self.journal._write()

    @precondition(lambda self: self.writing is not None)
    @rule()
    def end_to_write(self) -> None:
        assert self.writing is not None
        with capture_logs():
            self.loop.run_until_complete(asyncio.wait({self.writing}))
        self.got_through()

    def got_through(self) -> None:
        if self.writing is not None and self.store.before is not fail:
            self.on_disk = self.in_flight
        self.writing = None

    @rule()
    def kill(self) -> None:
        """A commit that is under way gets through, or not; the process hears nothing of it."""
        self.end_of_process()
        self.got_through()
        kept, settled = self.observed[: self.on_disk.observed], self.spans.settled
        expected = Counter(dict(self.found.totals)) + totals(kept)
        spans = self.resent + [one for one in kept if isinstance(one, StepFinished | FlowEnded)]
        states = self.on_disk.states
        self.live()

        assert self.sink.seen[0] == TotalsRestored(tuple(self.found.totals))
        assert dict(self.found.totals) == expected
        assert self.states == states
        already_exported = len(spans) - len(self.resent)
        assert spans[already_exported:] == self.resent
        assert 0 <= already_exported <= settled

    def end_of_process(self) -> None:
        thread = self.journal._thread
        thread.end()
        if thread._thread.ident is not None:
            thread._thread.join(20)
        self.store.close()

    @precondition(lambda self: hasattr(self, "sink"))
    @invariant()
    def told_in_order_never_twice_and_not_before_it_is_kept(self) -> None:
        told = [
            one for one in self.sink.seen if not isinstance(one, TotalsRestored | JournalWritten)
        ]
        assert told == self.observed[: len(told)]
        if self.journal.problem is not None:
            assert told == self.observed
            self.told_in_trouble = len(told)
        else:
            assert len(told) <= max(self.on_disk.observed, self.told_in_trouble)
            assert self.writing or len(told) >= self.on_disk.observed

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.end_of_process()
            self.loop.close()
            shutil.rmtree(self.directory)


def totals(observations: list[Observation]) -> Counter[Key]:
    """What they count as, by the core that counts."""
    counted = Totals()
    for one in observations:
        counted.count(one)
    return Counter(counted.counts)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=60, stateful_step_count=40)
