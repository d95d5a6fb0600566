"""The stories of the alerts on flows, on the way to Kernel and on the exporter itself."""

from typing import Final

from tests.dashboards.alerting.case import ANSWERED, Case, Firing, jump, on, steady


def oldest(step: str) -> str:
    return f'managed_auth_oldest_step_entered_timestamp_seconds{{step="{step}"}}'


def illegal(reason: str) -> str:
    labels = f'reason="{reason}",from="AWAITING_INPUT",to="SUCCESS"'
    return f"managed_auth_illegal_transitions_total{{{labels}}}"


def requests(code: str, endpoint: str) -> str:
    return f'managed_auth_api_requests_total{{code="{code}",endpoint="{endpoint}"}}'


def ends(reason: str) -> str:
    return f'managed_auth_stream_ends_total{{reason="{reason}"}}'


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


STARTED_OLDEST: Final = "managed_auth_oldest_flow_started_timestamp_seconds"
PROCESS_START: Final = "process_start_time_seconds"


def on_both(selector: str, first: str, second: str) -> dict[str, str]:
    return {on(selector, "a"): first, on(selector, "b"): second}


FLOWS: Final = (
    Case(
        "ManagedAuthFlowStuck",
        on_both(oldest("AWAITING_INPUT"), "60x17 stale", "600x17 stale"),
        (
            {on(oldest("AWAITING_INPUT"), "a"): "240x17 stale"},
            # Other steps are bounded by the whole flow's limit alone.
            {on(oldest("AWAITING_INPUT"), "a"): "600x17", on(oldest("SUBMITTING"), "a"): "0x17"},
        ),
        at="16m",
        healed="20m",
        firing=(Firing({"step": "AWAITING_INPUT"}, "15m 0s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthFlowStuck",
        on_both(STARTED_OLDEST, "60x30 stale", "600x30 stale"),
        ({on(STARTED_OLDEST, "a"): "240x30 stale"},),
        at="26m",
        healed="33m",
        firing=(Firing({"step": "whole"}, "25m 0s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthIllegalTransitions",
        on_both(illegal("skipped_step"), jump(2), jump(1)),
        (
            {on(illegal("skipped_step"), "a"): jump(1)},
            on_both(illegal("skipped_step"), jump(0), jump(0)) | {illegal("unknown_step"): jump(9)},
        ),
        at="30m",
        healed="90m",
        firing=(Firing({"reason": "skipped_step"}, "3"),),
    ),
    Case(
        "ManagedAuthUnknownValues",
        {illegal("unknown_status"): jump(1), UNKNOWN_EVENTS: jump(2)},
        (
            {
                illegal("unknown_status"): jump(0),
                UNKNOWN_EVENTS: jump(0),
                illegal("skipped_step"): jump(9),
            },
        ),
        at="30m",
        healed="90m",
        firing=(
            Firing({"reason": "unknown_status"}, "2"),
            Firing({"reason": "unknown_event"}, "4"),
        ),
        alone=False,
    ),
    Case(
        "ManagedAuthGaps",
        on_both(GAPS, jump(3), jump(2)) | {STARTED: jump(24)},
        ({STARTED: jump(25)}, {on(GAPS, "a"): jump(2), STARTED: jump(5)}),
        at="35m",
        healed="90m",
        firing=(Firing({"cause": "reconnect"}, "10.42%"),),
    ),
    Case(
        "ManagedAuthOutcomesLost",
        {LOST: jump(1)},
        ({LOST: jump(0)},),
        at="30m",
        healed="90m",
        firing=(Firing({}, "2"),),
        alone=False,
    ),
)
SILENT: Final[dict[str, str]] = {ANSWERED: "0+4x20 80x400"}
"""No request was answered well from minute 20 on."""

UPSTREAM: Final = (
    *(
        Case(
            "ManagedAuthKeyRefused",
            SILENT | {refused: jump(2)},
            (
                {refused: jump(0), requests("403", "events"): jump(9)},
                # A blip: others are answered.
                {ANSWERED: "0+4x400"},
            ),
            at="31m",
            healed="40m",
            firing=(Firing({}, "4"),),
            alone=False,
        )
        for refused in (requests("401", "retrieve"), requests("403", "list"))
    ),
    Case(
        "ManagedAuthRateLimitNearlyUsed",
        on_both(REMAINING, "5x10 60x20", "50x30") | {LIMIT: "60x30"},
        ({on(REMAINING, "a"): "6x30"}, {on(REMAINING, "a"): "60x0 5x30"}),
        at="5m",
        healed="12m",
        firing=(Firing({}, "8.333%"),),
        alone=False,
    ),
    Case(
        "ManagedAuthRateLimited",
        on_both(requests("429", "list"), jump(3), jump(2)),
        ({on(requests("429", "list"), "a"): jump(2)},),
        at="40m",
        healed="45m",
        firing=(Firing({}, "5"),),
    ),
    Case(
        "ManagedAuthStreamsSilent",
        on_both(LAST_EVENT, "60x10 660x10", "0+60x20") | {OPEN: "1x20", PROCESS_START: "1x20"},
        ({on(LAST_EVENT, "a"): "120x20"}, {OPEN: "0x20"}),
        at="7m",
        healed="12m",
        firing=(Firing({"instance": "a"}, "6m 0s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthStreamsSilent",
        on_both(LAST_EVENT, "0x10 660x10", "0+60x20") | {OPEN: "1x20", PROCESS_START: "60x20"},
        ({PROCESS_START: "120x20"},),
        at="7m",
        healed="12m",
        firing=(Firing({"instance": "a"}, "6m 0s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthStreamsIdle",
        on_both(ends("idle"), jump(3), jump(2)) | {ends("terminal"): jump(22)},
        (
            {ends("terminal"): jump(23)},
            {on(ends("idle"), "a"): jump(2), ends("terminal"): jump(1)},
            on_both(ends("idle"), jump(0), jump(0)) | {ends("eof"): jump(20)},
        ),
        at="35m",
        healed="45m",
        firing=(Firing({}, "10.2%"),),
    ),
    *(
        Case(
            "ManagedAuthStreamsFlapping",
            {ends(broken): jump(5), ends("terminal"): jump(19)},
            (
                {ends("terminal"): jump(20)},
                {on(ends(broken), "a"): jump(4), on(ends(broken), "b"): jump(5)}
                | {ends(broken): "_x400", ends("terminal"): jump(1)},
                {ends(broken): jump(0), ends("stopped"): jump(40), ends("idle"): jump(40)},
            ),
            at="35m",
            healed="45m",
            firing=(Firing({}, "20.83%"),),
        )
        for broken in ("eof", "network", "protocol", "http_5xx")
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
        at="11m",
        healed="40m",
        firing=(Firing({}, "28s"),),
        alone=False,
    ),
    Case(
        "ManagedAuthTimelineStale",
        on_both(STALEST, "0x21 1320x20", "600x21 1320x20"),
        ({on(STALEST, "a"): "60x40"},),
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
        at="5m",
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
        ({BUILD: "_x40", on(BUILD, "c"): "1x40"},),
        at="16m",
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
            {"up": "1x5 0x4 1x30"},
        ),
        at="11m",
        healed="18m",
        firing=(Firing({"instance": "a"}),),
        alone=False,
        instances=("a",),
    ),
    Case(
        "ManagedAuthExporterDown",
        {on(BUILD, "a"): "1x30", on("up", "a"): "1x30", on("up", "b"): "0x10 1x20"},
        ({on(BUILD, "a"): "_x30"},),
        at="5m",
        healed="12m",
        firing=(Firing({"instance": "b"}),),
        alone=False,
    ),
    Case(
        "ManagedAuthExporterNotReady",
        {READY: "0x10 1x10"},
        ({READY: "1x20"}, {READY: "1x0 0x20"}),
        at="5m",
        healed="12m",
        firing=(
            Firing({"instance": "a", "side": "source"}),
            Firing({"instance": "b", "side": "source"}),
        ),
        alone=False,
    ),
    Case(
        "ManagedAuthJournalFailing",
        on_both(JOURNAL, "1x2 0x5 1x10", "1x20"),
        ({on(JOURNAL, "a"): "1x3 0x0 1x20"},),
        at="4m",
        healed="9m",
        firing=(Firing({"instance": "a"}),),
        alone=False,
    ),
    Case(
        "ManagedAuthJournalOff",
        {BUILD: "1x200"} | on_both(JOURNAL, "_x80 1x100", "1x200"),
        ({on(JOURNAL, "a"): "1x200"}, {on(JOURNAL, "a"): "0x200"}),
        at="60m",
        healed="90m",
        firing=(Firing({"instance": "a"}),),
        alone=False,
    ),
    Case(
        "ManagedAuthSpansDropped",
        {DROPPED: jump(1)},
        ({DROPPED: jump(0)},),
        at="35m",
        healed="45m",
        firing=(Firing({}, "2"),),
        alone=False,
    ),
    Case(
        "ManagedAuthSinkErrors",
        {SINK_ERRORS: jump(1)},
        ({SINK_ERRORS: jump(0)},),
        at="30m",
        healed="45m",
        firing=(Firing({"sink": "traces"}, "2"),),
        alone=False,
    ),
    Case(
        "ManagedAuthDomainsShareOther",
        {OVERFLOW: steady(1, 60) + " 60x200"},
        ({OVERFLOW: "5x200"},),
        at="16m",
        healed="130m",
        firing=(Firing({"label": "domain"}),),
        alone=False,
    ),
)
