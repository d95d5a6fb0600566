"""The families that say how the way to Kernel behaves, and the exporter itself."""

from itertools import product
from typing import Final

from exporter.core.vocabulary import OTHER
from exporter.sinks.metrics.family import Family, Kind
from exporter.sinks.metrics.labels import (
    BLOCKED_REASON,
    BLOCKED_REASONS,
    CODE,
    CONNECTION_STATUSES,
    DOMAIN,
    END_REASON,
    ENDPOINT,
    ENDPOINTS,
    EVENT,
    NONE,
    OVERFLOWED,
    PYTHON,
    REVISION,
    SIDE,
    SINK,
    STATUS,
    VERSION,
)

_EVERY_CONNECTION_STATUS: Final = tuple((status,) for status in CONNECTION_STATUSES)
_LAG_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_REQUEST_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_STALL_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_USUAL_CODES: Final = ("200", "401", "403", "404", "429", "500", "503", NONE)

CONNECTIONS: Final = Family(
    "managed_auth_connections",
    Kind.GAUGE,
    "Auth connections by status, as last listed.",
    "ConnectionListed, ConnectionForgotten",
    (STATUS, DOMAIN),
    preset=_EVERY_CONNECTION_STATUS,
)
REAUTH_BLOCKED: Final = Family(
    "managed_auth_connections_reauth_blocked",
    Kind.GAUGE,
    "Auth connections that need a login which Kernel cannot do by itself, by its reason.",
    "ConnectionListed with status NEEDS_AUTH and can_reauth false, ConnectionForgotten",
    (BLOCKED_REASON,),
    preset=tuple((reason,) for reason in (*BLOCKED_REASONS, OTHER, NONE)),
)
FOLLOWED_CONNECTIONS: Final = Family(
    "managed_auth_followed_connections",
    Kind.GAUGE,
    "Auth connections that are being followed now.",
    "FollowingChanged",
    preset=((),),
)
STREAMS_OPEN: Final = Family(
    "managed_auth_streams_open",
    Kind.GAUGE,
    "Event streams that are open now.",
    "StreamOpened, StreamEnded",
    preset=((),),
)
STREAM_EVENTS: Final = Family(
    "managed_auth_stream_events_total",
    Kind.COUNTER,
    "Messages that arrived on event streams, by kind.",
    "StreamMessage",
    (EVENT,),
    preset=tuple((event,) for event in EVENT.values),
)
STREAM_ENDS: Final = Family(
    "managed_auth_stream_ends_total",
    Kind.COUNTER,
    "Event streams that ended, or could not be opened, by reason.",
    "StreamEnded",
    (END_REASON,),
    preset=tuple((reason,) for reason in END_REASON.values),
)
STREAM_LAST_EVENT: Final = Family(
    "managed_auth_stream_last_event_timestamp_seconds",
    Kind.GAUGE,
    "Unix time at which the newest message on any event stream arrived; 0 before the first.",
    "StreamMessage",
    preset=((),),
)
EVENT_LAG: Final = Family(
    "managed_auth_event_lag_seconds",
    Kind.HISTOGRAM,
    "Arrival of a message minus its own timestamp, the first state of a stream left out.",
    "StreamMessage with a timestamp",
    buckets=_LAG_BUCKETS,
    preset=((),),
)
API_REQUESTS: Final = Family(
    "managed_auth_api_requests_total",
    Kind.COUNTER,
    "Requests to the Kernel API, by call and HTTP status.",
    "ApiRequest",
    (ENDPOINT, CODE),
    preset=tuple(product(ENDPOINTS, _USUAL_CODES)),
)
API_REQUEST_DURATION: Final = Family(
    "managed_auth_api_request_duration_seconds",
    Kind.HISTOGRAM,
    "Time until the Kernel API answered a request, or the request failed.",
    "ApiRequest",
    (ENDPOINT, CODE),
    _REQUEST_BUCKETS,
)
RATELIMIT_LIMIT: Final = Family(
    "managed_auth_api_ratelimit_limit",
    Kind.GAUGE,
    "The organisation's rate limit in requests a minute, as the API last told; "
    "no series before it has.",
    "RateLimit",
)
RATELIMIT_REMAINING: Final = Family(
    "managed_auth_api_ratelimit_remaining",
    Kind.GAUGE,
    "Requests that the rate limit still allows, as the API last told; no series before it has.",
    "RateLimit",
)
API_BUDGET: Final = Family(
    "managed_auth_api_budget_requests_per_minute",
    Kind.GAUGE,
    "Requests a minute that polls, timelines and retrieves together may send now; "
    "no series while no limit is known.",
    "ApiBudget",
)
LABEL_OVERFLOW: Final = Family(
    "managed_auth_label_overflow_total",
    Kind.COUNTER,
    "Times that a label value had to share `other`, because the label was full.",
    "every observation with a domain beyond the limit",
    (OVERFLOWED,),
    preset=(("domain",),),
)
SPANS_EXPORTED: Final = Family(
    "managed_auth_spans_exported_total",
    Kind.COUNTER,
    "Spans that the trace backend took.",
    "the span exporter's own counts",
)
SPANS_DROPPED: Final = Family(
    "managed_auth_spans_dropped_total",
    Kind.COUNTER,
    "Spans that were lost: the queue was full, or the trace backend did not take them.",
    "the span exporter's own counts",
)
SINK_ERRORS: Final = Family(
    "managed_auth_exporter_sink_errors_total",
    Kind.COUNTER,
    "Observations that a sink failed to take.",
    "the fan-out's own counts",
    (SINK,),
)
SINK_SECONDS: Final = Family(
    "managed_auth_exporter_sink_seconds_total",
    Kind.COUNTER,
    "Time spent in a sink.",
    "the fan-out's own counts",
    (SINK,),
)
EVENT_LOOP_STALL: Final = Family(
    "managed_auth_event_loop_stall_seconds",
    Kind.HISTOGRAM,
    "By how much the event loop was late, looked at twenty times a second.",
    "a timer of the service",
    buckets=_STALL_BUCKETS,
    preset=((),),
)
READY: Final = Family(
    "managed_auth_exporter_ready",
    Kind.GAUGE,
    "Whether flows can be followed (source) and told of (sink): 1 or 0, as /-/ready says.",
    "the state of both sides at the scrape",
    (SIDE,),
)
BUILD_INFO: Final = Family(
    "managed_auth_exporter_build_info",
    Kind.INFO,
    "What is running here; the value is always 1.",
    "the start of the process",
    (VERSION, REVISION, PYTHON),
)

UPSTREAM_FAMILIES: Final = (
    CONNECTIONS,
    REAUTH_BLOCKED,
    FOLLOWED_CONNECTIONS,
    STREAMS_OPEN,
    STREAM_EVENTS,
    STREAM_ENDS,
    STREAM_LAST_EVENT,
    EVENT_LAG,
    API_REQUESTS,
    API_REQUEST_DURATION,
    RATELIMIT_LIMIT,
    RATELIMIT_REMAINING,
    API_BUDGET,
)
EXPORTER_FAMILIES: Final = (
    LABEL_OVERFLOW,
    SPANS_EXPORTED,
    SPANS_DROPPED,
    SINK_ERRORS,
    SINK_SECONDS,
    EVENT_LOOP_STALL,
    READY,
    BUILD_INFO,
)
