"""The alerts on the way to Kernel: the key, the rate limit, the streams, the timelines."""

from typing import Final, NamedTuple

from dashboards.alerting.rule import Alert, AlertGroup, Condition, Dashboard, Runbook, Severity
from dashboards.alerting.windows import Pace
from dashboards.settings import Settings

REMAINING_SHARE: Final = 0.1
BROKEN_SHARE: Final = 0.2
MIN_BROKEN: Final = 10
IDLE_SHARE: Final = 0.1
MIN_IDLE: Final = 5
MIN_REFUSED: Final = 5
SILENCE: Final = "2m"
LAG_SECONDS: Final = 10
STALE_INTERVALS: Final = 3

BROKEN: Final = "eof|network|protocol|http_5xx"
"""How a stream ends that should have gone on, silence apart."""


def group(settings: Settings) -> AlertGroup:
    """The alerts on the way to Kernel."""
    pace = Pace(settings)
    return AlertGroup(
        "managed-auth-upstream",
        "The way to Kernel",
        (
            _key_refused(pace),
            _rate_limit(pace),
            _rate_limited(pace),
            _silent(pace),
            _share_of_ends("idle", IDLE_SHARE, MIN_IDLE, _IDLE, pace),
            _share_of_ends(BROKEN, BROKEN_SHARE, MIN_BROKEN, _FLAPPING, pace),
            _lag(pace),
            _stale(settings, pace),
        ),
    )


def _key_refused(pace: Pace) -> Alert:
    requests = "managed_auth_api_requests_total"
    refused = f'{requests}{{code="401"}}[{pace.of("10m")}]'
    forbidden = f'{requests}{{code="403", endpoint="list"}}[{pace.of("10m")}]'
    answered = f'{requests}{{code="200"}}[{pace.of("5m")}]'
    return Alert(
        "ManagedAuthKeyRefused",
        (
            Condition(
                f"((sum by (job) (increase({refused})) > 0)\n"
                f"  or (sum by (job) (increase({forbidden})) > 0))\n"
                f"unless on (job) (sum by (job) (increase({answered})) > 0)",
                pace.of("1m"),
                Severity.CRITICAL,
            ),
        ),
        "Kernel refuses the API key of {{ $labels.job }}",
        "About {{ $value | humanize }} requests in the last 10 minutes were refused with 401 or"
        " 403, and none was answered: nothing is followed. First see whether the key was"
        " rotated, then put the new one in.",
        Dashboard.EXPORTER,
        Runbook(
            "The API answers 401, or 403 to the list of connections, and nothing else. Logins go"
            " on, but nobody sees them until the key is right again. What ended meanwhile is"
            " counted from the timelines then.",
            """\
1. `/-/ready` of the exporter says with which status the key is refused.
2. In Kernel: does the key still exist, and may it read auth connections?""",
            """\
- With `--kernel.api-key-file`: write the new key to the file; it is picked up without a restart.
- With `KERNEL_API_KEY`: set it and restart.""",
        ),
    )


def _rate_limit(pace: Pace) -> Alert:
    return Alert(
        "ManagedAuthRateLimitNearlyUsed",
        (
            Condition(
                "min by (job) (managed_auth_api_ratelimit_remaining)\n"
                f"  / max by (job) (managed_auth_api_ratelimit_limit) < {REMAINING_SHARE:g}",
                pace.of("5m"),
                Severity.WARNING,
            ),
        ),
        "The organisation's rate limit is nearly used up ({{ $labels.job }})",
        "Only {{ $value | humanizePercentage }} of Kernel's rate limit is left. First see on the"
        " exporter dashboard whether the exporter uses it, or your own product.",
        Dashboard.EXPORTER,
        Runbook(
            "Kernel's limit is for the organisation: the exporter takes half of it by default, and"
            " your product the rest. Less than a tenth is left, for minutes.",
            """\
1. Exporter dashboard, *Rate limit, budget and use*: how much is the exporter's?
2. The rest is your product's.""",
            """\
- The exporter's share is too large for you: lower `--api-budget`.
- Your product's: spread its calls, or ask Kernel for a higher limit.""",
        ),
    )


