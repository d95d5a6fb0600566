"""What happens while the exporter is off counts when it is on again; what was before, does not."""

import asyncio
import signal
import time
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Final, NamedTuple

from exporter.simulator.clock import rfc3339
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.scenarios import QUICK_SCENARIOS, SCENARIOS
from exporter.simulator.timeline import TimelineEntry
from tests.support.lives import Lives, living
from tests.support.process import Exporter
from tests.support.samples import Samples, counted, outcomes, total
from tests.support.secrets import API_KEY
from tests.support.trees import check_trees

FLOWS: Final = 100
OPEN: Final = 5
TIME_SCALE: Final = 50.0
"""Flows last 0.02 to 3 s."""
SLOW_SCALE: Final = 8.0
OPTIONS: Final = ("--discovery.poll-interval=1s", "--timeline.interval=1s")
PLAYED: Final = (*SCENARIOS, *QUICK_SCENARIOS)


def told() -> SimulatorConfig:
    return SimulatorConfig(
        connections=30, domains=4, flows_per_minute=0, time_scale=TIME_SCALE, api_key=API_KEY
    )


async def test_flows_that_begin_and_end_while_the_exporter_is_off_count_once(
    tmp_path: Path,
) -> None:
    async with living(told(), tmp_path) as lives:
        lives.notify()
        async with lives.life(*OPTIONS) as exporter:
            await lives.play(PLAYED)
            await lives.settled(exporter)
            down = await go_down_with_open_flows(lives, exporter, signal.SIGTERM)
        await lives.play(islice(cycle(PLAYED), FLOWS))
        async with lives.life(*OPTIONS) as exporter:
            check_downtime(down, await lives.settled(exporter))
            down = await go_down_with_open_flows(lives, exporter, signal.SIGKILL)
        await lives.play(islice(cycle(PLAYED), FLOWS))
        async with lives.life(*OPTIONS) as exporter:
            check_downtime(down, await lives.settled(exporter))
            await exporter.stop()
        check_trees(lives.received.spans, lives.simulator.ledger.ended())


class Down(NamedTuple):
    """What was told last, and how many flows were open for certain when nobody looked any more."""

    samples: Samples
    still_open: int


async def go_down_with_open_flows(lives: Lives, exporter: Exporter, how: signal.Signals) -> Down:
    world = lives.simulator.world
    # These outlast the end of the exporter on a busy machine as well.
    usual, world.clock = world.clock, replace(world.clock, time_scale=SLOW_SCALE)
    lives.begin(["input_expired"] * OPEN)
    world.clock = usual
    samples = await lives.until(exporter, "flows_in_progress", OPEN)
    await exporter.stop(how)
    return Down(samples, len(lives.simulator.ledger.running()))


def check_downtime(down: Down, after: Samples) -> None:
    """All that nobody saw was read, and who was open had a gap."""
    assert observed(after)["timeline",] - observed(down.samples)["timeline",] >= FLOWS
    gaps = counted(after, "gaps_total", "cause")["restart",]
    assert 1 <= down.still_open <= gaps <= OPEN


def observed(samples: Samples) -> dict[tuple[str, ...], int]:
    return counted(samples, "flows_ended_total", "observed")


async def test_a_first_start_counts_nothing_of_what_was_before(tmp_path: Path) -> None:
    async with living(told(), tmp_path) as lives:
        await lives.play(islice(cycle(PLAYED), FLOWS))
        old = len(lives.simulator.ledger.flows)
        async with lives.life(*OPTIONS) as exporter:
            samples = await lives.read_timelines(exporter, times=2)
            await exporter.kill()
        assert total(samples, "flows_started_total") == 0
        async with lives.life(*OPTIONS, "--since=24h") as exporter:
            samples = await lives.read_timelines(exporter, times=2)
            assert total(samples, "flows_started_total") == 0, "that was no first start"
            await lives.play(PLAYED)
            new = len(lives.simulator.ledger.flows) - old
            await lives.until(exporter, "flows_ended_total", new)
            samples = await lives.read_timelines(exporter, times=2)
        assert total(samples, "flows_started_total") == new


async def test_a_first_start_that_was_cut_short_leaves_nothing_more_to_count(
    tmp_path: Path,
) -> None:
    async with living(told(), tmp_path) as lives:
        await lives.play(islice(cycle(PLAYED), FLOWS))
        await be_cut_short(lives)
        async with lives.life(*OPTIONS) as exporter:
            samples = await lives.read_timelines(exporter, times=2)
        assert total(samples, "flows_started_total") == 0


async def test_a_first_start_that_was_cut_short_leaves_nothing_uncounted(tmp_path: Path) -> None:
    async with living(told(), tmp_path) as lives:
        for connection in lives.simulator.world.connections.values():
            connection.timeline.put(an_hour_ago(connection.id), time.time_ns())
        await be_cut_short(lives, "--since=24h")
        async with lives.life(*OPTIONS, "--since=24h") as exporter:
            await until_told(
                exporter, "flows_started_total", len(lives.simulator.world.connections)
            )


async def be_cut_short(lives: Lives, *options: str) -> None:
    """Begin with a budget for a few timelines, and die with most of them unread."""
    async with lives.life("--api-budget=8", *options) as exporter:
        await until_told(exporter, "timeline_entries_total", 1)
        await exporter.kill()


async def until_told(exporter: Exporter, name: str, at_least: float) -> None:
    async with asyncio.timeout(20):
        while True:
            told = total(await exporter.metrics(), name)
            if told >= at_least:
                return
            await asyncio.sleep(0.2)


def an_hour_ago(connection_id: str) -> TimelineEntry:
    began_ns = time.time_ns() - 3600 * 10**9
    return TimelineEntry(
        id=f"flow_of_{connection_id}",
        type="login",
        timestamp=rfc3339(began_ns),
        status="SUCCESS",
        step="COMPLETED",
        completed_at=rfc3339(began_ns + 10**10),
    )


async def test_a_first_start_with_since_counts_what_ended_since_then_once(tmp_path: Path) -> None:
    async with living(told(), tmp_path) as lives:
        await lives.play(islice(cycle(PLAYED), FLOWS))
        for _ in range(2):
            async with lives.life(*OPTIONS, "--since=24h") as exporter:
                samples = await lives.settled(exporter)
                await exporter.kill()
            assert observed(samples) == {("timeline",): len(lives.simulator.ledger.flows)}
        assert outcomes(samples) == lives.simulator.ledger.counts()
