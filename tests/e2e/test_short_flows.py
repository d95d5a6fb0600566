"""Flows that begin and end between two polls, and that nobody tells of, count all the same."""

import asyncio
from pathlib import Path
from random import Random
from typing import Final

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.scenarios import QUICK_SCENARIOS
from tests.support.lives import living
from tests.support.samples import counted, total
from tests.support.secrets import API_KEY
from tests.support.trees import check_trees

FLOWS: Final = 24
SHORT: Final = tuple(QUICK_SCENARIOS)
ARRIVAL_SECONDS: Final = 0.2


async def test_flows_of_1_to_5_seconds_count_with_polls_of_15_seconds(tmp_path: Path) -> None:
    config = SimulatorConfig(connections=30, domains=4, flows_per_minute=0, api_key=API_KEY)
    options = ("--discovery.poll-interval=15s", "--timeline.interval=5s")
    dice = Random(3)
    async with living(config, tmp_path) as lives:
        async with lives.life(*options) as exporter:
            await lives.read_timelines(exporter)
            for number in range(FLOWS):
                lives.begin([SHORT[number % len(SHORT)]])
                await asyncio.sleep(ARRIVAL_SECONDS * dice.uniform(0, 2))
            samples = await lives.settled(exporter, times=1)
            await exporter.stop()
        ledger = lives.simulator.ledger.ended()
        check_trees(lives.received.spans, ledger)
    assert len(ledger) == total(samples, "flows_started_total") == FLOWS
    lasted = [(flow.ended_ns or 0) - flow.started_ns for flow in ledger]
    assert 0.9e9 < min(lasted) < max(lasted) < 5.5e9
    unseen = counted(samples, "flows_ended_total", "observed")["timeline",]
    assert unseen >= FLOWS / 3, "the polls alone would have found nearly all of them"
