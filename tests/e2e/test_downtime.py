"""What happens while the exporter is off counts when it is on again; what was before, does not."""

import signal
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.scenarios import QUICK_SCENARIOS, SCENARIOS
from tests.support.lives import living
from tests.support.samples import Samples, counted, outcomes, total
from tests.support.secrets import API_KEY
from tests.support.trees import check_trees

FLOWS: Final = 100
OPEN: Final = 5
TIME_SCALE: Final = 60.0
"""Flows last 0.02 to 2 s."""
OPTIONS: Final = ("--discovery.poll-interval=1s", "--timeline.interval=2s")
PLAYED: Final = (*SCENARIOS, *QUICK_SCENARIOS)


def told() -> SimulatorConfig:
    return SimulatorConfig(
        connections=40, flows_per_minute=0, time_scale=TIME_SCALE, api_key=API_KEY
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_flows_that_begin_and_end_while_the_exporter_is_off_count_once(
    how: signal.Signals, tmp_path: Path
) -> None:
    async with living(told(), tmp_path) as lives:
        async with lives.life(*OPTIONS) as exporter:
            await lives.read_timelines(exporter)
            await lives.play(PLAYED)
            await lives.settled(exporter)
            lives.begin(["input_expired"] * OPEN)
            before = await lives.until(exporter, "flows_in_progress", OPEN)
            await exporter.stop(how)
        await lives.play(islice(cycle(PLAYED), FLOWS))
        async with lives.life(*OPTIONS) as exporter:
            after = await lives.settled(exporter)
            await exporter.stop()
        by_timeline = observed(after)["timeline",] - observed(before)["timeline",]
        assert by_timeline >= FLOWS
        assert counted(after, "gaps_total", "cause")["restart",] == OPEN
        check_trees(lives.received.spans, lives.simulator.ledger.ended())


def observed(samples: Samples) -> dict[tuple[str, ...], int]:
    return counted(samples, "flows_ended_total", "observed")


async def test_a_first_start_counts_nothing_of_what_was_before(tmp_path: Path) -> None:
    async with living(told(), tmp_path) as lives:
        await lives.play(islice(cycle(PLAYED), FLOWS))
        old = len(lives.simulator.ledger.flows)
        for _ in range(2):
            async with lives.life(*OPTIONS) as exporter:
                samples = await lives.read_timelines(exporter)
                await exporter.kill()
            assert total(samples, "flows_started_total") == 0
        async with lives.life(*OPTIONS, "--since=24h") as exporter:
            samples = await lives.read_timelines(exporter)
            assert total(samples, "flows_started_total") == 0, "that was no first start"
            await lives.play(PLAYED)
            new = len(lives.simulator.ledger.flows) - old
            await lives.until(exporter, "flows_ended_total", new)
            samples = await lives.read_timelines(exporter)
        assert total(samples, "flows_started_total") == new


async def test_a_first_start_with_since_counts_what_ended_since_then_once(tmp_path: Path) -> None:
    async with living(told(), tmp_path) as lives:
        await lives.play(islice(cycle(PLAYED), FLOWS))
        for _ in range(2):
            async with lives.life(*OPTIONS, "--since=24h") as exporter:
                samples = await lives.settled(exporter)
                await exporter.kill()
            assert observed(samples) == {("timeline",): len(lives.simulator.ledger.flows)}
        assert outcomes(samples) == lives.simulator.ledger.counts()
