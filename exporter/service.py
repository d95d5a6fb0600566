"""The composition root: builds the service, wires it, starts it, stops it.

The only file that knows concrete classes of every room.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from exporter import __version__
from exporter.core.observations import Sink
from exporter.parts import api_of, key_of, store_of, take_up, traces_of_environment
from exporter.settings import Settings
from exporter.sinks.fanout import FanOut
from exporter.sinks.live import LiveView
from exporter.sinks.metrics import (
    Renderer,
    build_metrics,
    register_readiness,
    register_sink_accounts,
    register_stalls,
)
from exporter.sinks.traces import TracesSink
from exporter.stalls import watch_stalls
from exporter.stores.journal import Journal
from exporter.upstream.budget import Budget
from exporter.upstream.discovery import Discovery, FollowNow
from exporter.upstream.health import SourceHealth
from exporter.upstream.roster import Roster
from exporter.upstream.timeline import Timeline
from exporter.web import Condition, FollowResult, Readiness, Views, WebServer, bind, create_app
from exporter.website_error_rules import load_classifier

FLUSH_SECONDS: Final = 2.0
"""Time for the last spans: whoever stops the service with SIGTERM waits 5 s for all of it."""

_LISTEN: Final = "--web.listen-address"

_FOLLOW_RESULTS: Final = {
    FollowNow.FOLLOWING: FollowResult.ACCEPTED,
    FollowNow.NOT_FOUND: FollowResult.UNKNOWN_CONNECTION,
    FollowNow.NO_ROOM: FollowResult.NO_ROOM,
    FollowNow.UNAVAILABLE: FollowResult.UPSTREAM_UNAVAILABLE,
}

_log = structlog.get_logger()


class Service:
    """Follows connections and serves what it sees.

    Everything that a user can get wrong is found on construction, before any connection is made.

    Raises:
        UserError: an option, a file, an ``OTEL_*`` variable or an address cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        classify = load_classifier(settings.metrics.website_error_rules_file)
        key = key_of(settings.kernel)
        with ExitStack() as mistaken:
            store = store_of(settings.journal.data_dir)
            if store:
                mistaken.callback(store.close)
            sockets = [
                mistaken.enter_context(bind(address.host, address.port, option=_LISTEN))
                for address in settings.web.listen_addresses
            ]
            self.traces = traces_of_environment()
            if self.traces:
                mistaken.callback(self.traces.shutdown, FLUSH_SECONDS)
            self.live = LiveView()
            self.health = SourceHealth()
            self._registry = CollectorRegistry()
            self._fanout = self._sinks()
            size = settings.kernel.api_budget
            budget = Budget(size.share, size.per_minute)
            self._api = api_of(
                settings.kernel, key, self._fanout, health=self.health, budget=budget
            )
            self._journal = Journal(store, self._fanout, spans=self.traces) if store else None
            self._roster = self._follow_with(classify)
            take_up(self._journal, self._roster, settings.journal, time.time_ns())
            mistaken.pop_all()
        self._timeline = Timeline(
            self._api,
            self._roster,
            self._fanout,
            interval_seconds=settings.following.timeline_interval_seconds,
        )
        self._discovery = self._discover()
        register_readiness(self._registry, self._sides)
        self._stalled = register_stalls(self._registry)
        self._web = WebServer(self._app(), sockets)
        self._tasks: list[asyncio.Task[None]] = []

    def _sinks(self) -> FanOut:
        options, traces = self._settings.metrics, self.traces
        metrics = build_metrics(
            self._registry,
            version=__version__,
            max_domains=options.max_domains,
            domain_label=options.domain_label,
            span_counts=(lambda: traces.counts) if traces else None,
        )
        sinks: dict[str, Sink] = {"metrics": metrics, "live": self.live}
        if traces:
            sinks["traces"] = traces
        fanout = FanOut(sinks)
        register_sink_accounts(self._registry, fanout.accounts)
        return fanout

    def _follow_with(self, classify: Callable[[str], str]) -> Roster:
        return Roster(
            self._api,
            self._journal or self._fanout,
            classify=classify,
            keeper=self._journal,
        )

    def _discover(self) -> Discovery:
        following = self._settings.following
        return Discovery(
            self._api,
            self._roster,
            self._fanout,
            health=self.health,
            timeline=self._timeline,
            connection_ids=following.connection_ids,
            domain=following.domain,
            profile_name=following.profile_name,
            poll_interval_seconds=following.poll_interval_seconds,
        )

    @property
    def urls(self) -> tuple[str, ...]:
        """Where the status page is served."""
        return self._web.urls

    async def start(self) -> None:
        """Serve, and begin to follow; what an earlier process followed goes first."""
        if self._journal:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._journal.flush(), FLUSH_SECONDS)
            self._run(self._journal.run(), "journal")
        self._roster.follow_open()
        await self._web.start()
        self._run(self._discovery.run(), "discovery")
        self._run(self._timeline.run(), "timeline")
        self._run(watch_stalls(self._stalled), "stalls")
        _log.info("serving", urls=" ".join(self.urls), version=__version__)
        if self.traces is None:
            _log.info("traces are off", mend="set OTEL_EXPORTER_OTLP_ENDPOINT")
        if self._journal is None:
            _log.info("what is counted is kept in memory only", mend="set --data-dir")

    async def stop(self) -> None:
        """Close every stream, answer the last requests, write and export what is left.

        Within 5 s, unless the disk of the journal hangs.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(self._discovery.stop(), self._roster.stop(), self._web.stop())
        await self._api.aclose()
        if self._journal:
            await self._journal.stop()
        lost = await self._flush_traces(self.traces) if self.traces else 0
        if self._journal:
            await self._journal.close(spans_lost=lost > 0)
        _log.info("stopped")

    async def _flush_traces(self, traces: TracesSink) -> int:
        """Export the last spans; returns how many could not be."""
        dropped = traces.counts.dropped
        await asyncio.to_thread(traces.shutdown, FLUSH_SECONDS)
        lost = traces.counts.dropped - dropped
        if lost:
            kept = "kept for the next start" if self._journal else "dropped"
            _log.warning("spans could not be exported", spans=lost, they_are=kept)
        return lost

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def readiness(self) -> Readiness:
        """Whether flows can be followed, and told of."""
        source = self.health.status(
            time.time_ns(), poll_interval_seconds=self._discovery.paced_interval_seconds
        )
        failing = self._fanout.failing()
        problems = [f"failing: {', '.join(failing)}"] if failing else []
        if self._journal and self._journal.problem:
            problems.append(f"the journal cannot be written: {self._journal.problem}")
        return Readiness(
            source=Condition(source.ready, source.reason),
            sink=Condition(not problems, "; ".join(problems) or "observations are taken"),
        )

    def _sides(self) -> dict[str, bool]:
        readiness = self.readiness()
        return {"source": readiness.source.ready, "sink": readiness.sink.ready}

    async def _follow(self, connection_id: str) -> FollowResult:
        return _FOLLOW_RESULTS[await self._discovery.follow_now(connection_id)]

    def _app(self) -> ASGIApp:
        views = Views(
            render=Renderer(self._registry).render,
            readiness=self.readiness,
            snapshot=self.live.snapshot,
            follow=self._follow,
            now_seconds=time.time,
        )
        path = self._settings.web.telemetry_path
        return create_app(views, version=__version__, telemetry_path=path)
