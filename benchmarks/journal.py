"""What a batch of the journal costs: on the event loop, and on the disk.

The peer of the commit puts as many bytes at the end of a file, and syncs it. The disk is that of
the directory for temporary files: TMPDIR names another.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.machine import runner
from benchmarks.rows import Row, figure
from exporter.core.observations import Entry, FlowRef, FlowStarted, Observation, StepFinished
from exporter.stores.journal import Journal
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import SavedConnection

CONNECTIONS, STATE = 200, 1_000
STARTED_NS = 1_767_225_600_000_000_000


class Drop:
    """A sink, and a span account, that keeps nothing."""

    handed = settled = 0

    def observe(self, observation: Observation, /) -> None:
        pass


def facts(connection_id: str) -> tuple[FlowStarted, StepFinished]:
    flow = FlowRef(connection_id, "bank.example", "anna", "LOGIN", STARTED_NS, 2**127)
    step = StepFinished(
        flow, "DISCOVERING", 1, STARTED_NS, STARTED_NS + 9, "SUBMITTING", seen_whole=True, facts=()
    )
    return FlowStarted(flow, Entry.DISCOVERING), step


async def batch(journal: Journal, told: list[tuple[FlowStarted, StepFinished]]) -> list[float]:
    """Milliseconds: to take observations and touches, to put them together, to commit.

    Of the wall: a commit is waiting, mostly.
    """
    state = bytes(STATE)
    began = time.perf_counter()
    for started, finished in told:
        journal.observe(started)
        journal.observe(finished)
        journal.touch(started.flow.connection_id, lambda: SavedConnection(state))
    taken = time.perf_counter()
    writing = journal._write()  # noqa: SLF001 - one batch, without the pauses between them
    gathered = time.perf_counter()
    if writing:
        await writing
    written = time.perf_counter()
    if journal.problem:
        raise RuntimeError(journal.problem)
    return [1e3 * (b - a) for a, b in ((began, taken), (taken, gathered), (gathered, written))]


def synced(directory: Path) -> float:
    """Milliseconds to write as many bytes as the states of a batch have, and sync them."""
    began = time.perf_counter()
    with (directory / "peer").open("ab") as file:
        file.write(bytes(CONNECTIONS * STATE))
        file.flush()
        os.fsync(file.fileno())
    return 1e3 * (time.perf_counter() - began)


async def measure(directory: Path, batches: int) -> list[tuple[float, ...]]:
    """The stages of each batch, and what the peer took after it."""
    told = [facts(f"ma_{number}") for number in range(CONNECTIONS)]
    drop = Drop()
    journal = Journal(SqliteStore(directory / "journal"), drop, spans=drop)
    journal.restore()
    await batch(journal, told)
    rounds = [(*await batch(journal, told), synced(directory)) for _ in range(batches)]
    await journal.stop()
    await journal.close()
    return rounds


def run(*, quick: bool) -> Iterator[Row]:
    """The stages of a batch, one after the other."""
    with tempfile.TemporaryDirectory() as name, runner() as loop:
        rounds = loop.run(measure(Path(name), 5 if quick else 60))
    taken, gathered, written, synced_ms = zip(*rounds, strict=True)
    batch_of, loop_ms = f"journal, {CONNECTIONS} connections", "ms of the loop"
    yield Row(f"{batch_of}: take", loop_ms, taken, note=_p90(taken))
    yield Row(f"{batch_of}: put together", loop_ms, gathered, note=_p90(gathered))
    peer = "write and fsync of the states"
    yield Row(f"{batch_of}: commit", "ms", written, synced_ms, peer, note=_p90(written))


def _p90(times: Sequence[float]) -> str:
    return f"p90 {figure(statistics.quantiles(times, n=10)[-1])}"
