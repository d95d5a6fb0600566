"""Every recording rule, worked out by promtool from counters of two instances."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from dashboards.alerting import recording
from dashboards.alerting.recording import DOMAIN, FLOW_TYPE, LONG_WINDOWS, QUANTILES, WINDOWS
from dashboards.alerting.windows import seconds
from tests.dashboards.alerting.case import JOB, SETTINGS, labelled, steady
from tests.dashboards.alerting.login_cases import ended, failures
from tests.dashboards.alerting.test_alerts import judge

MINUTES: Final = 60
PER_MINUTE: Final = {"success": 3, "failed": 1, "canceled": 2}
"""Flows that end on each of the two instances."""
INSTANCES: Final = 2

# Rates of an hour that are added up minute by minute count a flow in each of the sixty minutes
# after it with a sixtieth. Of what happened within this hour, about half has been counted.
ADDED_MINUTES: Final = sum(range(MINUTES + 1)) / 60


def _expected() -> Iterator[tuple[str, float]]:
    for level, own in ((FLOW_TYPE, 'flow_type="LOGIN"'), (DOMAIN, 'domain="a.example"')):
        for window in WINDOWS:
            seen = ADDED_MINUTES if window in LONG_WINDOWS else min(MINUTES, seconds(window) / 60)
            rates = {
                outcome: each * INSTANCES * seen / seconds(window)
                for outcome, each in PER_MINUTE.items()
            }
            for outcome, rate in rates.items():
                yield f'{recording.ended(level, window)}{{{own},outcome="{outcome}"}}', rate
            yield f"{recording.judged(level, window)}{{{own}}}", rates["success"] + rates["failed"]
            yield f"{recording.success(level, window)}{{{own}}}", 0.75
    step = 'step="SUBMITTING",flow_type="LOGIN"'
    for window in recording.STEP_WINDOWS:
        yield f"{recording.step_visits(window)}{{{step}}}", 4 * INSTANCES / 60
        # Half of the visits end in (1, 2], half in (3, 5].
        for quantile, value in zip(QUANTILES, (2.0, 4.6, 4.96), strict=True):
            yield f'{recording.step_quantile(window)}{{{step},quantile="{quantile}"}}', value
    for window in recording.ERROR_WINDOWS:
        yield f'{recording.website_errors(window)}{{category="captcha"}}', 5 * INSTANCES / 60
        yield f'{recording.failures(window)}{{error_code="bot_detected"}}', 6 * INSTANCES / 60


def _counters() -> dict[str, int]:
    step = 'step="SUBMITTING",flow_type="LOGIN",next="SUCCESS"'
    name = "managed_auth_step_duration_seconds"
    buckets = {"1": 0, "2": 2, "3": 2, "5": 4, "+Inf": 4}
    labels = 'category="captcha",step="SUBMITTING",domain="a.example"'
    return {
        **{ended(outcome): each for outcome, each in PER_MINUTE.items()},
        **{f'{name}_bucket{{{step},le="{bound}"}}': each for bound, each in buckets.items()},
        f"{name}_count{{{step}}}": 4,
        f"managed_auth_website_errors_total{{{labels}}}": 5,
        failures("bot_detected"): 6,
    }


def _input() -> list[dict[str, str]]:
    return [
        {
            "series": labelled(key, job=JOB, instance=instance),
            "values": steady(each),
        }
        for key, each in _counters().items()
        for instance in ("a", "b")
    ]


def _test() -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": _input(),
        "promql_expr_test": [
            {
                # To the millionth: the order in which floating-point numbers are added is not ours.
                "expr": f"round({labelled(series, job=JOB)} * 1e6)",
                "eval_time": f"{MINUTES}m",
                "exp_samples": [{"labels": _labels(series), "value": round(value * 1e6)}],
            }
            for series, value in _expected()
        ],
    }


def _labels(series: str) -> str:
    return labelled(series, job=JOB).removeprefix(series.partition("{")[0])


@pytest.mark.real("promtool")
def test_every_recording_rule_adds_up_over_instances(tmp_path: Path) -> None:
    holds, said = judge([_test()], tmp_path)
    assert holds, said


@pytest.mark.real("promtool")
def test_nothing_is_recorded_where_nothing_happened(tmp_path: Path) -> None:
    """No ratio of nothing, no quantile of nothing: a NaN would show as one, and compare as none."""
    quiet = [{**series, "values": "0x100"} for series in _input()]
    rest = _test() | {"input_series": quiet}
    for check in rest["promql_expr_test"]:
        sparse = "ratio_rate" in check["expr"] or "quantile" in check["expr"]
        rate = [{"labels": check["exp_samples"][0]["labels"], "value": 0}]
        check["exp_samples"] = [] if sparse else rate
    holds, said = judge([rest], tmp_path)
    assert holds, said


def test_every_recording_rule_is_expected() -> None:
    expected = {series.partition("{")[0] for series, _ in _expected()}
    there = {rule.record for group in recording.groups(SETTINGS) for rule in group.rules}
    assert there == expected


def test_names_have_a_level_a_metric_and_operations() -> None:
    for group in recording.groups(SETTINGS):
        for rule in group.rules:
            level, metric, operations = rule.record.split(":")
            assert level.startswith("job_"), rule.record
            assert metric.startswith("managed_auth_"), rule.record
            assert operations, rule.record
