"""A web server over real sockets, with views that a test can set."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx
import pytest

from exporter.core import observations as obs
from exporter.sinks.live import LiveView
from exporter.web import (
    Condition,
    FollowResult,
    Readiness,
    Views,
    WebServer,
    bind,
    create_app,
)

METRICS = b"# TYPE up gauge\nup 1\n"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


WORKING = Readiness(
    source=Condition(ready=True, reason="polled 3 s ago"),
    sink=Condition(ready=True, reason="4 sinks, no error"),
)


@dataclass
class Stage:
    """What the server shows; a test changes it as it likes."""

    live: LiveView = field(default_factory=LiveView)
    readiness: Readiness = WORKING
    metrics: Callable[[], bytes] = lambda: METRICS
    accepts: list[str] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    follow_result: FollowResult = FollowResult.ACCEPTED
    follow_asked: asyncio.Event = field(default_factory=asyncio.Event)
    follow_waits_for: asyncio.Event | None = None
    now_seconds: float = 1000.0
    telemetry_path: str = "/metrics"

    def render(self, accept: str) -> tuple[bytes, str]:
        self.accepts.append(accept)
        return self.metrics(), CONTENT_TYPE

    async def follow(self, connection_id: str) -> FollowResult:
        self.followed.append(connection_id)
        self.follow_asked.set()
        if self.follow_waits_for is not None:
            await self.follow_waits_for.wait()
        return self.follow_result

    def server(self) -> WebServer:
        views = Views(
            render=self.render,
            readiness=lambda: self.readiness,
            snapshot=self.live.snapshot,
            follow=self.follow,
            now_seconds=lambda: self.now_seconds,
        )
        app = create_app(views, version="1.2.3", telemetry_path=self.telemetry_path)
        return WebServer(app, [bind("127.0.0.1", 0, option="--web.listen-address")])

    def run_flows(self) -> None:
        """One flow of each sort that the page has to show."""
        second = 1_000_000_000
        for number, (step, outcome, code) in enumerate(
            [
                ("AWAITING_INPUT", None, None),
                ("DISCOVERING", None, None),
                ("SUBMITTING", obs.Outcome.SUCCESS, None),
                ("SUBMITTING", obs.Outcome.FAILED, "credentials_invalid"),
                ("AWAITING_INPUT", obs.Outcome.EXPIRED, None),
            ]
        ):
            ref = obs.FlowRef(
                f"conn_{number:04}", f"bank{number}.example", "work", "LOGIN", 940 * second, number
            )
            self.live.observe(obs.FlowStarted(ref, obs.Entry.DISCOVERING))
            self.live.observe(obs.StepEntered(ref, step, (960 + number) * second))
            if number in {0, 3}:
                error = obs.WebsiteError(0, "wrong_credentials", "Incorrect <b>password</b>")
                self.live.observe(obs.FactNoted(ref.domain, ref, step, error))
            if outcome is not None:
                self.live.observe(
                    obs.FlowEnded(
                        flow=ref,
                        outcome=outcome,
                        observed=obs.Observed.STREAM,
                        last_step=step,
                        started_ns=ref.started_ns,
                        ended_ns=(980 + number) * second,
                        error_code=code,
                        error_message=None,
                        incomplete=False,
                        duration_ns=(40 + number) * second,
                        waiting_ns=None,
                        working_ns=None,
                        facts=(),
                    )
                )


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server over ``stage``."""
    server = stage.server()
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.urls[0], trust_env=False) as one:
            yield one
    finally:
        await server.stop()
