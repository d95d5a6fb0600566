"""How long logins take: their steps, and what of them is waiting for somebody."""

from typing import Final

from dashboards.alerting.recording import QUANTILES
from dashboards.boards.promql import FLOW_TYPE, STEP, buckets, mean, quantile
from dashboards.boards.service_level import NONE_ENDED
from dashboards.boards.spec import POINT, Panel, Query, Shape

WAITING: Final = "managed_auth_flow_waiting_seconds"
WORKING: Final = "managed_auth_flow_working_seconds"
STEPS: Final = "managed_auth_step_duration_seconds"


def login_times() -> tuple[Panel, ...]:
    """The panels."""
    return (*_TIMES, *_quantiles())


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
