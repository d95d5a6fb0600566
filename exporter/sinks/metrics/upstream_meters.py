"""Counts and times the way to Kernel."""

from collections.abc import Callable
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from exporter.core.observations import (
    ApiBudget,
    ApiRequest,
    ConnectionForgotten,
    ConnectionListed,
    FollowingChanged,
    RateLimit,
    StreamEnded,
    StreamMessage,
    StreamOpened,
)
from exporter.sinks.metrics import labels
from exporter.sinks.metrics import upstream_families as families
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.scrape import collect_if_known


class _Counted(NamedTuple):
    listed: ConnectionListed
    status: str
    domain: str
    blocked: str | None


class UpstreamMeters:
    """Takes the upstream observations; ``domain`` turns a domain into its label value."""

    def __init__(
        self,
        instruments: Instruments,
        registry: CollectorRegistry,
        domain: Callable[[str], str],
    ) -> None:
        self._domain: Final = domain
        self._status: Final = labels.STATUS.bounded()
        self._reason: Final = labels.BLOCKED_REASON.bounded()
        self._endpoint: Final = labels.ENDPOINT.bounded()
        self._counted: Final[dict[str, _Counted]] = {}
        self._limit: float | None = None
        self._remaining: float | None = None
        self._budget: float | None = None
        self._connections: Final = instruments.gauges(families.CONNECTIONS)
        self._blocked: Final = instruments.gauges(families.REAUTH_BLOCKED)
        self._followed: Final = instruments.gauges(families.FOLLOWED_CONNECTIONS)[()]
        self._streams_open: Final = instruments.gauges(families.STREAMS_OPEN)[()]
        self._stream_events: Final = instruments.counters(families.STREAM_EVENTS)
        self._stream_ends: Final = instruments.counters(families.STREAM_ENDS)
        self._last_event: Final = instruments.gauges(families.STREAM_LAST_EVENT)[()]
        self._lag: Final = instruments.histograms(families.EVENT_LAG)[()]
        self._requests: Final = instruments.counters(families.API_REQUESTS)
        self._request_duration: Final = instruments.histograms(families.API_REQUEST_DURATION)
        collect_if_known(
            {
                families.RATELIMIT_LIMIT: lambda: self._limit,
                families.RATELIMIT_REMAINING: lambda: self._remaining,
                families.API_BUDGET: lambda: self._budget,
            },
            registry,
        )

    def stream_opened(self, _: StreamOpened) -> None:
        """Count a stream that is open now."""
        self._streams_open.inc()

    def stream_message(self, observation: StreamMessage) -> None:
        """Count a message, and time its way."""
        self._stream_events[(observation.kind,)].inc()
        self._last_event.set(observation.received_ns / 1e9)
        if observation.lag_ns is not None:
            self._lag.observe(max(observation.lag_ns, 0) / 1e9)

    def stream_ended(self, observation: StreamEnded) -> None:
        """Count the end of a stream, or of the attempt to open one."""
        self._stream_ends[(observation.reason,)].inc()
        if observation.opened:
            self._streams_open.dec()

    def api_request(self, observation: ApiRequest) -> None:
        """Count and time a request."""
        key = (self._endpoint(observation.endpoint), labels.status_code(observation.code))
        self._requests[key].inc()
        self._request_duration[key].observe(observation.duration_seconds)

    def rate_limited(self, observation: RateLimit) -> None:
        """Keep what the API told of its rate limit."""
        self._limit, self._remaining = observation.limit, observation.remaining

    def budgeted(self, observation: ApiBudget) -> None:
        """Keep how much may be asked of the API now."""
        self._budget = observation.requests_per_minute

    def listed(self, observation: ConnectionListed) -> None:
        """Count a connection as it is now, instead of as it was before."""
        before = self._counted.get(observation.connection_id)
        if before and before.listed == observation:
            return
        # Asking for a domain's label counts it where it has to share one: once is enough.
        blocked = observation.status == labels.NEEDS_AUTH and observation.can_reauth is False
        now = _Counted(
            observation,
            self._status(observation.status),
            before.domain
            if before and before.listed.domain == observation.domain
            else self._domain(observation.domain),
            self._reason(observation.can_reauth_reason) if blocked else None,
        )
        self._uncount(observation.connection_id)
        self._counted[observation.connection_id] = now
        self._connections[now.status, now.domain].inc()
        if now.blocked is not None:
            self._blocked[(now.blocked,)].inc()

    def forgotten(self, observation: ConnectionForgotten) -> None:
        """Stop counting a connection."""
        self._uncount(observation.connection_id)

    def following(self, observation: FollowingChanged) -> None:
        """Show how many connections are followed."""
        self._followed.set(observation.connections)

    def _uncount(self, connection_id: str) -> None:
        before = self._counted.pop(connection_id, None)
        if before is None:
            return
        self._connections[before.status, before.domain].dec()
        if before.blocked is not None:
            self._blocked[(before.blocked,)].dec()
