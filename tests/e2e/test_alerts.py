"""The whole loop of an alert: logins go wrong, a real Alertmanager tells somebody, they heal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from dashboards.settings import Settings
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator
from tests.support.alertmanager import Notified, alerting, webhook
from tests.support.process import exporting, free_port
from tests.support.prometheus import scraping, write_rules

SPEED: Final = 30.0
"""An hour of the rules is two minutes here."""
FLOWS: Final = 8
DELIVERY_SECONDS: Final = 45.0
FOLLOWING: Final = {"ManagedAuthErrorBudgetBurnFast", "ManagedAuthConnectionsNeedLogin"}
"""What may come of it: the budget burns, and connections are left that need a person."""

pytestmark = [pytest.mark.real("prometheus"), pytest.mark.real("prometheus-alertmanager")]


class Loop:
    """Logins on one side, notifications on the other."""

    def __init__(self, simulator: Simulator, notified: Notified) -> None:
        self.notified = notified
        self._simulator = simulator
        self.domain, self.other = sorted({c.domain for c in simulator.world.population})[:2]

    async def play(self, scenario: str, domain: str) -> None:
        """Let some logins of that domain go the same way, one after the other."""
        world = self._simulator.world
        there = [each for each in world.population if each.domain == domain]
        for number in range(FLOWS):
            world.start(there[number % len(there)], scenario)
            await self._simulator.finished()

    async def told(self, status: str, **labels: str) -> dict[str, Any]:
        """The first notification of that kind; waits for it."""
        async with asyncio.timeout(DELIVERY_SECONDS):
            while not (found := self.notified.find(status, **labels)):  # noqa: ASYNC110 - polls
                await asyncio.sleep(0.2)
        return found[0]


@asynccontextmanager
async def loop(folder: Path) -> AsyncIterator[Loop]:
    port = free_port()
    config = SimulatorConfig(
        connections=12,
        domains=3,
        flows_per_minute=0,
        time_scale=60.0,
        notify_url=f"http://127.0.0.1:{port}/-/follow/{{id}}",
        patience_seconds=5.0,
    )
    rules = write_rules(Settings(speed=SPEED), folder)
    with webhook() as notified:
        async with Simulator(config) as simulator, alerting(notified, folder) as alertmanager:
            env = {"KERNEL_BASE_URL": simulator.base_url, "KERNEL_API_KEY": config.api_key}
            arguments = (f"--data-dir={folder / 'journal'}", "--timeline.interval=5s")
            async with (
                exporting(*arguments, env=env, port=port),
                scraping(
                    port, folder, interval="500ms", rules=rules, alertmanager=alertmanager
                ) as prometheus,
            ):
                await prometheus.until("managed_auth_exporter_ready > 0")
                yield Loop(simulator, notified)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("alert", "scenario"),
    [
        ("ManagedAuthDomainFailing", "bot_detection"),
        ("ManagedAuthLoginsExpiring", "input_expired"),
    ],
)
async def test_who_is_on_call_is_told_of_a_domain_and_when_it_has_healed(
    alert: str, scenario: str, tmp_path: Path
) -> None:
    async with loop(tmp_path) as at:
        await at.play("quick_login", at.other)
        await at.play(scenario, at.domain)
        fired = await at.told("firing", alertname=alert)
        assert not at.notified.find("resolved", alertname=alert)
        for _ in range(4):
            await at.play("quick_login", at.domain)
        healed = await at.told("resolved", alertname=alert)
        every = list(at.notified.alerts)
    expected = {"alertname": alert, "domain": at.domain, "job": "exporter", "severity": "warning"}
    assert fired["labels"] == healed["labels"] == expected
    assert at.domain in fired["annotations"]["summary"]
    assert fired["annotations"]["runbook_url"].endswith(f"#{alert.lower()}")
    assert {each["labels"].get("domain") for each in every} <= {at.domain, None}
    # Nothing else is wrong, so nothing else is told of.
    assert {each["labels"]["alertname"] for each in every} - FOLLOWING == {alert}
    for each in every:
        texts = " ".join(each["annotations"].values())
        assert not any(word in texts for word in ("<error", "<no value>", "NaN", "{{")), texts
