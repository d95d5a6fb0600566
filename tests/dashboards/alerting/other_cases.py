"""The stories of the alerts on flows, on the way to Kernel and on the exporter itself."""

from typing import Final

from tests.dashboards.alerting.case import Case, Firing, jump, steady


def oldest(step: str) -> str:
    return f'managed_auth_oldest_step_entered_timestamp_seconds{{step="{step}"}}'


def illegal(reason: str) -> str:
    labels = f'reason="{reason}",from="AWAITING_INPUT",to="SUCCESS"'
    return f"managed_auth_illegal_transitions_total{{{labels}}}"


def requests(code: str, endpoint: str) -> str:
    return f'managed_auth_api_requests_total{{code="{code}",endpoint="{endpoint}"}}'


def ends(reason: str) -> str:
    return f'managed_auth_stream_ends_total{{reason="{reason}"}}'


def on(selector: str, instance: str) -> str:
    """The same, of one instance."""
    name, _, labels = selector.removesuffix("}").partition("{")
    return f'{name}{{{labels + "," if labels else ""}instance="{instance}"}}'


GAPS: Final = 'managed_auth_gaps_total{cause="reconnect"}'
STARTED: Final = (
    'managed_auth_flows_started_total{flow_type="LOGIN",entry="discovering",domain="a.example"}'
)
LOST: Final = 'managed_auth_timeline_entries_total{result="out_of_reach"}'
UNKNOWN_EVENTS: Final = 'managed_auth_stream_events_total{event="unknown"}'
REMAINING: Final = "managed_auth_api_ratelimit_remaining"
LIMIT: Final = "managed_auth_api_ratelimit_limit"
LAST_EVENT: Final = "managed_auth_stream_last_event_timestamp_seconds"
OPEN: Final = "managed_auth_streams_open"
STALEST: Final = "managed_auth_timeline_stalest_read_timestamp_seconds"
BUILD: Final = 'managed_auth_exporter_build_info{version="1",revision="r",python="3.11"}'
READY: Final = 'managed_auth_exporter_ready{side="source"}'
JOURNAL: Final = "managed_auth_journal_up"
DROPPED: Final = "managed_auth_spans_dropped_total"
SINK_ERRORS: Final = 'managed_auth_exporter_sink_errors_total{sink="traces"}'
OVERFLOW: Final = 'managed_auth_label_overflow_total{label="domain"}'


def lag(bound: str) -> str:
    return f'managed_auth_event_lag_seconds_bucket{{le="{bound}"}}'


