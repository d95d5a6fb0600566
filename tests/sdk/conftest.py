"""The official SDKs' upstream: a simulator on loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator
from tests.support.npm import installed

JS = Path(__file__).parent / "js"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A population of 45, so that listing takes several pages; nothing begins by itself."""
    config = SimulatorConfig(
        connections=45, flows_per_minute=0, health_checks_per_minute=0, time_scale=100.0
    )
    async with Simulator(config) as running:
        yield running


@pytest.fixture(scope="session")
def js_judge() -> list[str]:
    """The command that runs the judge in JavaScript, with the npm SDK installed beside it."""
    node, cache = installed(JS, "@onkernel/sdk")
    return [node, str(cache / "judge.mjs")]
