"""How the way to Kernel behaves: streams and requests."""

from typing import Final

from dashboards.boards.promql import age, buckets, per_minute, quantile, select, total
from dashboards.boards.spec import PER_MINUTE, Panel, Query, Shape, at_most

LAGGING: Final = "managed_auth_event_lag_seconds"
REQUESTS: Final = "managed_auth_api_requests_total"
REQUEST_SECONDS: Final = "managed_auth_api_request_duration_seconds"
# Every instance is told of the same limit: that of the organisation, which a job stands for.
LIMIT: Final = f"sum(max by (job) ({select('managed_auth_api_ratelimit_limit')}))"
REMAINING: Final = f"sum(min by (job) ({select('managed_auth_api_ratelimit_remaining')}))"
BUDGET: Final = total("", "managed_auth_api_budget_requests_per_minute")
NO_LIMIT: Final = "the API told of no limit"

STREAMS: Final = (
    Panel(
        "Followed and open",
        Shape.LINES,
        "short",
        "Connections that are followed, and event streams that are open: one for each, apart from "
        "the moments in which a stream is opened anew.",
        (
            Query(total("", "managed_auth_followed_connections"), "followed"),
            Query(total("", "managed_auth_streams_open"), "open"),
        ),
        width=6,
        decimals=0,
    ),
    Panel(
        "Stream ends, by reason",
        Shape.BARS,
        PER_MINUTE,
        "Event streams that ended or could not be opened, a minute. The end of a flow ends its "
        "stream as terminal, which is as it should be.",
        (Query(per_minute("reason", "managed_auth_stream_ends_total"), "{{reason}}"),),
        width=6,
    ),
    Panel(
        "Events, by kind",
        Shape.BARS,
        PER_MINUTE,
        "Messages on event streams, a minute. Unknown, malformed and oversized ones are survived "
        "and counted.",
        (Query(per_minute("event", "managed_auth_stream_events_total"), "{{event}}"),),
        width=6,
    ),
    Panel(
        "Age of the last event",
        Shape.LINES,
        "s",
        "Time since the newest message on any stream. It grows while no login runs; where streams "
        "are open, heartbeats keep it low.",
        (Query(age("managed_auth_stream_last_event_timestamp_seconds"), "age"),),
        width=6,
        empty="no event yet",
    ),
)
LAG: Final = (
    Panel(
        "Event lag",
        Shape.HEATMAP,
        "s",
        "How long after its own timestamp a message arrived: network, buffering, and clocks that "
        "differ.",
        (Query(buckets(LAGGING), "{{le}}"),),
        width=12,
    ),
    Panel(
        "Event lag, percentiles",
        Shape.LINES,
        "s",
        "Half, nine of ten and 99 of 100 messages arrived no later than this.",
        tuple(Query(quantile(share, "", LAGGING), share) for share in ("0.5", "0.9", "0.99")),
        width=12,
        empty="no event",
    ),
)
API: Final = (
    Panel(
        "Requests, by call and status",
        Shape.BARS,
        PER_MINUTE,
        "Requests to the Kernel API, a minute. The status none stands for no answer.",
        (Query(f"{per_minute('endpoint, code', REQUESTS)} > 0", "{{endpoint}} {{code}}"),),
        width=9,
        empty="no request",
    ),
    Panel(
        "Duration of a request, 90th percentile",
        Shape.LINES,
        "s",
        "Nine of ten requests were answered, or failed, within this time. That of events is the "
        "time until the stream is open.",
        (Query(quantile("0.9", "endpoint", REQUEST_SECONDS), "{{endpoint}}"),),
        width=7,
        empty="no request",
    ),
    Panel(
        "Rate limit in use",
        Shape.STAT,
        "percentunit",
        "Part of the organisation's rate limit that is used up, by all who share it, as the API "
        "last told.",
        (Query(f"1 - {REMAINING} / ({LIMIT} > 0)"),),
        width=3,
        empty=NO_LIMIT,
        levels=at_most(warning=0.8, critical=0.95),
        decimals=0,
    ),
    Panel(
        "Rate limit, budget and use",
        Shape.LINES,
        PER_MINUTE,
        "Requests a minute: what the organisation may send, what of it remains, what polls, "
        "timelines and retrieves of the exporter may take, and what the exporter sends.",
        (
            Query(LIMIT, "limit"),
            Query(REMAINING, "remaining"),
            Query(BUDGET, "budget"),
            Query(per_minute("", REQUESTS), "sent"),
        ),
        width=5,
        empty=NO_LIMIT,
    ),
)
