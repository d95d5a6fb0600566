"""The exporter as a process against a simulator that breaks the API's promises on purpose."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.connection import Connection
from exporter.simulator.ledger import FlowRecord, StepVisit
from exporter.simulator.misbehaviour import MALFORMED_MESSAGES, MISBEHAVIOUR
from exporter.simulator.prompts import SECRET_MARK
from exporter.simulator.runner import Simulator
from exporter.simulator.scenarios import SCENARIOS
from tests.otlp_receiver import Received, http_receiver, values
from tests.support.process import STOP_SECONDS, Exporter, exporting, free_port
from tests.support.samples import Samples, counted, total

API_KEY: Final = f"sk-{SECRET_MARK}-key"
SECRETS: Final = (
    *(SECRET_MARK, "@mail.example", "jane", "handoff", "90817263", "5550123499881"),
    *("login.simulator.example", "live.simulator.example", "eyJhbGciOiJIUzI1NiJ9"),
)
CUTS: Final = ("cut_stream", "cut_mid_event")
LONG: Final = ("silent", "superseded", "input_expired")
TOLERANCE_NS: Final = 50_000_000
MIB: Final = 1024 * 1024


@dataclass
class Show:
    """An exporter that follows a simulator, and where its spans go."""

    simulator: Simulator
    exporter: Exporter
    received: Received
    seen: list[str] = field(default_factory=list)
    scrapes: int = 0
    connections: Iterator[Connection] = field(init=False)

    def __post_init__(self) -> None:
        self.connections = iter(list(self.simulator.world.connections.values()))

    async def play(self, scenarios: Iterable[str], pause_seconds: float = 0.02) -> list[FlowRecord]:
        """Begin a flow of each scenario, wait until all have ended; returns what happened.

        Each has a connection of its own: where a stream breaks, and the next flow has begun before
        it is back, nobody can tell any more how the one before ended.
        """
        world = self.simulator.world
        for name in scenarios:
            world.start(next(self.connections), name)
            await asyncio.sleep(pause_seconds)
        await self.simulator.finished()
        return self.simulator.ledger.ended()

    async def until_ended(self, flows: int, within_seconds: float = 15.0) -> Samples:
        """The metrics once so many flows have ended."""
        async with asyncio.timeout(within_seconds):
            while True:
                samples = await self.scrape()
                if total(samples, "flows_ended_total") >= flows:
                    return samples
                await asyncio.sleep(0.05)

    async def scrape(self) -> Samples:
        """The metrics; at each scrape, flows that started have ended or are in progress."""
        samples = await self.exporter.metrics()
        started, ended, open_now = (
            total(samples, name)
            for name in ("flows_started_total", "flows_ended_total", "flows_in_progress")
        )
        assert started == ended + open_now, f"scrape {self.scrapes}"
        self.scrapes += 1
        return samples

    @asynccontextmanager
    async def being_looked_at(self) -> AsyncIterator[None]:
        """Scrape and read all the while; what fails there fails here."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        while True:
            await self.scrape()
            for path in ("/", "/api/v1/flows", "/metrics", "/-/ready"):
                self.seen.append((await self.exporter.client.get(path)).text)
            await asyncio.sleep(0.1)


@asynccontextmanager
async def showing(config: SimulatorConfig, *arguments: str, notify: bool) -> AsyncIterator[Show]:
    port = free_port()
    with http_receiver() as received:
        async with Simulator(config) as simulator:
            if notify:
                simulator.notify_url = f"http://127.0.0.1:{port}/-/follow/{{id}}"
            env = {
                "KERNEL_BASE_URL": simulator.base_url,
                "KERNEL_API_KEY": config.api_key,
                "OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint,
            }
            async with exporting(*arguments, env=env, port=port) as exporter:
                yield Show(simulator, exporter, received)


def told(**knobs: float | bool) -> SimulatorConfig:
    return SimulatorConfig(connections=100, flows_per_minute=0, api_key=API_KEY, **knobs)  # type: ignore[arg-type]


async def test_no_misbehaviour_falsifies_an_outcome_leaks_or_goes_uncounted() -> None:
    bad = [name for name in MISBEHAVIOUR if name != "flaky_connect"]
    names = sorted([*bad, *bad, *SCENARIOS, *SCENARIOS], key=lambda name: name not in LONG)
    config = told(time_scale=20.0, heartbeat_seconds=0.5, patience_seconds=5.0)
    hourly = "--discovery.poll-interval=1h"
    async with showing(config, hourly, "--log.level=debug", notify=True) as show:
        async with show.being_looked_at():
            ledger = await show.play(names)
            samples = await show.until_ended(len(ledger))
        stopped = await show.exporter.stop()
    assert (stopped.status, stopped.seconds < STOP_SECONDS) == (0, True), stopped.stderr
    assert len(ledger) >= 60
    check_counts(samples, ledger)
    assert show.scrapes >= 5
    spans = [str(request.message) for request in show.received.requests]
    assert len({span.trace_id for span in show.received.spans}) == len(ledger)
    for secret in SECRETS:
        assert not any(secret in text for text in (*show.seen, *spans, stopped.stderr)), secret


