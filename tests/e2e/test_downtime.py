"""What happens while the exporter is off counts when it is on again; what was before, does not."""

import signal
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.scenarios import QUICK_SCENARIOS, SCENARIOS
from tests.support.lives import Lives, living
from tests.support.samples import Samples, counted, outcomes, total
from tests.support.secrets import API_KEY
from tests.support.trees import check_trees

FLOWS: Final = 100
OPEN: Final = 5
TIME_SCALE: Final = 40.0
"""Flows last 0.1 to 2 s."""
OPTIONS: Final = ("--discovery.poll-interval=1s", "--timeline.interval=2s")
PLAYED: Final = [name for name in (*SCENARIOS, *QUICK_SCENARIOS) if name != "superseded"]
"""The timeline shows a superseded flow as an expiry; only who saw the next one begin can tell."""


def told() -> SimulatorConfig:
    return SimulatorConfig(
        connections=120, flows_per_minute=0, time_scale=TIME_SCALE, api_key=API_KEY
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_flows_that_begin_and_end_while_the_exporter_is_off_count_once(
    how: signal.Signals, tmp_path: Path
) -> None:
    async with living(told(), tmp_path) as lives:
        async with lives.life(*OPTIONS) as exporter:
            await lives.read_timelines(exporter)
            lives.begin(islice(cycle(PLAYED), 2 * len(PLAYED)))
            await lives.settled(exporter)
            lives.begin(["input_expired"] * OPEN)
            before = await lives.until(exporter, "flows_in_progress", OPEN)
            await exporter.stop(how)
        lives.begin(islice(cycle(PLAYED), FLOWS))
        await lives.simulator.finished()
        async with lives.life(*OPTIONS) as exporter:
            after = await lives.settled(exporter)
            await exporter.stop()
        by_timeline = observed(after)["timeline",] - observed(before)["timeline",]
        assert by_timeline >= FLOWS
        assert total(after, "flows_ended_total") - total(before, "flows_ended_total") == (
            FLOWS + OPEN
        )
        assert counted(after, "gaps_total", "cause")["restart",] == OPEN
        check_trees(lives.received.spans, lives.simulator.ledger.ended())


def observed(samples: Samples) -> dict[tuple[str, ...], int]:
    return counted(samples, "flows_ended_total", "observed")


async def test_a_first_start_counts_nothing_of_what_was_before(tmp_path: Path) -> None:
    async with living(told(), tmp_path) as lives:
        await have_a_history(lives)
        for _ in range(2):
            async with lives.life(*OPTIONS) as exporter:
                samples = await lives.read_timelines(exporter)
                await exporter.kill()
            assert total(samples, "flows_started_total") == 0
        async with lives.life(*OPTIONS, "--since=24h") as exporter:
            samples = await lives.read_timelines(exporter)
            assert total(samples, "flows_started_total") == 0, "that was no first start"
            lives.begin(PLAYED)
            await lives.simulator.finished()
            await lives.until(exporter, "flows_ended_total", len(PLAYED))
            samples = await lives.read_timelines(exporter)
        assert total(samples, "flows_started_total") == len(PLAYED)


async def test_a_first_start_with_since_counts_what_ended_since_then_once(tmp_path: Path) -> None:
    async with living(told(), tmp_path) as lives:
        await have_a_history(lives)
        for _ in range(2):
            async with lives.life(*OPTIONS, "--since=24h") as exporter:
                samples = await lives.settled(exporter)
                await exporter.kill()
            assert observed(samples) == {("timeline",): FLOWS}
        assert outcomes(samples) == lives.simulator.ledger.counts()


async def have_a_history(lives: Lives) -> None:
    for half in (FLOWS // 2, FLOWS - FLOWS // 2):
        lives.begin(islice(cycle(PLAYED), half))
        await lives.simulator.finished()