def _rate_limited(pace: Pace) -> Alert:
    refused = f'managed_auth_api_requests_total{{code="429"}}[{pace.of("15m")}]'
    return Alert(
        "ManagedAuthRateLimited",
        (
            Condition(
                f"sum by (job) (increase({refused})) >= {MIN_REFUSED}",
                pace.of("10m"),
                Severity.WARNING,
            ),
        ),
        "Kernel turns requests of {{ $labels.job }} down: the rate limit is used up",
        "About {{ $value | humanize }} requests in the last 15 minutes were answered with 429."
        " First see who uses the limit up: your product's calls count against the same one.",
        Dashboard.EXPORTER,
        Runbook(
            f"{MIN_REFUSED} requests of the exporter or more were refused with 429 within a quarter"
            " of an hour. It slows down by itself; streams are opened later, and timelines read"
            " less often.",
            """\
1. Exporter dashboard, *Requests, by call and status* and *Timelines: longest unread*.
2. Your product gets 429s as well: see its log.""",
            """\
- As for [ManagedAuthRateLimitNearlyUsed](#managedauthratelimitnearlyused).""",
        ),
    )


def _silent(pace: Pace) -> Alert:
    # Before the first event of a process it counts from the start of the process.
    last = (
        "max by (job, instance) (managed_auth_stream_last_event_timestamp_seconds > 0\n"
        "    or on (job, instance) process_start_time_seconds)"
    )
    return Alert(
        "ManagedAuthStreamsSilent",
        (
            Condition(
                f"(time() - {last} > {pace.seconds(SILENCE):g})\n"
                "and on (job, instance) (managed_auth_streams_open > 0)",
                pace.of("3m"),
                Severity.CRITICAL,
            ),
        ),
        "Streams of {{ $labels.instance }} are open, but nothing comes in on any of them",
        "Nothing arrived at {{ $labels.instance }} ({{ $labels.job }}) for"
        " {{ $value | humanizeDuration }}, not even a heartbeat, while streams are open. First see"
        " whether other clients of Kernel's API get events.",
        Dashboard.EXPORTER,
        Runbook(
            "Every stream should carry a heartbeat. None does: the API, a proxy or the network"
            " holds the connections open without sending.",
            """\
1. Exporter dashboard, *Events, by kind* and *Stream ends, by reason*: did it begin for all at once?
2. `curl -N -H "Authorization: Bearer $KERNEL_API_KEY" $KERNEL_BASE_URL/auth/connections/ID/events`
   from the same machine.""",
            """\
- A proxy that buffers: let `text/event-stream` through unbuffered, or go around it (`NO_PROXY`).
- Kernel's side: see its status page. The exporter reopens idle streams by itself.""",
        ),
    )


class _Words(NamedTuple):
    name: str
    summary: str
    description: str
    runbook: Runbook


_IDLE: Final = _Words(
    name="ManagedAuthStreamsIdle",
    summary="Streams of {{ $labels.job }} fall silent",
    description="{{ $value | humanizePercentage }} of the streams that ended in the last 15 minutes"
    " had gone silent for longer than three heartbeats. First look for a proxy with a short idle"
    " timeout.",
    runbook=Runbook(
        "Streams are closed and opened again because nothing came in on them. Flows are followed"
        " all the same, with gaps.",
        """\
1. Exporter dashboard, *Stream ends, by reason*.
2. *Event lag*: messages that arrive late look like silence.""",
        """\
- A proxy or load balancer on the way: raise its idle timeout above a minute, switch buffering off.
- Kernel's heartbeats come less often than before: nothing to do, the exporter learns their
  pace.""",
    ),
)
_FLAPPING: Final = _Words(
    name="ManagedAuthStreamsFlapping",
    summary="Streams of {{ $labels.job }} break again and again",
    description="{{ $value | humanizePercentage }} of the streams that ended in the last 15 minutes"
    " broke before the flow was over. First see on the exporter dashboard with which reason.",
    runbook=Runbook(
        "Streams end by a reset, an error of the server or an early end of the response. Each is"
        " opened again; flows have gaps, and outcomes come later, some from the timeline.",
        """\
1. Exporter dashboard, *Stream ends, by reason*: `network`, `protocol`, `eof` or `http_5xx`?
2. *Requests, by call and status*: do other calls fail as well?""",
        """\
- `http_5xx`: Kernel's side. See its status page.
- `network`: the way there. A proxy, a NAT with short timeouts, DNS.
- `protocol`: something answers that is no event stream: a proxy's login or error page.
- `eof`: streams end cleanly in the middle; often a maximum duration that a proxy sets.""",
    ),
)