def check_counts(samples: Samples, ledger: list[FlowRecord]) -> None:
    played = Counter(flow.scenario for flow in ledger)
    cuts = sum(played[name] for name in CUTS)
    assert counted(samples, "flows_ended_total", "outcome", "flow_type", "domain") == Counter(
        (str(flow.outcome), flow.flow_type, flow.domain) for flow in ledger
    )
    assert counted(samples, "illegal_transitions_total", "reason") == Counter(
        (reason,) for flow in ledger for reason in flow.illegal
    )
    assert counted(samples, "gaps_total", "cause") == {("reconnect",): cuts}
    ends = counted(samples, "stream_ends_total", "reason")
    assert ends == {("terminal",): ends["terminal",], ("network",): cuts}
    events = counted(samples, "stream_events_total", "event")
    assert events["malformed",] == len(MALFORMED_MESSAGES) * played["malformed"]
    assert events["oversized",] == played["oversized"]
    assert events["unknown",] == played["unknown_event"]
    assert events["error",] == played["error_event"]
    assert events["heartbeat",] > 0


async def test_oversized_messages_leave_no_memory_behind() -> None:
    config = told(time_scale=200.0, patience_seconds=5.0)
    async with showing(config, "--discovery.poll-interval=1h", notify=True) as show:
        ledger = await show.play(["oversized"] * 8)
        before = await show.until_ended(len(ledger))
        ledger = await show.play(["oversized"] * 24)
        after = await show.until_ended(len(ledger))
        assert counted(after, "stream_events_total", "event")["oversized",] == 32
    grown = memory(after) - memory(before)
    assert grown < 8 * MIB, f"{grown / MIB:.1f} MiB after 24 messages of 1.2 MB each"


def memory(samples: Samples) -> float:
    return samples["process_resident_memory_bytes", frozenset()]


async def test_flows_that_polls_find_count_once_and_give_no_made_up_durations() -> None:
    # A flow is seen when it outlasts the time between two polls, which is 1.1 s at most.
    lasting = [
        *("push_approval", "push_fallback", "sso", "account_picker", "password_login"),
        *("wrong_password_then_right", "captcha", "cut_stream", "cut_mid_event"),
    ]
    config = told(time_scale=6.0, restamp_snapshots=True)
    async with showing(config, "--discovery.poll-interval=1s", notify=False) as show:
        async with show.being_looked_at():
            ledger = await show.play(lasting * 2, pause_seconds=0.05)
            samples = await show.until_ended(len(ledger))
        await show.exporter.stop()
    assert counted(samples, "flows_started_total", "entry", "flow_type", "domain") == Counter(
        ("joined_late", flow.flow_type, flow.domain) for flow in ledger
    )
    assert counted(samples, "flows_ended_total", "outcome", "flow_type", "domain") == Counter(
        (str(flow.outcome), flow.flow_type, flow.domain) for flow in ledger
    )
    assert total(samples, "illegal_transitions_total") == 0
    check_durations(samples, show.received.spans, ledger)


def check_durations(samples: Samples, spans: list[Span], ledger: list[FlowRecord]) -> None:
    """Every visit that counts as measured is one that happened, with the duration that it had."""
    visits: dict[str, list[StepVisit]] = {}
    for flow in ledger:
        visits.setdefault(flow.connection_id, []).extend(flow.steps)
    measured = 0
    for span in spans:
        attributes = values(span.attributes)
        if not span.parent_span_id or attributes["managed_auth.incomplete"]:
            continue
        measured += 1
        duration_ns = span.end_time_unix_nano - span.start_time_unix_nano
        assert any(
            visit.step == span.name
            and abs(visit.entered_ns - span.start_time_unix_nano) <= TOLERANCE_NS
            and abs((visit.left_ns or 0) - visit.entered_ns - duration_ns) <= TOLERANCE_NS
            for visit in visits[str(attributes["managed_auth.connection.id"])]
        ), f"a {span.name} of {duration_ns / 1e9} s was made up"
    assert measured == total(samples, "step_duration_seconds_count") >= len(ledger)


async def test_a_flow_whose_stream_is_refused_counts_all_the_same() -> None:
    config = told(time_scale=4.0)
    async with showing(config, "--discovery.poll-interval=1s", notify=False) as show:
        ledger = await show.play(["flaky_connect"])
        samples = await show.until_ended(len(ledger))
    refused = counted(samples, "stream_ends_total", "reason")
    assert refused["http_5xx",] == 1
    assert counted(samples, "flows_ended_total", "outcome") == {("success",): 1}
