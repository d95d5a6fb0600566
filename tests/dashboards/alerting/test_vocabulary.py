"""What alerts and recording rules ask for is what the exporter has: names, labels and values.

A story of an alert makes its own series, so a name that is wrong in both would go unseen there.
"""

from typing import Final

import pytest

from dashboards.alerting import alerts, recording
from tests.support.grafana import DEFAULTS
from tests.support.promql import series
from tests.support.vocabulary import RECORDED, labels, missing, unheard

ENDED: Final = "managed_auth_flows_ended_total"
ILLEGAL: Final = "managed_auth_illegal_transitions_total"
SHARE: Final = "job_flow_type:managed_auth_flow_success:ratio_rate1h"

EXPRESSIONS: Final = [
    *(
        (rule.record, rule.expr)
        for recorded in recording.groups(DEFAULTS)
        for rule in recorded.rules
    ),
    *(
        (alert.name, condition.expr)
        for told in alerts.groups(DEFAULTS)
        for alert in told.alerts
        for condition in alert.conditions
    ),
]


def test_what_is_asked_for_exists() -> None:
    assert len(EXPRESSIONS) > 60
    for name, expr in EXPRESSIONS:
        assert series(expr), name
        assert not list(missing(expr)), name


def test_what_is_picked_is_in_the_vocabulary() -> None:
    for name, expr in EXPRESSIONS:
        assert not list(unheard(expr)), name


def test_what_is_recorded_comes_from_series_with_its_labels() -> None:
    for name, rules in RECORDED.items():
        for rule in rules:
            for behind in series(rule.expr):
                assert labels(name) <= labels(behind.name) | rule.labels.keys(), name


def test_the_labels_of_a_level_are_told_apart() -> None:
    assert labels(recording.failures("1h")) == {"job", "error_code"}
    assert labels(recording.step_quantile("1h")) == {"job", "step", "flow_type", "quantile"}


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("sum by (job, le) (rate(x_bucket[5m])) > 1e3", ["x_bucket"]),
        (
            'up == 0 and on (job) group by (job) (max_over_time(x{a="b"}[1d] offset 1h))',
            ["up", "x"],
        ),
        ('label_replace(a:b:rate5m, "c", "d", "", "")', ["a:b:rate5m"]),
        ("time() - x > bool 10 or absent(y)", ["x", "y"]),
        ('x{a=~"b{2}"} * on (job) group_left (c) y', ["x", "y"]),
    ],
)
def test_every_series_of_an_expression_is_seen(expr: str, names: list[str]) -> None:
    assert [asked.name for asked in series(expr)] == names


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("rate(managed_auth_flow_ended_total[5m])", ["there is no managed_auth_flow_ended_total"]),
        ("managed_auth_step_duration_seconds > 1", ["there is no managed_auth_step_duration"]),
        (f"{SHARE.replace('1h', '2h')} > 1", ["there is no job_flow_type:"]),
        (f'{ENDED}{{step="SUBMITTING"}}', [f"{ENDED} has no step"]),
        (f"sum by (job, le) (rate({ENDED}[5m]))", [f"{ENDED} has no le to group by"]),
        (f"{SHARE} and on (instance) up", [f"{SHARE} has no instance to group by"]),
        (f"up and on (job, domain) {ENDED}", ["up has no domain to group by"]),
        (f'sum by (job, instance) (rate({ENDED}{{outcome="failed"}}[5m]))', []),
    ],
)
def test_what_does_not_exist_is_seen(expr: str, said: list[str]) -> None:
    found = list(missing(expr))
    assert len(found) == len(said)
    assert all(one.startswith(other) for one, other in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        (f'{ENDED}{{outcome="succeeded"}}', [f'{ENDED} has no outcome="succeeded"']),
        (f'{ENDED}{{outcome=~"success|fail"}}', [f'{ENDED} has no outcome="fail"']),
        (f'{ENDED}{{outcome!="success|failed"}}', [f'{ENDED} has no outcome="success|failed"']),
        (f'{ILLEGAL}{{reason=~"unknown_.*"}}', []),
        (f'{ILLEGAL}{{reason!~"unheard_.*"}}', [f'{ILLEGAL} has no reason="unheard_.*"']),
        # A reason, but one for which streams end.
        (f'{ILLEGAL}{{reason="eof"}}', [f'{ILLEGAL} has no reason="eof"']),
        (f'{SHARE}{{flow_type="SIGNUP"}}', [f'{SHARE} has no flow_type="SIGNUP"']),
        ('managed_auth_api_requests_total{code="429", job="any"}', []),
        ('managed_auth_api_requests_total{code="4290"}', None),
        (f'up{{outcome="x"}} or {ENDED}{{code="x"}}', []),
        ('managed_auth_event_lag_seconds_bucket{le="+Inf"}', []),
        ('managed_auth_event_lag_seconds_bucket{le="0.3333"}', None),
        (f'{recording.step_quantile("1h")}{{quantile="0.9"}}', []),
        (f'{recording.step_quantile("1h")}{{quantile="0.95"}}', None),
    ],
)
def test_a_value_that_no_series_has_is_seen(expr: str, said: list[str] | None) -> None:
    """Without words, that anything is said is enough; of labels that are missing others speak."""
    found = list(unheard(expr))
    assert found if said is None else found == said
