"""A real Prometheus with our rules, over real flows: every query of every panel has an answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Final

import pytest

from dashboards.alerting import recording
from dashboards.boards.queries import Asked, queries
from dashboards.settings import Settings
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator
from exporter.sinks.metrics import FAMILIES
from tests.otlp_receiver import Received, http_receiver
from tests.support.grafana import boards, fill
from tests.support.process import exporting, free_port
from tests.support.prometheus import Prometheus, scraping, write_rules

SPEED: Final = 60.0
"""An hour of the rules is a minute here; so fast are the simulated people as well."""
PATIENCE_SECONDS: Final = 75.0
RANGE_SECONDS: Final = 60.0
FIRST_LIFE_SECONDS: Final = 8.0
MARKED: Final = ("illegal_skipped_step", "illegal_after_terminal")
TRUE_ALARMS: Final = {"ManagedAuthConnectionsNeedLogin"}
"""What is worth telling of the simulated logins: a few need a person."""
SETTINGS: Final = Settings(speed=SPEED)
VARIABLES: Final = {
    "__rate_interval": "5s",
    "__rate_interval_ms": "5000",
    "__range": "60s",
    "__interval": "1s",
}


@dataclass
class Scene:
    """A Prometheus that has scraped real flows for a while, and the spans of the same flows."""

    prometheus: Prometheus
    received: Received
    since: float


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    port = free_port()
    config = SimulatorConfig(
        connections=120,
        domains=6,
        flows_per_minute=600,
        health_checks_per_minute=120,
        time_scale=20.0,
        notify_url=f"http://127.0.0.1:{port}/-/follow/{{id}}",
    )
    rules = write_rules(SETTINGS, folder)
    with http_receiver() as received:
        async with Simulator(config) as simulator:
            env = {
                "KERNEL_BASE_URL": simulator.base_url,
                "KERNEL_API_KEY": config.api_key,
                "OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint,
                "OTEL_BSP_SCHEDULE_DELAY": "500",
            }
            arguments = (
                f"--data-dir={folder / 'journal'}",
                "--discovery.poll-interval=2s",
                "--timeline.interval=5s",
            )
            began = time.time()
            async with scraping(port, folder, interval="500ms", rules=rules) as prometheus:
                # What annotations mark: something illegal, and a restart.
                async with exporting(*arguments, env=env, port=port) as first:
                    # Prometheus sees no increase in a series that begins with it.
                    await prometheus.until("managed_auth_exporter_build_info")
                    for name in MARKED:
                        connection = simulator.world.pick(name)
                        assert connection is not None
                        simulator.world.start(connection, name)
                    await asyncio.sleep(FIRST_LIFE_SECONDS)
                    await first.stop()
                async with exporting(*arguments, env=env, port=port):
                    yield Scene(prometheus, received, began)


async def unanswered(prometheus: Prometheus, asked: list[Asked]) -> list[Asked]:
    """The queries that have no data; a NaN anywhere fails at once."""
    missing = []
    for query in asked:
        expression = fill(query.expr, VARIABLES)
        points = (
            await prometheus.query(expression)
            if query.instant
            else await prometheus.range(expression, RANGE_SECONDS)
        )
        assert not any(isnan(value) for _, value in points), f"NaN: {query}"
        if not points:
            missing.append(query)
    return missing


async def series_of_rules(prometheus: Prometheus) -> set[str]:
    found = await prometheus.query('count by (__name__) ({__name__=~"job_.*:.*"})')
    return {labels["__name__"] for labels, _ in found}


@pytest.mark.real("prometheus")
@pytest.mark.timeout(240)
async def test_every_panel_and_rule_has_data_and_exemplars_open_traces(tmp_path: Path) -> None:
    asked = [query for board in boards().values() for query in queries(board)]
    recorded = {rule.record for group in recording.groups(SETTINGS) for rule in group.rules}
    assert len(asked) > 60
    async with scene(tmp_path) as at:
        silent, deadline = asked, time.monotonic() + PATIENCE_SECONDS
        while silent and time.monotonic() < deadline:
            await asyncio.sleep(2)
            silent = await unanswered(at.prometheus, silent)
        assert not silent, "\n".join(f"no data: {query}" for query in silent)
        assert await series_of_rules(at.prometheus) == recorded
        rules = await at.prometheus.rules()
        assert len(rules) > len(recorded)
        errors = {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"}
        assert not errors
        firing = await at.prometheus.query('ALERTS{alertstate="firing"}')
        assert {labels["alertname"] for labels, _ in firing} <= TRUE_ALARMS, firing
        told = await exemplars(at)
        await asyncio.sleep(1)  # the export's delay
        traces = {span.trace_id.hex() for span in at.received.spans}
    for family, ids in told.items():
        assert ids, f"{family} has no exemplar"
        assert ids <= traces, f"{family}: {len(ids - traces)} of {len(ids)} open no trace"


async def exemplars(at: Scene) -> dict[str, set[str]]:
    """The trace ids that Prometheus has of each family that carries them, without the newest.

    The spans of the newest may be on their way still.
    """
    told = {}
    for family in FAMILIES:
        if family.exemplar:
            name = f"{family.name}_bucket" if family.buckets else family.name
            labels = await at.prometheus.exemplars(name, since=at.since)
            told[family.name] = {each["trace_id"] for each in labels}
    return told
