"""``kill -9`` at any moment loses nothing and counts nothing twice, over all lives together.

``SOAK=1`` (``make soak``) makes it long: more than 50 kills over more than 400 flows in each form.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import httpx
import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.scenarios import QUICK_SCENARIOS, SCENARIOS
from tests.support.lives import LASTING, Lives, living
from tests.support.process import STOP_SECONDS, Exporter
from tests.support.prometheus import Prometheus, scraping
from tests.support.samples import Samples, total
from tests.support.secrets import API_KEY
from tests.support.trees import check_trees


class Extent(NamedTuple):
    """How much of it."""

    kills: int
    flows: int


SOAK: Final = bool(os.environ.get("SOAK"))
EXTENT: Final = Extent(kills=52, flows=420) if SOAK else Extent(kills=6, flows=55)
LIFE_SECONDS: Final = (0.3, 2.7)
"""From before the process is up until long after."""
SCRAPE_SECONDS: Final = 0.2
TIME_SCALE: Final = 20.0
"""Flows last 0.05 to 5 s."""
PLAYED: Final = (*SCENARIOS, *QUICK_SCENARIOS)


class Form(NamedTuple):
    """A way in which an exporter learns of flows."""

    notified: bool
    event_ids: bool
    arguments: tuple[str, ...]


FORMS: Final = {
    "polling": Form(notified=False, event_ids=False, arguments=("--discovery.poll-interval=1s",)),
    "notified": Form(notified=True, event_ids=True, arguments=("--discovery.poll-interval=5s",)),
}


@pytest.mark.timeout(600 if SOAK else 90)
@pytest.mark.parametrize("form", FORMS)
async def test_kills_lose_no_flow_and_count_none_twice(form: str, tmp_path: Path) -> None:
    chosen = FORMS[form]
    config = told(event_ids=chosen.event_ids)
    # The first life may be killed before it could write down when it began.
    arguments = ("--since=1h", "--timeline.interval=1s", *chosen.arguments)
    async with living(config, tmp_path) as lives:
        if chosen.notified:
            lives.notify()
        async with meanwhile(play(lives, Random(f"flows/{form}"))) as playing:
            dice = Random(f"kills/{form}")
            for _ in range(EXTENT.kills):
                async with lives.life(*arguments, ready=None) as exporter:
                    await watch(lives, exporter, dice.uniform(*LIFE_SECONDS))
                    await exporter.kill()
            await playing
        async with lives.life(*arguments) as exporter:
            samples = await lives.settled(exporter)
            stopped = await exporter.stop()
        assert (stopped.status, stopped.seconds < STOP_SECONDS) == (0, True), stopped.stderr
        ledger = lives.simulator.ledger.ended()
        assert len(ledger) >= EXTENT.flows
        assert lives.scrapes >= EXTENT.kills
        check_starts(samples, len(ledger))
        check_trees(lives.received.spans, ledger)


def told(*, event_ids: bool) -> SimulatorConfig:
    return SimulatorConfig(
        connections=40,
        domains=4,
        flows_per_minute=0,
        time_scale=TIME_SCALE,
        api_key=API_KEY,
        event_ids=event_ids,
    )


@asynccontextmanager
async def meanwhile(coroutine: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run something at the same time; it does not outlive the block."""
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def play(lives: Lives, dice: Random) -> None:
    """Begin flows of every scenario in turn, so that they spread over the lives."""
    names = list(PLAYED)
    pause_seconds = EXTENT.kills * sum(LIFE_SECONDS) / 2 / EXTENT.flows
    for number in range(EXTENT.flows):
        if number % len(names) == 0:
            dice.shuffle(names)
        lives.begin([names[number % len(names)]])
        await asyncio.sleep(pause_seconds * dice.uniform(0, 2))


async def watch(lives: Lives, exporter: Exporter, seconds: float) -> None:
    """Scrape again and again, for so long; it may not be up yet."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(left, SCRAPE_SECONDS))
        try:
            await lives.scrape(exporter)
        except httpx.TransportError:
            continue


def check_starts(samples: Samples, flows: int) -> None:
    """Each flow began once, and nothing was made of a restart that the upstream did not do."""
    assert total(samples, "flows_started_total") == flows
    assert total(samples, "illegal_transitions_total") == 0


@pytest.mark.real("prometheus")
async def test_prometheus_sees_no_counter_reset_over_kills(tmp_path: Path) -> None:
    arguments = ("--timeline.interval=1s", "--discovery.poll-interval=1s")
    async with (
        living(told(event_ids=False), tmp_path / "journal") as lives,
        scraping(lives.port, tmp_path, interval="200ms") as prometheus,
    ):
        dice = Random("prometheus")
        for _ in range(2):
            async with lives.life(*arguments) as exporter:
                lives.begin(PLAYED)
                await watch(lives, exporter, dice.uniform(0.5, 1.5))
                await exporter.kill()
        async with lives.life(*arguments) as exporter:
            await lives.settled(exporter)
            happened = lives.simulator.ledger.counts()
            by = "sum by (outcome, flow_type, domain)"
            await until_told(prometheus, f"{by} (managed_auth_flows_ended_total)", happened)
        for name in LASTING:
            ((_, resets),) = await prometheus.query(f"sum(resets(managed_auth_{name}[5m]))")
            assert resets == 0, name


async def until_told(
    prometheus: Prometheus, expression: str, happened: Counter[tuple[str, str, str]]
) -> None:
    async with asyncio.timeout(10):
        while True:
            told = {
                (labels["outcome"], labels["flow_type"], labels["domain"]): value
                for labels, value in await prometheus.query(expression)
                if value
            }
            if told == happened:
                return
            await asyncio.sleep(0.2)