def _share_of_ends(reasons: str, share: float, least: int, words: _Words, pace: Pace) -> Alert:
    """An alert on the share of the streams that ended so, and at least that many."""
    window = pace.of("15m")
    ended = f"increase(managed_auth_stream_ends_total[{window}])"
    so = f'increase(managed_auth_stream_ends_total{{reason=~"{reasons}"}}[{window}])'
    condition = Condition(
        f"(sum by (job) ({so}) / (sum by (job) ({ended}) > 0) > {share:g})\n"
        f"and (sum by (job) ({so}) >= {least})",
        pace.of("5m"),
        Severity.WARNING,
    )
    return Alert(
        words.name,
        (condition,),
        words.summary,
        words.description,
        Dashboard.EXPORTER,
        words.runbook,
    )


def _lag(pace: Pace) -> Alert:
    buckets = f"rate(managed_auth_event_lag_seconds_bucket[{pace.of('5m')}])"
    return Alert(
        "ManagedAuthEventLag",
        (
            Condition(
                f"histogram_quantile(0.99, sum by (job, le) ({buckets})) > {LAG_SECONDS}",
                pace.of("10m"),
                Severity.WARNING,
            ),
        ),
        "Events of {{ $labels.job }} arrive late",
        "One event in a hundred arrives {{ $value | humanizeDuration }} or more after it happened."
        " First see whether the exporter's CPU is busy, or the clocks differ.",
        Dashboard.EXPORTER,
        Runbook(
            f"The 99th percentile of arrival minus timestamp is above {LAG_SECONDS} s. Metrics and"
            " traces are right, but late.",
            """\
1. Exporter dashboard, *Event lag*: a few slow ones, or all shifted by the same amount?
2. *Processor* and *Errors of sinks* on the same dashboard.""",
            """\
- All shifted by the same amount: the clocks differ. See that time is synchronised here.
- The CPU is busy: give the exporter a whole core, or spread the connections over more instances.
- Neither: it is Kernel or the network; see
  [ManagedAuthStreamsFlapping](#managedauthstreamsflapping).""",
        ),
    )


def _stale(settings: Settings, pace: Pace) -> Alert:
    read = "min by (job) (managed_auth_timeline_stalest_read_timestamp_seconds)"
    limit = STALE_INTERVALS * settings.timeline_interval_seconds / settings.speed
    return Alert(
        "ManagedAuthTimelineStale",
        (Condition(f"time() - {read} > {limit:g}", pace.of("5m"), Severity.WARNING),),
        "Timelines of {{ $labels.job }} are read too late",
        "A connection's timeline has not been read for {{ $value | humanizeDuration }}: outcomes"
        " that no stream showed are counted that late. First see whether the API"
        " answers, then whether its budget suffices for so many connections.",
        Dashboard.EXPORTER,
        Runbook(
            "Each timeline should be read once in `--timeline.interval`. The one that waited"
            " longest"
            f" has waited for more than {STALE_INTERVALS} intervals.",
            """\
1. Exporter dashboard, *Timelines: longest unread*, *Rate limit, budget and use* and
   *Requests, by call and status*.
2. The number of followed connections: each needs one request an interval.""",
            """\
- Too many connections for the budget: raise `--api-budget`, lengthen `--timeline.interval` (and
  generate these rules with the same, `--timeline-interval`), or ask Kernel for a higher limit.
- The API answers slowly or with errors: mend that first.""",
        ),
    )
