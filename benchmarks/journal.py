"""What a batch of the journal costs: on the event loop, and on the disk.

Run: python benchmarks/journal.py [DIRECTORY]
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from exporter.core.observations import Entry, FlowRef, FlowStarted, Observation, StepFinished
from exporter.stores.journal import Journal
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import SavedConnection

BATCHES, CONNECTIONS, STATE = 60, 200, 1_000
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
    """Milliseconds: to take observations and touches, to put them together, to commit."""
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
        sys.exit(journal.problem)
    return [1e3 * (b - a) for a, b in ((began, taken), (taken, gathered), (gathered, written))]


async def measure(directory: Path) -> list[list[float]]:
    told = [facts(f"ma_{number}") for number in range(CONNECTIONS)]
    drop = Drop()
    journal = Journal(SqliteStore(directory), drop, spans=drop)
    journal.restore()
    rounds = [await batch(journal, told) for _ in range(BATCHES)]
    await journal.stop()
    await journal.close()
    return rounds


def main() -> None:
    where = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=where) as name:
        rounds = asyncio.run(measure(Path(name)))
    print(f"ms a batch of {CONNECTIONS} connections of {STATE} bytes, {BATCHES} batches")
    print(f"{'':34}{'median':>8}{'p90':>8}{'max':>8}")
    stages = ("loop: observe and touch", "loop: put together", "writer: commit, fsync and all")
    for stage, times in zip(stages, zip(*rounds, strict=True), strict=True):
        p90 = statistics.quantiles(times, n=10)[-1]
        print(f"{stage:34}{statistics.median(times):8.2f}{p90:8.2f}{max(times):8.2f}")


if __name__ == "__main__":
    main()
