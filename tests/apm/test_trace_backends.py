"""Spans that real trace backends got over OTLP and gave back equal the simulator's ledger.

Run by ``make test-apm``, which installs mlflow and names it in ``APM_MLFLOW``. Everyday runs leave
this folder out (``norecursedirs`` in pyproject.toml): a backend is most of a gigabyte.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from exporter import __version__
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.connection import Connection
from exporter.simulator.ledger import FlowRecord
from exporter.simulator.runner import Simulator
from exporter.simulator.scenarios import SCENARIOS
from tests.apm.backend import Backend, Stored, raw
from tests.apm.jaeger_server import Jaeger, jaeger
from tests.apm.mlflow_server import mlflow
from tests.otlp_receiver import values
from tests.support.process import STOP_SECONDS, Exporter, exporting, free_port
from tests.support.samples import total
from tests.support.secrets import API_KEY, SECRETS
from tests.support.trees import check_trees
from tests.support.whole_traces import by_trace, check_traces, linked

MLFLOW: Final = os.environ.get("APM_MLFLOW", "mlflow")
JAEGER: Final = os.environ.get("APM_JAEGER", "jaeger")
PLAYED: Final = (*SCENARIOS, *SCENARIOS, "illegal_skipped_step")
"""What well-behaved websites do, and for the searches one flow that does what none may do."""
RENEWALS: Final = ("reauth", "reauth_failed") * 3
"""REAUTH flows of connections that had a flow before: those that link to it."""
LONG: Final = ("superseded", "input_expired")
LONG_WAIT_NS: Final = 1_000_000_000
PATIENCE_SECONDS: Final = 5.0
"""A whole flow takes a second here, and its first step a tenth: a busy machine may miss that."""
ARRIVAL_SECONDS: Final = 0.06
SETTLED_SECONDS: Final = 15.0
SERVICE: Final = "login-watch"
RESOURCE: Final = {
    "service.name": SERVICE,
    "service.version": __version__,
    "deployment.environment.name": "staging",
}

pytestmark = pytest.mark.timeout(300)


async def play(simulator: Simulator) -> list[FlowRecord]:
    """All scenarios, the long ones first; then logins are renewed. Returns what happened."""
    connections = list(simulator.world.connections.values())
    names = sorted(PLAYED, key=lambda name: name not in LONG)
    assert len(connections) >= len(names), "each needs a connection without a flow before"
    await begin(simulator, list(zip(connections, names, strict=False)))
    await begin(simulator, list(zip(connections, RENEWALS, strict=False)))
    return simulator.ledger.ended()


async def begin(simulator: Simulator, flows: list[tuple[Connection, str]]) -> None:
    for connection, name in flows:
        simulator.world.start(connection, name)
        await asyncio.sleep(ARRIVAL_SECONDS)
    await simulator.finished()


async def fill(backend: Backend) -> list[FlowRecord]:
    """Let an exporter send all it sees of some flows to a backend; it ends when all is sent."""
    port = free_port()
    config = SimulatorConfig(
        connections=len(PLAYED),
        flows_per_minute=0,
        api_key=API_KEY,
        time_scale=20.0,
        notify_url=f"http://127.0.0.1:{port}/-/follow/{{id}}",
        patience_seconds=PATIENCE_SECONDS,
    )
    told = {key: value for key, value in RESOURCE.items() if key == "deployment.environment.name"}
    async with Simulator(config) as simulator:
        env = {
            **backend.env,
            "KERNEL_BASE_URL": simulator.base_url,
            "KERNEL_API_KEY": config.api_key,
            "OTEL_SERVICE_NAME": SERVICE,
            "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={told[key]}" for key in told),
        }
        async with exporting("--discovery.poll-interval=1h", env=env, port=port) as exporter:
            ledger = await play(simulator)
            await until_ended(exporter, len(ledger))
            stopped = await exporter.stop()
    assert (stopped.status, stopped.seconds < STOP_SECONDS) == (0, True), stopped.stderr
    assert "spans" not in stopped.stderr, f"some were not exported: {stopped.stderr}"
    return ledger


async def until_ended(exporter: Exporter, flows: int) -> None:
    """Wait until the last event has arrived."""
    async with asyncio.timeout(10):
        while True:
            if total(await exporter.metrics(), "flows_ended_total") >= flows:
                return
            await asyncio.sleep(0.1)


async def read_back(backend: Backend, ledger: list[FlowRecord]) -> Stored:
    """What a backend has once it has all of it: some answer the exporter before they store.

    Where that does not come to pass, what there is, so that the comparison says what is missing.
    """
    spans = len(ledger) + sum(len(flow.steps) for flow in ledger)
    stored = await backend.stored()
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_SECONDS):
            while len(stored.spans) < spans:
                await asyncio.sleep(0.5)
                stored = await backend.stored()
    return stored


def check(stored: Stored, ledger: list[FlowRecord]) -> None:
    """What a backend gave back is what happened, in full, and there was something to give back."""
    played = Counter(flow.scenario for flow in ledger)
    assert played >= Counter(PLAYED) + Counter(RENEWALS)
    assert len(stored.spans) == len(ledger) + sum(len(flow.steps) for flow in ledger)
    assert len(by_trace(stored.spans)) == len(stored.resources) == len(ledger)
    check_trees(stored.spans, ledger)
    odd = {flow.connection_id for flow in ledger if flow.illegal}
    assert odd
    check_traces(
        [span for span in stored.spans if connection_of(span) not in odd],
        [flow for flow in ledger if flow.connection_id not in odd],
    )
    assert linked(stored.spans) == len(RENEWALS)
    for resource in stored.resources:
        assert {key: resource.get(key) for key in RESOURCE} == RESOURCE


def connection_of(span: Span) -> str:
    return str(values(span.attributes)["managed_auth.connection.id"])


def check_secrets(kept: bytes, ledger: list[FlowRecord]) -> None:
    """No secret in the raw files. What has to be in there is: the search can find something."""
    for flow in ledger:
        assert flow.connection_id.encode() in kept
    assert b"[email]" in kept, "no text that had to be redacted got as far as here"
    for secret in SECRETS:
        assert secret.encode() not in kept, f"{secret} is in the backend's files"


class Search(NamedTuple):
    """What the search of Jaeger's web interface is asked for, and which flows it has to find."""

    asked: Mapping[str, str]
    wanted: Callable[[FlowRecord], bool]


