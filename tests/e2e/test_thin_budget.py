"""A thousand connections and a rate limit of 60 a minute: the share is kept, and lag is admitted.

Everything runs on a clock that is many times faster than the real one. ``SOAK=1`` (``make soak``)
goes on until every timeline has been read.
"""

import asyncio
import os
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import pytest

from exporter.core.observations import (
    ApiBudget,
    ConnectionListed,
    Observation,
    TimelineCovered,
)
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.requests import ApiRequest
from exporter.simulator.runner import Simulator
from exporter.upstream.clock import Clock
from exporter.upstream.discovery import Discovery
from exporter.upstream.health import SourceHealth
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.roster import Roster
from exporter.upstream.timeline import INTERVAL_SECONDS, Timeline
from tests.support.reads import Reads, note_reads

SOAK: Final = bool(os.environ.get("SOAK"))
SPEED: Final = 120.0
MINUTES: Final = 90 if SOAK else 12
CONNECTIONS: Final = 1000
LIMIT: Final = 60
OURS: Final = LIMIT // 2
MINUTE: Final = 60.0
JITTER: Final = 12.0
"""A tenth of a real second: what this machine may take for a request, in fast seconds."""

BEGAN: Final = time.monotonic()
BEGAN_NS: Final = time.time_ns()


def fast_seconds() -> float:
    """The fast clock; for ``Clock.monotonic`` and, past ``BEGAN_NS``, for ``Clock.unix_ns``."""
    return (time.monotonic() - BEGAN) * SPEED


FAST: Final = Clock(
    unix_ns=lambda: BEGAN_NS + round(fast_seconds() * 1e9),
    monotonic=fast_seconds,
    sleep=lambda seconds: asyncio.sleep(seconds / SPEED),
    random=Random(60).random,
)


class Witness:
    """A sink that keeps what is told of the budget and of the timelines, and when."""

    def __init__(self) -> None:
        self.budgets: list[float] = []
        self.stalest: list[tuple[float, float]] = []
        self.known: dict[str, float] = {}

    def observe(self, observation: Observation, /) -> None:
        match observation:
            case ApiBudget(requests_per_minute=allowed):
                self.budgets.append(allowed)
            case ConnectionListed(connection_id=connection_id):
                self.known.setdefault(connection_id, fast_seconds())
            case TimelineCovered(stalest_read_ns=int(read_ns)):
                self.stalest.append((fast_seconds(), (read_ns - BEGAN_NS) / 1e9))
            case _:
                pass


@asynccontextmanager
async def following(simulator: Simulator, sink: Witness) -> AsyncIterator[None]:
    """The upstream half of the service, on the fast clock."""
    health = SourceHealth()
    key = simulator.config.api_key
    api = KernelApi(simulator.base_url, lambda: key, sink, clock=FAST, health=health)
    roster = Roster(api, sink, classify=lambda _text: "other", clock=FAST)
    timeline = Timeline(api, roster, sink, clock=FAST)
    discovery = Discovery(api, roster, sink, health=health, timeline=timeline, clock=FAST)
    running = [asyncio.create_task(each.run()) for each in (discovery, timeline)]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        await roster.stop()
        await api.aclose()
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


@pytest.mark.timeout(240)
async def test_a_thousand_connections_settle_within_half_of_60_requests_a_minute() -> None:
    config = SimulatorConfig(
        connections=CONNECTIONS,
        flows_per_minute=0,
        health_checks_per_minute=0,
        rate_limit_per_minute=LIMIT,
    )
    witness = Witness()
    async with Simulator(config, monotonic=fast_seconds) as simulator:
        reads = note_reads(simulator, fast_seconds)
        began = fast_seconds()
        async with following(simulator, witness):
            await FAST.sleep(MINUTES * MINUTE)
        requests = list(simulator.requests)
    check_share(requests, began)
    check_turns(requests, reads)
    check_staleness(witness, reads)
    assert witness.budgets
    assert max(witness.budgets) <= OURS


def check_share(requests: Sequence[ApiRequest], began: float) -> None:
    """Never more than our half in any minute, and no 429 once the limit is known."""
    times = [request.at_seconds for request in requests]
    for first, beyond in zip(times, times[OURS:], strict=False):
        assert beyond - first > MINUTE - JITTER, f"more than {OURS} in {beyond - first:.0f} s"
    assert len(times) <= OURS * (MINUTES + 1)
    settled = [request.status for request in requests if request.at_seconds > began + MINUTE]
    assert set(settled) <= {200, None}, "None: on its way when it was over"


def check_turns(requests: Sequence[ApiRequest], reads: Reads) -> None:
    """The budget is used; polls and timelines both get on; nobody is read twice before others."""
    counts = Counter(request.endpoint for request in requests)
    assert set(counts) == {"list", "timeline"}
    assert counts.total() >= 0.7 * OURS * MINUTES
    assert min(counts.values()) >= counts.total() / 8
    often = Counter(len(times) for times in reads.values())
    assert max(often) - min(often) <= 1
    assert (min(often) >= 1) is SOAK


def check_staleness(witness: Witness, reads: Reads) -> None:
    """What is told of the stalest timeline is what the simulator was asked for."""
    assert len(witness.stalest) >= MINUTES
    for at, told in witness.stalest:
        earliest = stalest(reads, witness.known, at - JITTER) - JITTER
        latest = stalest(reads, witness.known, at) + JITTER
        assert earliest <= told <= latest
    at, told = witness.stalest[-1]
    assert at - told > INTERVAL_SECONDS, "the budget does not suffice, and one can see it"


def stalest(reads: Reads, known: Mapping[str, float], at: float) -> float:
    """When the timeline was asked for that at a moment had gone unread for longest.

    One that had never been asked for had gone unread since its connection became known.
    """
    asked = {each: bisect_right(times, at) for each, times in reads.items()}
    last = (reads[each][count - 1] if count else known[each] for each, count in asked.items())
    return min(last)
