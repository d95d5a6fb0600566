"""The overview: how logins do, for whoever runs them."""

from typing import Final

from dashboards.promql import (
    FLOW_TYPE,
    STEP,
    age,
    buckets,
    in_range,
    mean,
    per_minute,
    quantile,
)
from dashboards.promql import total as now
from dashboards.recording import QUANTILES
from dashboards.rule import Dashboard
from dashboards.service_level import NONE_ENDED, service_level
from dashboards.settings import Settings
from dashboards.spec import PER_MINUTE, Page, Panel, Query, Row, Shape, at_most

INPUT_SECONDS: Final = 600.0
FLOW_SECONDS: Final = 1200.0
"""Kernel gives a flow 10 minutes for input and 20 minutes overall."""

POINT: Final = "1m"
"""Logins are rare: shorter points would be holes."""

BLOCKED: Final = "managed_auth_connections_reauth_blocked"
ENDED: Final = "managed_auth_flows_ended_total"
FAILURES: Final = "managed_auth_flow_failures_total"
DURATION: Final = "managed_auth_flow_duration_seconds"
WAITING: Final = "managed_auth_flow_waiting_seconds"
WORKING: Final = "managed_auth_flow_working_seconds"
STEPS: Final = "managed_auth_step_duration_seconds"


def page(settings: Settings) -> Page:
    """The dashboard."""
    return Page(
        Dashboard.OVERVIEW,
        "How logins do: against the objective, now, how they end, how long they take, what fails.",
        ("datasource", "traces", "job", "flow_type", "step"),
        (
            Row("Service level", tuple(service_level(settings))),
            Row("Now", _NOW),
            Row("How logins end", _ENDS),
            Row("How long it takes", (*_TIMES, *_quantiles())),
            Row("What goes wrong", _ERRORS),
        ),
    )


_NOW: Final = (
    Panel(
        "In progress, by step",
        Shape.AREAS,
        "short",
        "Login flows that are in each step. Yellow ones wait for somebody, blue ones work.",
        (Query(now("step", "managed_auth_flows_in_progress", FLOW_TYPE), "{{step}}"),),
        decimals=0,
    ),
    Panel(
        "The oldest in each step",
        Shape.GAUGES,
        "s",
        "How long the flow that has been in the step for longest is there. Kernel gives 10 minutes "
        "for input and 20 minutes overall.",
        (
            Query(
                age("managed_auth_oldest_step_entered_timestamp_seconds", "step", oldest=True),
                "{{step}}",
            ),
        ),
        width=5,
        empty="nothing in progress",
        levels=at_most(warning=INPUT_SECONDS, critical=FLOW_SECONDS),
        maximum=FLOW_SECONDS,
    ),
    Panel(
        "Connections by status",
        Shape.GAUGES,
        "short",
        "Auth connections as last listed.",
        (Query(now("status", "managed_auth_connections"), "{{status}}"),),
        width=5,
        decimals=0,
    ),
    Panel(
        "Connections that need a human",
        Shape.GAUGES,
        "short",
        "Auth connections that need a login which Kernel cannot do by itself: all of them, and by "
        "Kernel's reason.",
        (
            Query(now("", BLOCKED), "all"),
            Query(f"{now('reason', BLOCKED)} > 0", "{{reason}}"),
        ),
        width=6,
        levels=at_most(warning=1),
        decimals=0,
    ),
)
_ENDS: Final = (
    Panel(
        "Logins that end, by outcome",
        Shape.BARS,
        PER_MINUTE,
        "Flows that ended, a minute. Whether logins work is told by success, failed and expired; "
        "canceled and superseded are somebody's choice.",
        (Query(per_minute("outcome", ENDED, FLOW_TYPE), "{{outcome}}"),),
        width=10,
        interval=POINT,
    ),
    Panel(
        "Ended in the time range",
        Shape.GAUGES,
        "short",
        "Flows that ended in the time range of the dashboard, by outcome.",
        (Query(in_range("outcome", ENDED, FLOW_TYPE), "{{outcome}}"),),
        width=5,
        decimals=0,
    ),
    Panel(
        "Duration by outcome, 90th percentile",
        Shape.LINES,
        "s",
        "Nine of ten flows of the outcome ended within this time, waiting included.",
        (Query(quantile("0.9", "outcome", DURATION, FLOW_TYPE), "{{outcome}}", exemplar=True),),
        width=9,
        empty=NONE_ENDED,
        interval=POINT,
    ),
)
_TIMES: Final = (
    Panel(
        "Time in a step",
        Shape.HEATMAP,
        "s",
        "How many visits of the chosen steps took how long.",
        (Query(buckets(STEPS, FLOW_TYPE, STEP), "{{le}}", exemplar=True),),
        width=12,
        height=10,
        interval=POINT,
    ),
    Panel(
        "Waiting and working, on average",
        Shape.AREAS,
        "s",
        "The average flow that ended: what of it was waiting for somebody, and what was not.",
        (
            Query(mean(WAITING, FLOW_TYPE), "waiting"),
            Query(mean(WORKING, FLOW_TYPE), "working"),
        ),
        width=6,
        height=10,
        empty=NONE_ENDED,
        interval=POINT,
    ),
    Panel(
        "Waiting and working, 90th percentile",
        Shape.LINES,
        "s",
        "Nine of ten flows waited for somebody, and worked, no longer than this.",
        (
            Query(quantile("0.9", "", WAITING, FLOW_TYPE), "waiting", exemplar=True),
            Query(quantile("0.9", "", WORKING, FLOW_TYPE), "working", exemplar=True),
        ),
        width=6,
        height=10,
        empty=NONE_ENDED,
        interval=POINT,
    ),
)


