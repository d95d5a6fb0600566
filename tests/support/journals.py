"""Journals on real disks: where to put them, what to put in, and how to spoil them."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exporter.core.observations import (
    Entry,
    FlowEnded,
    FlowRef,
    FlowStarted,
    Observation,
    Observed,
    Outcome,
    StepFinished,
)
from exporter.stores.store import Batch, Contents, SavedConnection, Store, Unsent

START_NS: Final = 1_767_225_600_000_000_000
MEMORY: Final = Path("/dev/shm")
"""Where tests that write a lot do it, if the machine has it: its fsync costs nothing."""

FULL_BATCH: Final = Batch(
    connections={f"ma_{n}": SavedConnection(bytes(range(n, 200)), f"e{n}") for n in range(12)},
    forgotten={"ma_old": START_NS, "ma_older": START_NS - 1},
    totals={("started", "LOGIN", "discovering", f"shop{n}.example"): n for n in range(30)},
    unsent=[Unsent(n, "step", b"fact" * n) for n in range(1, 9)],
    began_ns=START_NS,
    listed_ns=START_NS + 5,
)


def flow(number: int, connection_id: str = "ma_1") -> FlowRef:
    """The nth flow of a connection; its trace id needs all of its 128 bits."""
    started_ns = START_NS + number * 10**9
    trace_id = 2**127 + number
    return FlowRef(connection_id, "shop.example", "ada", "LOGIN", started_ns, trace_id, 2**126)


def started(number: int) -> FlowStarted:
    return FlowStarted(flow(number), Entry.DISCOVERING)


def finished(number: int, text: str = "") -> StepFinished:
    at_ns = START_NS + number * 10**9
    return StepFinished(
        flow(number), "DISCOVERING", 1, at_ns, at_ns + 5, text or None, seen_whole=True, facts=()
    )


def ended(number: int, outcome: Outcome = Outcome.SUCCESS) -> FlowEnded:
    at_ns = START_NS + number * 10**9
    return FlowEnded(
        flow=flow(number),
        outcome=outcome,
        observed=Observed.STREAM,
        last_step="SUBMITTING",
        started_ns=at_ns,
        ended_ns=at_ns + 9,
        error_code=None,
        error_message=None,
        incomplete=False,
        duration_ns=9,
        waiting_ns=0,
        working_ns=9,
        facts=(),
    )


def saved(state: str) -> Callable[[], SavedConnection]:
    """How a connection in this state is saved."""
    return lambda: SavedConnection(state.encode())


class Recorder:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.told = asyncio.Event()

    def observe(self, observation: Observation, /) -> None:
        self.seen.append(observation)
        self.told.set()


class Spans:
    """A span account whose exports are the test's to make."""

    def __init__(self) -> None:
        self.handed = 0
        self.settled = 0
        self.seen: list[Observation] = []

    def observe(self, observation: Observation, /) -> None:
        if isinstance(observation, StepFinished | FlowEnded):
            self.seen.append(observation)
            self.handed += 1


class Wrapped:
    """A store in front of a real one; ``before`` and ``after`` each commit may raise or wait."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        self.commits: list[Batch] = []

    def load(self) -> Contents:
        return self.store.load()

    def commit(self, batch: Batch, /) -> None:
        self.before()
        self.store.commit(batch)
        self.commits.append(batch)
        self.after()

    def close(self) -> None:
        self.store.close()


def in_a_process(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code in a process of its own, which may harm itself."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd="/",
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
    )
