"""The whole upstream side against the simulator, in all its moods: no flow lost, none made up."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from exporter.core.observations import (
    FlowEnded,
    FlowStarted,
    FollowingChanged,
    StreamEnded,
    StreamMessage,
    StreamOpened,
)
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.connection import Connection
from exporter.simulator.misbehaviour import MISBEHAVIOUR
from exporter.simulator.runner import Simulator
from exporter.upstream.clock import Clock
from exporter.upstream.discovery import Discovery
from exporter.upstream.health import SourceHealth
from exporter.upstream.idle import IdleLimit
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.roster import Roster
from tests.upstream.recorder import Recorder

FLOWS = 40
SCALE = 25.0


HURRY = 4 * SCALE
"""Waits shrink more than the simulator's time does, so that a reconnect meets the flow alive."""


async def hurried(seconds: float) -> None:
    await asyncio.sleep(seconds / HURRY)


CLOCK = Clock(sleep=hurried, monotonic=lambda: time.monotonic() * HURRY)


async def watch(scenarios: Mapping[str, float] | None) -> tuple[Recorder, Simulator]:
    sink, health, clock = Recorder(), SourceHealth(), CLOCK
    config = SimulatorConfig(
        connections=60,
        flows_per_minute=3000,
        max_flows=FLOWS,
        time_scale=SCALE,
        scenarios=scenarios,
        heartbeat_seconds=0.3,
        event_ids=True,
    )
    tasks: set[asyncio.Task[object]] = set()
    simulator = Simulator(config)
    async with asyncio.timeout(60):
        await simulator.start()
        key: Callable[[], str] = lambda: config.api_key  # noqa: E731 - a typed one-liner
        api = KernelApi(simulator.base_url, key, sink, clock=clock, health=health)
        idle = IdleLimit(floor_seconds=1.5, unlearnt_seconds=1.5)
        roster = Roster(api, sink, classify=lambda _: "other", clock=clock, idle=idle)
        discovery = Discovery(api, roster, sink, health=health, clock=clock)

        def announce(connection: Connection) -> None:
            tasks.add(asyncio.create_task(discovery.follow_now(connection.id)))

        simulator.world.on_started = announce
        polling = asyncio.create_task(discovery.run())
        await simulator.finished()
        while len(sink.of(FlowEnded)) < len(sink.of(FlowStarted)):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        polling.cancel()
        await roster.stop()
        await api.aclose()
        await simulator.stop()
    return sink, simulator


@pytest.mark.parametrize("scenarios", [None, dict.fromkeys(MISBEHAVIOUR, 1.0)], ids=["life", "bad"])
async def test_every_flow_is_counted_once_with_the_outcome_that_it_had(
    scenarios: Mapping[str, float] | None,
) -> None:
    sink, simulator = await watch(scenarios)
    seen = Counter(
        (str(each.outcome), each.flow.flow_type, each.flow.domain) for each in sink.of(FlowEnded)
    )
    assert seen == simulator.ledger.counts()
    assert len(sink.of(FlowStarted)) == len(simulator.ledger.flows) >= FLOWS
    opened = [each for each in sink.of(StreamEnded) if each.opened]
    assert len(opened) == len(sink.of(StreamOpened))
    assert sink.of(FollowingChanged)[-1].connections == 0
    assert {str(each.kind) for each in sink.of(StreamMessage)} >= {"state", "heartbeat"}
