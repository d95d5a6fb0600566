"""The overview: how logins do, for whoever runs them."""

from typing import Final

from dashboards.alerting.rule import Dashboard
from dashboards.boards.login_errors import ERRORS
from dashboards.boards.login_times import login_times
from dashboards.boards.promql import (
    FLOW_TYPE,
    age,
    in_range,
    per_minute,
    quantile,
)
from dashboards.boards.promql import total as now
from dashboards.boards.service_level import NONE_ENDED, service_level
from dashboards.boards.spec import PER_MINUTE, POINT, Page, Panel, Query, Row, Shape, at_most
from dashboards.settings import Settings

INPUT_SECONDS: Final = 600.0
FLOW_SECONDS: Final = 1200.0
"""Kernel gives a flow 10 minutes for input and 20 minutes overall."""


BLOCKED: Final = "managed_auth_connections_reauth_blocked"
ENDED: Final = "managed_auth_flows_ended_total"
DURATION: Final = "managed_auth_flow_duration_seconds"


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
            Row("How long it takes", login_times()),
            Row("What goes wrong", ERRORS),
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
        "How long the flow that has been in the step for longest is there, and how old the oldest "
        "flow is. Kernel gives 10 minutes for input and 20 minutes overall.",
        (
            Query(
                age("managed_auth_oldest_step_entered_timestamp_seconds", "step", oldest=True),
                "{{step}}",
            ),
            Query(
                age("managed_auth_oldest_flow_started_timestamp_seconds", oldest=True), "whole flow"
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
