"""Flows that begin and end between two polls, and that nobody tells of, count all the same."""

import asyncio
from pathlib import Path
from random import Random
from typing import Final

from exporter.simulator.config import SimulatorConfig
from tests.support.lives import living
from tests.support.samples import counted, total
from tests.support.secrets import API_KEY
from tests.support.trees import check_trees

FLOWS: Final = 30
SHORT: Final = ("reauth", "reauth_failed", "bot_detection", "site_down")
TIME_SCALE: Final = 3.0
"""The chosen scenarios last 2 to 14 s, which makes 1 to 5 s."""
ARRIVAL_SECONDS: Final = 0.25


async def test_flows_of_1_to_5_seconds_count_with_polls_of_15_seconds(tmp_path: Path) -> None:
    config = SimulatorConfig(
        connections=30, flows_per_minute=0, time_scale=TIME_SCALE, api_key=API_KEY
    )
    options = ("--discovery.poll-interval=15s", "--timeline.interval=5s")
    dice = Random(3)
    async with living(config, tmp_path) as lives:
        async with lives.life(*options) as exporter:
            await lives.read_timelines(exporter)
            for number in range(FLOWS):
                lives.begin([SHORT[number % len(SHORT)]])
                await asyncio.sleep(ARRIVAL_SECONDS * dice.uniform(0, 2))
            samples = await lives.settled(exporter)
            await exporter.stop()
        ledger = lives.simulator.ledger.ended()
        check_trees(lives.received.spans, ledger)
    assert len(ledger) == total(samples, "flows_started_total") == FLOWS
    lasted = [(flow.ended_ns or 0) - flow.started_ns for flow in ledger]
    assert max(lasted) < 5.2e9
    unseen = counted(samples, "flows_ended_total", "observed")["timeline",]
    assert unseen >= FLOWS / 3, "the polls alone would have found nearly all of them"