def searches(flow: FlowRecord) -> dict[str, Search]:
    """The examples of docs/apm.md, for the domain and the connection of a flow that failed."""
    return {
        "failed logins on one domain": Search(
            tags({"managed_auth.flow.outcome": "failed", "server.address": flow.domain}),
            lambda each: (each.outcome, each.domain) == ("failed", flow.domain),
        ),
        "logins that waited for a human for long": Search(
            {"operation": "AWAITING_INPUT", "minDuration": f"{LONG_WAIT_NS}ns"},
            # In memory it is the span of that name that has to last; Badger takes any of its trace.
            lambda each: (
                "AWAITING_INPUT" in {visit.step for visit in each.steps}
                and (each.ended_ns or 0) - each.started_ns >= LONG_WAIT_NS
            ),
        ),
        "illegal transitions": Search(
            tags({"event": "managed_auth.illegal_transition"}), lambda each: bool(each.illegal)
        ),
        "illegal transitions of one kind": Search(
            tags({"managed_auth.transition.reason": "skipped_step"}),
            lambda each: "skipped_step" in each.illegal,
        ),
        "one connection's history": Search(
            tags({"managed_auth.connection.id": flow.connection_id}),
            lambda each: each.connection_id == flow.connection_id,
        ),
        "flows that failed or expired": Search(
            tags({"error": "true"}), lambda each: each.outcome in ("failed", "expired")
        ),
    }


def tags(wanted: Mapping[str, str]) -> dict[str, str]:
    return {"tags": json.dumps(wanted)}


async def check_searches(backend: Jaeger, stored: Stored, ledger: list[FlowRecord]) -> None:
    """Each search finds the flows that it should, and there are some; but not all."""
    trace_ids = {
        (connection_of(root), root.start_time_unix_nano): root.trace_id.hex()
        for root in stored.spans
        if not root.parent_span_id
    }
    failed = next(flow for flow in ledger if (flow.outcome, flow.flow_type) == ("failed", "LOGIN"))
    for name, search in searches(failed).items():
        wanted = {
            trace_ids[flow.connection_id, flow.started_ns] for flow in ledger if search.wanted(flow)
        }
        assert 0 < len(wanted) < len(ledger), name
        assert await backend.search(**search.asked) == wanted, name


@pytest.mark.real(MLFLOW)
async def test_mlflow_has_every_flow_as_it_happened_and_no_secret(tmp_path: Path) -> None:
    async with mlflow(MLFLOW, tmp_path) as backend:
        assert await backend.stored() == Stored([], [])
        ledger = await fill(backend)
        stored = await read_back(backend, ledger)
        kept = raw(tmp_path)
    check(stored, ledger)
    check_secrets(kept, ledger)


@pytest.mark.real(JAEGER)
async def test_jaeger_has_every_flow_as_it_happened_and_no_secret(tmp_path: Path) -> None:
    async with jaeger(JAEGER, tmp_path, SERVICE) as backend:
        assert await backend.stored() == Stored([], [])
        ledger = await fill(backend)
        stored = await read_back(backend, ledger)
        kept = raw(tmp_path)
        await check_searches(backend, stored, ledger)
    check(stored, ledger)
    assert {span.kind for span in stored.spans} == {Span.SPAN_KIND_INTERNAL}
    check_secrets(kept, ledger)
