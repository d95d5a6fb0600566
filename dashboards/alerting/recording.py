"""The recording rules: what alerts and dashboards ask again and again, worked out once.

Names follow Prometheus' ``level:metric:operations`` (Prometheus docs, practices/rules). Everything
is summed over instances and kept apart by ``job``: one job follows one organisation.

Windows of up to an hour are read from the counters. The longer ones add up the hourly rates: three
days of every counter of 200 domains are more samples than Prometheus loads for one query. Of an
hour, because that reaches over what was not scraped meanwhile. They add up and do not average: of
an exporter that is an hour old, an average over three days would tell of 72 times as many flows as
there were.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from dashboards.alerting.rule import Recording, RecordingGroup
from dashboards.alerting.windows import Pace
from dashboards.settings import Settings

SHORT_WINDOWS: Final = ("5m", "30m", "1h")
LONG_WINDOWS: Final = ("6h", "3d")
WINDOWS: Final = (*SHORT_WINDOWS, *LONG_WINDOWS)
QUANTILES: Final = ("0.5", "0.9", "0.99")

OUTCOMES_EVERY: Final = "1m"
"""How often outcomes are worked out: what adds up the short rates has to know it."""

JUDGED: Final = "success|failed|expired"
"""The outcomes that say whether a login worked. Canceled and superseded are somebody's choice, and
of an unknown one nothing is known."""


class _Level(NamedTuple):
    """What flows are counted by."""

    name: str
    labels: str


FLOW_TYPE: Final = _Level("job_flow_type", "job, flow_type")
DOMAIN: Final = _Level("job_domain", "job, domain")
LEVELS: Final = (FLOW_TYPE, DOMAIN)


def ended(level: _Level, window: str) -> str:
    """Flows that ended per second, by outcome."""
    return f"{level.name}_outcome:managed_auth_flows_ended:rate{window}"


def judged(level: _Level, window: str) -> str:
    """Flows per second whose outcome says whether the login worked."""
    return f"{level.name}:managed_auth_flows_judged:rate{window}"


def success(level: _Level, window: str) -> str:
    """The share of these that succeeded; no series where there was none."""
    return f"{level.name}:managed_auth_flow_success:ratio_rate{window}"


def step_quantile(window: str) -> str:
    """How long a visit of a step takes, by quantile; no series where there was none."""
    level = "job_step_flow_type_quantile"
    return f"{level}:managed_auth_step_duration_seconds:histogram_quantile{window}"


def step_visits(window: str) -> str:
    """Visits of a step per second."""
    return f"job_step_flow_type:managed_auth_step_duration_seconds_count:rate{window}"


def website_errors(window: str) -> str:
    """Website errors per second, by category."""
    return f"job_category:managed_auth_website_errors:rate{window}"


def failures(window: str) -> str:
    """Flows that failed or expired per second, by Kernel's error code."""
    return f"job_error_code:managed_auth_flow_failures:rate{window}"


STEP_WINDOWS: Final = ("5m", "1h")
ERROR_WINDOWS: Final = ("5m", "1h")


def groups(settings: Settings) -> tuple[RecordingGroup, ...]:
    """All recording rules."""
    pace = Pace(settings)
    return (
        RecordingGroup("managed-auth-outcomes", tuple(_outcomes(pace)), pace.of(OUTCOMES_EVERY)),
        RecordingGroup("managed-auth-steps", tuple(_steps(pace))),
        RecordingGroup("managed-auth-errors", tuple(_errors(pace))),
    )


def _outcomes(pace: Pace) -> Iterator[Recording]:
    for level in LEVELS:
        for window in WINDOWS:
            yield Recording(ended(level, window), _ended(level, window, pace))
            yield Recording(
                judged(level, window),
                f'sum by ({level.labels}) ({ended(level, window)}{{outcome=~"{JUDGED}"}})',
            )
            yield Recording(
                success(level, window),
                f'sum by ({level.labels}) ({ended(level, window)}{{outcome="success"}})\n'
                f"/ ({judged(level, window)} > 0)",
            )


def _ended(level: _Level, window: str, pace: Pace) -> str:
    if window in LONG_WINDOWS:
        added = f"sum_over_time({ended(level, '1h')}[{pace.of(window)}])"
        return f"{added} * {pace.per(OUTCOMES_EVERY)} / {pace.per(window)}"
    counted = f"rate(managed_auth_flows_ended_total[{pace.of(window)}])"
    return f"sum by ({level.labels}, outcome) ({counted})"


def _steps(pace: Pace) -> Iterator[Recording]:
    for window in STEP_WINDOWS:
        counted = "managed_auth_step_duration_seconds"
        yield Recording(
            step_visits(window),
            f"sum by (job, step, flow_type) (rate({counted}_count[{pace.of(window)}]))",
        )
        for quantile in QUANTILES:
            buckets = f"rate({counted}_bucket[{pace.of(window)}])"
            # Where nothing happened the quantile is NaN, and nothing compares with that.
            yield Recording(
                step_quantile(window),
                f"histogram_quantile({quantile},\n"
                f"  sum by (job, step, flow_type, le) ({buckets})\n"
                ") >= 0",
                {"quantile": quantile},
            )


def _errors(pace: Pace) -> Iterator[Recording]:
    for window in ERROR_WINDOWS:
        shown = f"rate(managed_auth_website_errors_total[{pace.of(window)}])"
        yield Recording(website_errors(window), f"sum by (job, category) ({shown})")
        failed = f"rate(managed_auth_flow_failures_total[{pace.of(window)}])"
        yield Recording(failures(window), f"sum by (job, error_code) ({failed})")
