"""The exporter as a process against the simulator: everything it says equals what happened."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from random import Random
from typing import Final

import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.ledger import FlowRecord
from exporter.simulator.runner import Simulator
from exporter.simulator.scenarios import SCENARIOS
from exporter.website_error_rules import load_classifier
from tests.otlp_receiver import http_receiver
from tests.support.process import STOP_SECONDS, Exporter, exporting, free_port
from tests.support.samples import Samples, counted, total
from tests.support.whole_traces import check_traces

FLOWS: Final = 200
TIME_SCALE: Final = 20.0
ARRIVAL_SECONDS: Final = 0.06
PATIENCE_SECONDS: Final = 5.0
"""A whole flow takes a second here, and its first step a tenth: a busy machine may miss that."""


async def play(simulator: Simulator) -> None:
    """Begin 200 flows, every scenario in turn, the long ones first; wait until all have ended."""
    names = sorted(SCENARIOS, key=lambda name: name not in ("superseded", "input_expired"))
    dice = Random(7)
    world = simulator.world
    for number in range(FLOWS):
        name = names[number % len(names)]
        connection = world.pick(name)
        assert connection is not None, "all connections are busy: there are too few of them"
        world.start(connection, name)
        await asyncio.sleep(ARRIVAL_SECONDS * (0.5 + dice.random()))
    await simulator.finished()


@pytest.mark.timeout(180)
async def test_metrics_and_traces_of_200_flows_equal_the_simulators_ledger() -> None:
    port = free_port()
    config = SimulatorConfig(
        connections=150,
        domains=10,
        flows_per_minute=0,
        time_scale=TIME_SCALE,
        notify_url=f"http://127.0.0.1:{port}/-/follow/{{id}}",
        patience_seconds=PATIENCE_SECONDS,
    )
    with http_receiver() as received:
        async with Simulator(config) as simulator:
            env = {
                "KERNEL_BASE_URL": simulator.base_url,
                "KERNEL_API_KEY": config.api_key,
                "OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint,
                "OTEL_BSP_SCHEDULE_DELAY": "500",
            }
            async with exporting("--discovery.poll-interval=1h", env=env, port=port) as exporter:
                await play(simulator)
                ledger = simulator.ledger.ended()
                samples = await settled(exporter, len(ledger))
                stopped = await exporter.stop()
    assert (stopped.status, stopped.seconds < STOP_SECONDS) == (0, True), stopped.stderr
    assert len(ledger) >= FLOWS
    check_metrics(samples, ledger)
    check_traces(received.spans, ledger)
    assert config.api_key not in stopped.stderr


async def settled(exporter: Exporter, flows: int) -> Samples:
    """The metrics once the last event has arrived."""
    async with asyncio.timeout(10):
        while True:
            samples = await exporter.metrics()
            if total(samples, "flows_ended_total") >= flows:
                return samples
            await asyncio.sleep(0.1)


def happened(
    ledger: Iterable[FlowRecord], facts: Callable[[FlowRecord], Iterable[tuple[str, ...]]]
) -> Counter[tuple[str, ...]]:
    return Counter(fact for flow in ledger for fact in facts(flow))


def check_metrics(samples: Samples, ledger: list[FlowRecord]) -> None:
    classify = load_classifier()
    assert counted(samples, "flows_started_total", "entry", "flow_type", "domain") == happened(
        ledger, lambda flow: [("discovering", flow.flow_type, flow.domain)]
    )
    assert counted(
        samples, "flows_ended_total", "outcome", "flow_type", "domain", "observed"
    ) == happened(ledger, lambda f: [(str(f.outcome), f.flow_type, f.domain, "stream")])
    assert counted(samples, "step_duration_seconds_count", "step", "flow_type", "next") == happened(
        ledger,
        lambda flow: [(s.step, flow.flow_type, s.next) for s in flow.steps if s.next is not None],
    )
    assert counted(samples, "website_errors_total", "category", "step", "domain") == happened(
        ledger,
        lambda flow: [(classify(e.text), e.step, flow.domain) for e in flow.website_errors],
    )
    assert counted(samples, "input_requests_total", "kind", "retry") == happened(
        ledger, lambda flow: [(r.kind, str(r.retry).lower()) for r in flow.input_requests]
    )
    assert counted(samples, "flow_failures_total", "error_code", "flow_type") == happened(
        [flow for flow in ledger if flow.outcome in ("failed", "expired")],
        lambda flow: [(flow.error_code or "none", flow.flow_type)],
    )
    whole = [flow for flow in ledger if flow.outcome != "superseded"]
    assert counted(samples, "flow_duration_seconds_count", "outcome", "flow_type") == happened(
        whole, lambda flow: [(str(flow.outcome), flow.flow_type)]
    )
    for name in ("illegal_transitions_total", "gaps_total", "flows_in_progress"):
        assert total(samples, name) == 0, name
