"""Prometheus and the exporter restarted: what ``increase()`` shows is what happened, no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from exporter.simulator.config import SimulatorConfig
from tests.support.lives import Lives, living
from tests.support.prometheus import Prometheus, scraping

FLOWS: Final = ("quick_login", "quick_reauth", "reauth_failed", "bot_detection")
LASTING: Final = ("flows_started_total", "flows_ended_total", "flow_failures_total")
ARGUMENTS: Final = ("--timeline.interval=1s", "--discovery.poll-interval=1s")
INTERVAL: Final = "250ms"
# What increase() adds at the edge of its window: half an interval between two samples at most.
EXTRAPOLATED: Final = 1.02


@asynccontextmanager
async def watching(lives: Lives, folder: Path) -> AsyncIterator[Prometheus]:
    async with scraping(lives.port, folder, interval=INTERVAL) as prometheus:
        await prometheus.until("up")
        yield prometheus


async def told(prometheus: Prometheus, expression: str) -> float:
    """The one value of an expression."""
    ((_, value),) = await prometheus.query(expression)
    return value


async def scraped(prometheus: Prometheus, lives: Lives) -> int:
    """How many flows happened, once Prometheus has the count of them."""
    happened = sum(lives.simulator.ledger.counts().values())
    await prometheus.until(f"sum(managed_auth_flows_ended_total) == {happened}")
    return happened


async def increase(prometheus: Prometheus, name: str, window: str) -> float:
    return await told(prometheus, f"sum(increase(managed_auth_{name}[{window}]))")


@pytest.mark.real("prometheus")
@pytest.mark.timeout(180)
async def test_no_restart_of_either_shows_as_logins(tmp_path: Path) -> None:
    config = SimulatorConfig(connections=24, domains=3, flows_per_minute=0, time_scale=40.0)
    async with living(config, tmp_path / "journal") as lives:
        lives.notify()
        async with lives.life(*ARGUMENTS) as exporter, watching(lives, tmp_path) as prometheus:
            await prometheus.until("managed_auth_exporter_build_info")
            await lives.play(FLOWS * 3)
            await scraped(prometheus, lives)
            await exporter.stop()
            async with lives.life(*ARGUMENTS):
                # Both lives in one window, and nothing happened since the restart.
                await asyncio.sleep(3)
                quiet = {name: await increase(prometheus, name, "4s") for name in LASTING}
                await lives.play(FLOWS * 2)
                first = await scraped(prometheus, lives)
        async with lives.life(*ARGUMENTS) as exporter:
            # Nobody scrapes: what ends now shows when Prometheus is back.
            await lives.play(FLOWS)
            await lives.settled(exporter)
            async with watching(lives, tmp_path) as prometheus:
                whole = await scraped(prometheus, lives)
                await asyncio.sleep(1)
                ended = await increase(prometheus, "flows_ended_total", "10m")
                resets = {
                    name: await told(prometheus, f"sum(resets(managed_auth_{name}[10m]))")
                    for name in LASTING
                }
    assert quiet == dict.fromkeys(LASTING, 0)
    assert resets == dict.fromkeys(LASTING, 0)
    assert (first, whole) == (20, 24)
    assert whole <= ended <= whole * EXTRAPOLATED