FLOWS: Final = (
    Case(
        "ManagedAuthFlowStuck",
        {
            on(oldest("AWAITING_INPUT"), "a"): "60x17 stale",
            on(oldest("AWAITING_INPUT"), "b"): "600x17 stale",
        },
        ({on(oldest("AWAITING_INPUT"), "a"): "300x17 stale"},),
        at="17m",
        healed="20m",
        firing=(Firing({"step": "AWAITING_INPUT"}, "16m 0s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthFlowStuck",
        {
            on(oldest("SUBMITTING"), "a"): "60x30 stale",
            on(oldest("SUBMITTING"), "b"): "600x30 stale",
        },
        ({on(oldest("SUBMITTING"), "a"): "420x30 stale"},),
        at="29m",
        healed="33m",
        firing=(Firing({"step": "SUBMITTING"}, "28m 0s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthIllegalTransitions",
        {illegal("skipped_step"): jump(2)},
        ({illegal("skipped_step"): jump(1)}, {illegal("skipped_step"): jump(0)}),
        at="40m",
        healed="100m",
        firing=(Firing({"reason": "skipped_step"}, "4"),),
    ),
    Case(
        "ManagedAuthUnknownValues",
        {illegal("unknown_status"): jump(1), UNKNOWN_EVENTS: jump(2)},
        ({illegal("unknown_status"): jump(0), UNKNOWN_EVENTS: jump(0)},),
        at="40m",
        healed="100m",
        firing=(
            Firing({"reason": "unknown_status"}, "2"),
            Firing({"reason": "unknown_event"}, "4"),
        ),
        alone=False,
    ),
    Case(
        "ManagedAuthGaps",
        {GAPS: jump(3), STARTED: jump(25)},
        ({STARTED: jump(30)}, {GAPS: jump(2), STARTED: jump(5)}),
        at="40m",
        healed="100m",
        firing=(Firing({"cause": "reconnect"}, "12%"),),
    ),
    Case(
        "ManagedAuthOutcomesLost",
        {LOST: jump(1)},
        ({LOST: jump(0)},),
        at="40m",
        healed="100m",
        firing=(Firing({}, "2"),),
        alone=False,
    ),
)
UPSTREAM: Final = (
    Case(
        "ManagedAuthKeyRefused",
        {requests("401", "retrieve"): jump(2)},
        ({requests("401", "retrieve"): jump(0), requests("403", "events"): jump(9)},),
        at="35m",
        healed="45m",
        firing=(Firing({}, "4"),),
        alone=False,
    ),
    Case(
        "ManagedAuthKeyRefused",
        {requests("403", "list"): jump(2)},
        ({requests("403", "list"): jump(0)},),
        at="35m",
        healed="45m",
        firing=(Firing({}, "4"),),
        alone=False,
    ),
    Case(
        "ManagedAuthRateLimitNearlyUsed",
        {
            on(REMAINING, "a"): "5x10 60x20",
            on(REMAINING, "b"): "50x30",
            LIMIT: "60x30",
        },
        ({on(REMAINING, "a"): "6x30"},),
        at="10m",
        healed="12m",
        firing=(Firing({}, "8.333%"),),
        alone=False,
    ),
    Case(
        "ManagedAuthRateLimited",
        {requests("429", "list"): jump(1)},
        ({requests("429", "list"): jump(0)},),
        at="42m",
        healed="50m",
        firing=(Firing({}, "2"),),
        alone=False,
    ),
    Case(
        "ManagedAuthStreamsSilent",
        {
            on(LAST_EVENT, "a"): "0x10 660x10",
            on(LAST_EVENT, "b"): "60x20",
            OPEN: "1x20",
        },
        ({on(LAST_EVENT, "b"): "480x20"}, {OPEN: "0x20"}),
        at="10m",
        healed="11m",
        firing=(Firing({}, "9m 0s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthStreamsIdle",
        {ends("idle"): jump(3), ends("terminal"): jump(20)},
        ({ends("terminal"): jump(27)}, {ends("idle"): jump(2), ends("terminal"): jump(1)}),
        at="40m",
        healed="50m",
        firing=(Firing({}, "13.04%"),),
    ),
    Case(
        "ManagedAuthStreamsFlapping",
        {ends("network"): jump(4), ends("http_5xx"): jump(2), ends("terminal"): jump(20)},
        (
            {ends("terminal"): jump(24)},
            {ends("network"): jump(2), ends("terminal"): jump(1)},
            {ends("network"): jump(0), ends("stopped"): jump(9)},
        ),
        at="40m",
        healed="50m",
        firing=(Firing({}, "23.08%"),),
    ),
    Case(
        "ManagedAuthEventLag",
        {
            lag("5"): "0x100",
            lag("10"): "0+0.9x30 27x70",
            lag("30"): "0+1x30 30x70",
            lag("+Inf"): "0+1x30 30x70",
        },
        ({lag("10"): "0+0.991x30 30x70"},),
        at="20m",
        healed="40m",
        firing=(Firing({}, "28s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthTimelineStale",
        {on(STALEST, "a"): "0x21 1320x20", on(STALEST, "b"): "600x21 1320x20"},
        ({on(STALEST, "a"): "360x40"},),
        at="21m",
        healed="23m",
        firing=(Firing({}, "21m 0s"),),
        alone=False,
    ),
)
EXPORTER: Final = (
    Case(
        "ManagedAuthExporterAbsent",
        {BUILD: "_x10 1x20"},
        ({BUILD: "1x40"},),
        at="7m",
        healed="12m",
        firing=(Firing({}),),
        alone=False,
        fires_without_data=True,
        by_job=False,
    ),
    Case(
        "ManagedAuthExporterAbsent",
        {BUILD: "1x10 stale _x10 1x20"},
        # One of two is enough for this alert not to fire: the other one is for the next.
        ({on(BUILD, "b"): "1x40"},),
        at="18m",
        healed="25m",
        firing=(Firing({}),),
        alone=False,
        fires_without_data=True,
    ),
    Case(
        "ManagedAuthExporterDown",
        {BUILD: "1x5 stale", "up": "1x5 0x10 1x10"},
        (
            {"up": "1x30"},
            # What was never one of ours is somebody else's to watch.
            {BUILD: "_x30"},
            {"up": "1x5 0x2 1x30"},
        ),
        at="12m",
        healed="18m",
        firing=(Firing({"instance": "a"}),),
        alone=False,
        instances=("a",),
    ),
    Case(
        "ManagedAuthExporterNotReady",
        {READY: "0x10 1x10"},
        ({READY: "1x20"}, {READY: "1x5 0x4 1x10"}),
        at="9m",
        healed="12m",
        firing=(
            Firing({"instance": "a", "side": "source"}),
            Firing({"instance": "b", "side": "source"}),
        ),
        alone=False,
    ),
    Case(
        "ManagedAuthJournalFailing",
        {on(JOURNAL, "a"): "1x2 0x5 1x10", on(JOURNAL, "b"): "1x20"},
        ({on(JOURNAL, "a"): "1x20"},),
        at="5m",
        healed="9m",
        firing=(Firing({"instance": "a"}),),
        alone=False,
    ),
    Case(
        "ManagedAuthJournalOff",
        {BUILD: "1x200", on(JOURNAL, "b"): "1x200", on(JOURNAL, "a"): "_x80 1x100"},
        ({on(JOURNAL, "a"): "1x200"},),
        at="70m",
        healed="90m",
        firing=(Firing({"instance": "a"}),),
        alone=False,
    ),
    Case(
        "ManagedAuthSpansDropped",
        {DROPPED: jump(1)},
        ({DROPPED: jump(0)},),
        at="36m",
        healed="50m",
        firing=(Firing({}, "2"),),
        alone=False,
    ),
    Case(
        "ManagedAuthSinkErrors",
        {SINK_ERRORS: jump(1)},
        ({SINK_ERRORS: jump(0)},),
        at="36m",
        healed="50m",
        firing=(Firing({"sink": "traces"}, "2"),),
        alone=False,
    ),
    Case(
        "ManagedAuthDomainsShareOther",
        {OVERFLOW: steady(1, 60) + " 60x200"},
        ({OVERFLOW: "5x200"},),
        at="30m",
        healed="130m",
        firing=(Firing({"label": "domain"}),),
        alone=False,
    ),
)
