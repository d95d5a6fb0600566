"""The journal: what was observed is told to the sinks only once it would survive the process.

Observations of flows are held until the batch with them, and with the states that led to them, is
committed. Were they told before, a process that is killed in between would have shown an outcome
that its successor knows nothing of, and counts again.

Where the store fails, or does not answer, the journal goes on from memory: it holds nothing back,
remembers what changed, and tries again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final, get_args

from exporter.core.observations import (
    FlowObservation,
    JournalWritten,
    Observation,
    Sink,
    TotalsRestored,
)
from exporter.errors import where_raised
from exporter.stores.complaints import Complaints
from exporter.stores.pending import Gathered, Held, Pending
from exporter.stores.spans import SpanAccount, SpanProgress, facts
from exporter.stores.store import Batch, Contents, SavedConnection, Store, StoreError
from exporter.stores.thread import CallThread
from exporter.stores.trouble import Trouble

STOP_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 0.5

_HELD_TYPES: Final = frozenset(get_args(FlowObservation))


class Journal:
    """A sink in front of the others, and the keeper of what changes.

    To be called from one event loop; the store is used in a thread of its own.

    Args:
        store: what it writes to; closed with the journal.
        sink: who is told.
        spans: the sink that makes spans, where there is one: what is finished is kept until it
            has exported it.
        unix_ns: the local time.
        monotonic: seconds that only ever go forward.
        sleep: how to wait between batches.
        gather_seconds: from one batch to the next.
        patience_seconds: how long observations are held for a store that does not answer.
    """

    def __init__(
        self,
        store: Store,
        sink: Sink,
        *,
        spans: SpanAccount | None = None,
        unix_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        gather_seconds: float = 0.1,
        patience_seconds: float = 5.0,
    ) -> None:
        self._store: Final = store
        self._sink: Final = sink
        self._spans: Final = spans
        self._unix_ns: Final = unix_ns
        self._trouble: Final = Trouble(monotonic)
        self._sleep: Final = sleep
        self._gather_seconds: Final = gather_seconds
        self._patience_seconds: Final = patience_seconds
        self._pending: Final = Pending(keeps_spans=spans is not None)
        self._progress: Final = SpanProgress(spans)
        self._thread: Final = CallThread("journal")
        self._complaints: Final = Complaints()
        self._writing: asyncio.Future[None] | None = None
        self._in_flight: list[Held] = []
        self._stopped = False

    @property
    def problem(self) -> str | None:
        """Why it cannot be written, in one line that names the mend; None while it can."""
        return self._trouble.problem

    def restore(self) -> Contents:
        """What earlier processes kept; blocks, and is to be called before anything is observed.

        The sinks are told of the totals, and of what has not been exported as spans yet. On the
        first start with this store, that is written too.

        Raises:
            StoreError: the store cannot be read or written.
        """
        contents = self._store.load()
        if contents.began_ns is None:
            contents.began_ns = self._unix_ns()
            self._store.commit(Batch(began_ns=contents.began_ns))
        self._pending.restore(contents)
        self._tell(TotalsRestored(tuple(contents.totals)))
        self._tell(JournalWritten(ok=True, at_ns=self._unix_ns()))
        if self._spans is not None:
            for number, fact in facts(contents.unsent):
                self._tell(fact, self._spans)
                self._progress.handed(number)
        return contents

    def observe(self, observation: Observation, /) -> None:
        """Take one observation: what a flow did is held, unless the store fails."""
        if type(observation) not in _HELD_TYPES:
            self._tell(observation)
            return
        held = self._pending.add(observation)  # type: ignore[arg-type] # its type was just looked at
        if self._holds:
            self._pending.hold(held)
        else:
            self._release([held])

    def touch(self, connection_id: str, save: Callable[[], SavedConnection], /) -> None:
        """The connection's state changed: it is saved with the next batch."""
        self._pending.change(connection_id, save)

    def forget(self, connection_id: str, at_ns: int, /) -> None:
        """The connection is no more."""
        self._pending.change(connection_id, at_ns)

    def listed(self, at_ns: int, /) -> None:
        """A complete list was begun at this local time."""
        self._pending.listed(at_ns)

    async def flush(self) -> None:
        """Write what has been gathered so far, and tell it; waits for the store as long as ever."""
        await self._try()

    async def run(self) -> None:
        """Write batches until the journal is stopped; may be cancelled at any time."""
        while not self._stopped:
            await self._sleep(max(self._gather_seconds, self._trouble.retry_seconds))
            await self._try()

    async def stop(self) -> None:
        """Write the last batch, and tell all that is held, within 2 s whatever the disk does."""
        self._stopped = True
        # There may be a batch on its way, and another one gathered behind it.
        for deadline in [asyncio.get_running_loop().time() + STOP_SECONDS] * 2:
            await self._written_by(deadline)
        self._release_all()

    async def close(self, *, spans_lost: bool = False) -> None:
        """Write which spans the shutdown of the traces settled, and let go of the store.

        To be called after ``stop``; takes half a second at most. Where that shutdown lost some of
        the spans, none of those that it handled is settled: the next process sends them again.
        """
        deadline = asyncio.get_running_loop().time() + CLOSE_SECONDS
        for _ in range(0 if spans_lost else 2):
            await self._written_by(deadline)
        await _until({self._thread.call(self._store.close)}, deadline)
        self._thread.end()

    @property
    def _holds(self) -> bool:
        return self.problem is None and not self._stopped

    async def _try(self) -> None:
        """Write what is pending; returns once the store has answered, however long that takes."""
        if self._stopped or (writing := self._write()) is None:
            return
        answered, _ = await asyncio.wait({writing}, timeout=self._patience_seconds)
        if not answered:
            self._fail(
                f"the journal has not answered for {self._patience_seconds:g} s:"
                " see whether its disk hangs"
            )
            await asyncio.wait({writing})

    async def _written_by(self, deadline: float) -> None:
        if writing := self._write():
            await _until({writing}, deadline)

    def _write(self) -> "asyncio.Future[None] | None":
        """Begin to write what is pending; None where there is nothing to be written."""
        if self._writing is not None:
            return self._writing
        gathered = self._pending.gather(self._progress.settled_up_to())
        if not gathered.batch:
            self._release(gathered.held)
            return None
        self._in_flight = gathered.held
        self._writing = self._thread.call(partial(self._store.commit, gathered.batch))
        self._writing.add_done_callback(partial(self._settle, gathered))
        return self._writing

    def _settle(self, gathered: Gathered, writing: "asyncio.Future[None]") -> None:
        """A try to write has ended, well or not."""
        self._writing = None
        match writing.exception():
            case None:
                self._pending.written(gathered.batch)
                self._release_in_flight()
                self._trouble.over()
                self._tell(JournalWritten(ok=True, at_ns=self._unix_ns()))
            case StoreError() as error:
                self._pending.put_back(gathered)
                self._fail(str(error))
            case error:
                self._pending.put_back(gathered)
                self._fail(f"the journal failed ({type(error).__name__} at {where_raised(error)})")

    def _fail(self, problem: str) -> None:
        self._trouble.failed(problem)
        self._tell(JournalWritten(ok=False, at_ns=self._unix_ns()))
        self._release_all()

    def _release_all(self) -> None:
        self._release_in_flight()
        self._release(self._pending.release())

    def _release_in_flight(self) -> None:
        in_flight, self._in_flight = self._in_flight, []
        self._release(in_flight)

    def _release(self, held: Iterable[Held]) -> None:
        for observation, number in held:
            self._tell(observation)
            if number:
                self._progress.handed(number)

    def _tell(self, observation: Observation, sink: Sink | None = None) -> None:
        try:
            (sink or self._sink).observe(observation)
        except Exception as error:  # noqa: BLE001 - whatever it is, the journal goes on
            self._complaints.tell("a sink failed", error)


async def _until(futures: "set[asyncio.Future[None]]", deadline: float) -> None:
    """Wait for them, but not beyond a time of the loop's clock; never raises."""
    left = deadline - asyncio.get_running_loop().time()
    await asyncio.wait(futures, timeout=max(0.0, left))
