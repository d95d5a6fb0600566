"""One exporter over several processes: the same port, journal and collector, the same simulator.

Every scrape of any of its lives asserts what must hold at any moment and from life to life.
"""

import asyncio
import time
from bisect import bisect
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.connection import Connection
from exporter.simulator.runner import Simulator
from tests.otlp_receiver import Received, http_receiver
from tests.support.process import Exporter, exporting, free_port
from tests.support.reads import note_reads
from tests.support.samples import Samples, Series, outcomes, total

SETTLED_SECONDS: Final = 30.0
SCRAPE_SECONDS: Final = 0.2
REST_NS: Final = 50_000_000
LASTING: Final = ("flows_started_total", "flows_ended_total", "flow_failures_total")
"""The counters that a restart does not set back."""


class Lives:
    """An exporter that dies and comes back, what it follows, and where its spans go."""

    def __init__(self, simulator: Simulator, received: Received, data_dir: Path) -> None:
        self.simulator = simulator
        self.received = received
        self.data_dir = data_dir
        self.port = free_port()
        self.env = {
            "KERNEL_BASE_URL": simulator.base_url,
            "KERNEL_API_KEY": simulator.config.api_key,
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "300",
        }
        self.scrapes = 0
        self._highest: Samples = {}
        self._reads = note_reads(simulator, time.monotonic)

    def notify(self) -> None:
        """From now on the exporter is told of each flow as it begins, as a product may do."""
        self.simulator.notify_url = f"http://127.0.0.1:{self.port}/-/follow/{{id}}"

    @asynccontextmanager
    async def life(self, *arguments: str, ready: int | None = 200) -> AsyncIterator[Exporter]:
        """One process, from its start on; see ``exporting``."""
        journal = f"--data-dir={self.data_dir}"
        async with exporting(
            journal, *arguments, env=self.env, port=self.port, ready=ready
        ) as exporter:
            yield exporter

    def begin(self, scenarios: Iterable[str]) -> None:
        """Let a flow of each scenario begin now, each on a connection that is idle."""
        for name in scenarios:
            connection = self._pick(name)
            assert connection is not None, "all connections are busy: there are too few of them"
            self.simulator.world.start(connection, name)

    async def play(self, scenarios: Iterable[str]) -> None:
        """Let a flow of each scenario begin as soon as a connection is idle; wait for them all."""
        for name in scenarios:
            while True:
                if connection := self._pick(name):
                    break
                await asyncio.sleep(REST_NS / 1e9)
            self.simulator.world.start(connection, name)
        await self.simulator.finished()

    def _pick(self, scenario: str) -> Connection | None:
        """An idle connection that has had a rest since its last flow.

        Where a flow expires and the next one begins in the same moment, the timeline looks just as
        it does where the next one has superseded it.
        """
        world = self.simulator.world
        for _ in world.connections:
            connection = world.pick(scenario)
            if connection is None:
                return None
            ended_ns = connection.flow.record.ended_ns if connection.flow else None
            if ended_ns is None or world.clock.now_ns() - ended_ns > REST_NS:
                return connection
        return None

    async def scrape(self, exporter: Exporter) -> Samples:
        """The metrics: they add up, never go back, and never tell of what did not happen."""
        samples = await exporter.metrics()
        self.scrapes += 1
        started, ended, running = (
            total(samples, name)
            for name in ("flows_started_total", "flows_ended_total", "flows_in_progress")
        )
        assert started == ended + running, f"scrape {self.scrapes}"
        told, happened = outcomes(samples), self.simulator.ledger.counts()
        assert told <= happened, f"counted but never happened: {told - happened}"
        for series in self._lasting(samples):
            before = self._highest.get(series, 0)
            assert samples.get(series, 0) >= before, f"{series} went back from {before}"
        self._highest |= {series: value for series, value in samples.items() if value}
        return samples

    async def until(self, exporter: Exporter, name: str, value: float) -> Samples:
        """The metrics once the sum of ``managed_auth_<name>`` is that."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while True:
                samples = await self.scrape(exporter)
                if total(samples, name) == value:
                    return samples
                await asyncio.sleep(SCRAPE_SECONDS)

    async def read_timelines(self, exporter: Exporter, times: int = 1) -> Samples:
        """The metrics once every timeline has been asked for so many times more.

        What an answer tells shows in the metrics before the same timeline is asked for again.
        """
        since = time.monotonic()
        async with asyncio.timeout(SETTLED_SECONDS):
            while not self._were_read(since, times):
                await self.scrape(exporter)
                await asyncio.sleep(SCRAPE_SECONDS)
        return await self.scrape(exporter)

    async def settled(self, exporter: Exporter, times: int = 2) -> Samples:
        """The metrics once all flows are over, and every timeline was asked for so often since.

        Every flow is counted by then, as often as it happened.
        """
        await self.simulator.finished()
        since, happened = time.monotonic(), self.simulator.ledger.counts()
        samples: Samples = {}
        try:
            async with asyncio.timeout(SETTLED_SECONDS):
                while outcomes(samples) != happened or not self._were_read(since, times):
                    samples = await self.scrape(exporter)
                    await asyncio.sleep(SCRAPE_SECONDS)
        except TimeoutError:
            lost = happened - outcomes(samples)
            raise AssertionError(f"never counted: {lost} in\n{_told(samples)}") from None
        assert total(samples, "flows_in_progress") == 0
        return samples

    def _were_read(self, since: float, times: int) -> bool:
        return all(len(each) - bisect(each, since) >= times for each in self._reads.values())

    def _lasting(self, samples: Samples) -> set[Series]:
        names = {f"managed_auth_{name}" for name in LASTING}
        return {series for series in (*samples, *self._highest) if series[0] in names}


def _told(samples: Samples) -> str:
    return "\n".join(
        f"{name} {sorted(labels)} {value}"
        for (name, labels), value in sorted(samples.items(), key=str)
        if value and name.startswith("managed_auth_") and "bucket" not in name
    )


@asynccontextmanager
async def living(config: SimulatorConfig, data_dir: Path) -> AsyncIterator[Lives]:
    """A running simulator and collector, and an exporter that is yet to be started."""
    with http_receiver() as received:
        async with Simulator(config) as simulator:
            yield Lives(simulator, received, data_dir)