def _quantiles() -> tuple[Panel, ...]:
    return tuple(
        Panel(
            f"Time in a step, {100 * float(share):g}th percentile",
            Shape.LINES,
            "s",
            f"{100 * float(share):g} of 100 visits of the step took no longer than this.",
            (Query(quantile(share, "step", STEPS, FLOW_TYPE), "{{step}}", exemplar=True),),
            empty="no step was left",
            interval=POINT,
        )
        for share in QUANTILES
    )


_ERRORS: Final = (
    Panel(
        "Website errors, by category",
        Shape.BARS,
        PER_MINUTE,
        "Error messages that websites showed, a minute, by what they are about.",
        (
            Query(
                f"{per_minute('category', 'managed_auth_website_errors_total')} > 0", "{{category}}"
            ),
        ),
        empty="no website showed an error",
        interval=POINT,
    ),
    Panel(
        "Failures, by error code",
        Shape.BARS,
        PER_MINUTE,
        "Flows that failed or expired, a minute, by Kernel's error code.",
        (
            Query(
                f"{per_minute('error_code', FAILURES, FLOW_TYPE)} > 0",
                "{{error_code}}",
                exemplar=True,
            ),
        ),
        empty="no login failed",
        interval=POINT,
    ),
    Panel(
        "Failures, by the last step",
        Shape.BARS,
        PER_MINUTE,
        "Flows that failed or expired, a minute, by the last step that was seen.",
        (Query(f"{per_minute('last_step', FAILURES, FLOW_TYPE)} > 0", "{{last_step}}"),),
        empty="no login failed",
        interval=POINT,
    ),
    Panel(
        "Requests for input, by kind",
        Shape.BARS,
        PER_MINUTE,
        "Times that flows asked somebody for something, a minute.",
        (Query(per_minute("kind", "managed_auth_input_requests_total"), "{{kind}}"),),
        width=12,
        interval=POINT,
    ),
    Panel(
        "Asked again, by kind",
        Shape.BARS,
        PER_MINUTE,
        "Requests for what had been asked for before in the flow, a minute: what was typed did not "
        "do.",
        (
            Query(
                per_minute("kind", "managed_auth_input_requests_total", 'retry="true"'), "{{kind}}"
            ),
        ),
        width=12,
        interval=POINT,
    ),
)
