"""The composition root: builds the service, wires it, starts it, stops it.

The only file that knows concrete classes of every room.
"""

import asyncio
import time
from contextlib import ExitStack, suppress
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from exporter import __version__
from exporter.core.observations import Sink
from exporter.errors import UserError
from exporter.settings import KernelSettings, Settings
from exporter.sinks.fanout import FanOut
from exporter.sinks.live import LiveView
from exporter.sinks.metrics import build_metrics, register_sink_accounts, render
from exporter.sinks.traces import TracesSink, sink_from_environment
from exporter.upstream.discovery import Discovery, FollowNow
from exporter.upstream.health import SourceHealth
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.key import ApiKey, ApiKeyFile
from exporter.upstream.roster import Roster
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
        key = _key(settings.kernel)
        with ExitStack() as mistaken:
            sockets = [
                mistaken.enter_context(bind(address.host, address.port, option=_LISTEN))
                for address in settings.web.listen_addresses
            ]
            self.traces = _traces()
            if self.traces:
                mistaken.callback(self.traces.shutdown, FLUSH_SECONDS)
            self.live = LiveView()
            self.health = SourceHealth()
            self._registry = CollectorRegistry()
            self._fanout = self._sinks()
            self._api = _api(settings.kernel, key, self._fanout, self.health)
            mistaken.pop_all()
        self._roster = Roster(self._api, self._fanout, classify=classify)
        self._discovery = self._discover()
        self._web = WebServer(self._app(), sockets)
        self._polling: asyncio.Task[None] | None = None

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

    def _discover(self) -> Discovery:
        following = self._settings.following
        return Discovery(
            self._api,
            self._roster,
            self._fanout,
            health=self.health,
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
        """Serve, and begin to follow."""
        await self._web.start()
        self._polling = asyncio.create_task(self._discovery.run(), name="discovery")
        _log.info("serving", urls=" ".join(self.urls), version=__version__)
        if self.traces is None:
            _log.info("traces are off", mend="set OTEL_EXPORTER_OTLP_ENDPOINT")

    async def stop(self) -> None:
        """Close every stream, answer the last requests, export the last spans; within 5 s."""
        if self._polling:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling
        await asyncio.gather(self._roster.stop(), self._web.stop())
        await self._api.aclose()
        if self.traces:
            await asyncio.to_thread(self.traces.shutdown, FLUSH_SECONDS)
        _log.info("stopped")

    def readiness(self) -> Readiness:
        """Whether flows can be followed, and told of."""
        source = self.health.status(
            time.time_ns(), poll_interval_seconds=self._discovery.paced_interval_seconds
        )
        failing = self._fanout.failing()
        told = f"failing: {', '.join(failing)}" if failing else "observations are taken"
        return Readiness(
            source=Condition(source.ready, source.reason),
            sink=Condition(not failing, told),
        )

    async def _follow(self, connection_id: str) -> FollowResult:
        return _FOLLOW_RESULTS[await self._discovery.follow_now(connection_id)]

    def _app(self) -> ASGIApp:
        views = Views(
            render=lambda accept: render(self._registry, accept),
            readiness=self.readiness,
            snapshot=self.live.snapshot,
            follow=self._follow,
            now_seconds=time.time,
        )
        path = self._settings.web.telemetry_path
        return create_app(views, version=__version__, telemetry_path=path)


def _key(kernel: KernelSettings) -> ApiKey | ApiKeyFile:
    try:
        if kernel.api_key_file:
            return ApiKeyFile(kernel.api_key_file)
        if kernel.api_key:
            return ApiKey(kernel.api_key.reveal())
    except OSError as error:
        raise UserError(
            f"--kernel.api-key-file: cannot read {kernel.api_key_file}: {error.strerror}"
        ) from error
    except ValueError as error:
        raise UserError(str(error)) from error
    raise UserError(
        "there is no API key: set KERNEL_API_KEY, or name its file with --kernel.api-key-file"
        " (to look around without one: managed-auth-exporter demo)"
    )


def _api(
    kernel: KernelSettings, key: ApiKey | ApiKeyFile, sink: Sink, health: SourceHealth
) -> KernelApi:
    try:
        return KernelApi(
            kernel.base_url, key, sink, health=health, allow_insecure=kernel.allow_insecure
        )
    except ValueError as error:
        raise UserError(f"--kernel.base-url: {error}") from error
    except OSError as error:
        raise UserError(
            "the CA certificates cannot be read: mend SSL_CERT_FILE or SSL_CERT_DIR"
            f" ({type(error).__name__})"
        ) from error


def _traces() -> TracesSink | None:
    try:
        return sink_from_environment()
    except ValueError as error:
        raise UserError(str(error)) from error
