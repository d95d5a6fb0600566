"""What a unit test of an alert is made of, and how it is put to promtool."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import yaml

from dashboards.alerting import alerts, recording
from dashboards.alerting.rule_files import render
from dashboards.settings import Settings

SETTINGS: Final = Settings()
JOB: Final = "logins"
BOTH: Final = ("a", "b")

Series = Mapping[str, str]
"""Metric with its labels, ``job`` left out -> promtool's notation, a minute a value. A key that
names an instance counts for that one alone, any other for each."""

ANSWERED: Final = 'managed_auth_api_requests_total{code="200",endpoint="list"}'
HEALTHY: Final[Series] = {
    ANSWERED: "0+4x2000",
    'managed_auth_stream_events_total{event="heartbeat"}': "0+40x2000",
    'managed_auth_stream_events_total{event="state"}': "0+20x2000",
    'managed_auth_timeline_entries_total{result="counted"}': "0+3x2000",
    "managed_auth_spans_exported_total": "0+30x2000",
}
"""What goes on all the time where nothing is wrong, behind every story."""

_OK: Final = 'flow_type="LOGIN",domain="a.example"'
WELL: Final[Series] = {
    f'managed_auth_flows_started_total{{{_OK},entry="discovering"}}': "0+2x400",
    f'managed_auth_flows_ended_total{{{_OK},outcome="success",observed="stream"}}': "0+1.9x400",
    f'managed_auth_flows_ended_total{{{_OK},outcome="failed",observed="stream"}}': "0+0.05x400",
    f'managed_auth_flows_ended_total{{{_OK},outcome="canceled",observed="stream"}}': "0+0.05x400",
    'managed_auth_flow_failures_total{error_code="bot_detected"}': "0+0.01x400",
    'managed_auth_flow_failures_total{error_code="website_error"}': "0+0.04x400",
    'managed_auth_website_errors_total{category="captcha"}': "0+0.01x400",
    'managed_auth_gaps_total{cause="reconnect"}': "0+0.01x400",
    'managed_auth_connections_reauth_blocked{reason="no_credential"}': "0x400",
    'managed_auth_oldest_step_entered_timestamp_seconds{step="AWAITING_INPUT"}': "0+60x400",
    'managed_auth_oldest_step_entered_timestamp_seconds{step="SUBMITTING"}': "0+60x400",
    "managed_auth_oldest_flow_started_timestamp_seconds": "0+60x400",
    'managed_auth_illegal_transitions_total{reason="skipped_step"}': "0x400",
    'managed_auth_illegal_transitions_total{reason="unknown_step"}': "0x400",
    'managed_auth_stream_events_total{event="unknown"}': "0x400",
    'managed_auth_stream_ends_total{reason="terminal"}': "0+2x400",
    'managed_auth_stream_ends_total{reason="network"}': "0+0.02x400",
    'managed_auth_stream_ends_total{reason="idle"}': "0+0.02x400",
    'managed_auth_api_requests_total{code="404",endpoint="retrieve"}': "0+0.1x400",
    'managed_auth_api_requests_total{code="500",endpoint="list"}': "0+0.1x400",
    "managed_auth_api_ratelimit_limit": "600x400",
    "managed_auth_api_ratelimit_remaining": "500x400",
    "managed_auth_stream_last_event_timestamp_seconds": "0+60x400",
    "managed_auth_streams_open": "3x400",
    "process_start_time_seconds": "1x400",
    'managed_auth_event_lag_seconds_bucket{le="0.1"}': "0+20x400",
    'managed_auth_event_lag_seconds_bucket{le="+Inf"}': "0+20x400",
    "managed_auth_timeline_stalest_read_timestamp_seconds": "0+60x400",
    'managed_auth_exporter_build_info{version="1"}': "1x400",
    "up": "1x400",
    'managed_auth_exporter_ready{side="source"}': "1x400",
    'managed_auth_exporter_ready{side="sink"}': "1x400",
    "managed_auth_journal_up": "1x400",
    "managed_auth_spans_dropped_total": "0x400",
    'managed_auth_exporter_sink_errors_total{sink="traces"}': "0x400",
    'managed_auth_label_overflow_total{label="domain"}': "0x400",
}
"""A world in which logins fail now and then, and nothing is wrong."""

_ADDED: Final = ("severity", "window")
"""Labels of the rules, which the templates do not see."""


class Firing(NamedTuple):
    """An alert that fires: its labels without ``job``, and its value as the texts have it."""

    labels: Mapping[str, str]
    value: str = ""


class Case(NamedTuple):
    """One alert's story.

    ``series`` lets it fire at ``at`` for the first time, and no more at ``healed``. With each of
    ``below`` laid over them it does not fire: each is just not enough in one respect. ``alone``
    says that one of the two instances alone does not reach them. ``every`` is how often rules are
    worked out: not every minute where the story takes more than a day.
    """

    alert: str
    series: Series
    below: tuple[Series, ...]
    at: str
    healed: str
    firing: tuple[Firing, ...]
    alone: bool = True
    instances: tuple[str, ...] = BOTH
    fires_without_data: bool = False
    by_job: bool = True
    every: str = recording.OUTCOMES_EVERY


def labelled(selector: str, **labels: str) -> str:
    """The same series with labels more."""
    name, _, before = selector.removesuffix("}").partition("{")
    added = [f'{label}="{value}"' for label, value in labels.items()]
    return f"{name}{{{','.join([before, *added] if before else added)}}}"


def on(selector: str, instance: str) -> str:
    """The same, of one instance."""
    return labelled(selector, instance=instance)


def jump(height: float, minute: int = 30, hold: int = 400) -> str:
    """A counter that is 0 and jumps at that minute."""
    return f"0x{minute - 1} {height:g}x{hold}"


def climb(height: int, minute: int = 30, hold: int = 400) -> str:
    """A counter that goes up by one a minute from that minute on, so far."""
    return f"0x{minute - 1} 1+1x{height - 1} {height}x{hold}"


def steady(per_minute: float, minutes: int = 400) -> str:
    """A counter that grows all the time."""
    return f"0+{per_minute:g}x{minutes}"


def story(case: Case) -> list[dict[str, Any]]:
    """The tests of a case, each with input of its own."""
    fires = [_expected(case, firing) for firing in case.firing]
    told = _input(case.series, case.instances)
    before = f"{int(case.at.removesuffix('m')) - int(case.every.removesuffix('m'))}m"
    moments = [(before, []), (case.at, fires), (case.healed, [])]
    tests = [
        _test("fires, not before, and resolves", told, case, moments),
        *(
            _test(f"below {n}", _input({**case.series, **over}, case.instances), case)
            for n, over in enumerate(case.below)
        ),
    ]
    if case.alone:
        first = _input(_without(case.series, case.instances[1]), case.instances[:1])
        tests.append(_test("one instance alone", first, case))
    if not case.fires_without_data:
        tests.append(_test("without data", [], case))
    return tests


def _without(series: Series, instance: str) -> Series:
    mark = f'instance="{instance}"'
    return {key: values for key, values in series.items() if mark not in key}


def _test(
    name: str,
    series: list[dict[str, str]],
    case: Case,
    expected: list[tuple[str, list[dict[str, Any]]]] | None = None,
) -> dict[str, Any]:
    moments = expected or [(case.at, [])]
    return {
        "name": f"{case.alert}: {name}",
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": at, "alertname": case.alert, "exp_alerts": alerts_}
            for at, alerts_ in moments
        ],
    }


def _input(series: Series, instances: tuple[str, ...]) -> list[dict[str, str]]:
    series = {**HEALTHY, **series}
    own = {key: values for key, values in series.items() if "instance=" in key}
    shared = {key: values for key, values in series.items() if key not in own}
    named = {
        labelled(key, job=JOB, instance=instance): values
        for instance in instances
        for key, values in shared.items()
    }
    named |= {labelled(key, job=JOB): values for key, values in own.items()}
    return [{"series": key, "values": values} for key, values in named.items()]


def _expected(case: Case, firing: Firing) -> dict[str, Any]:
    """The alert as promtool expects it: all labels, and its texts filled in."""
    (rule,) = (
        rule
        for rule in _rules()
        if rule["alert"] == case.alert
        and all(firing.labels.get(k, v) == v for k, v in rule["labels"].items())
    )
    labels = ({"job": JOB} if case.by_job else {}) | dict(firing.labels)
    filled = {
        name: _filled(text, labels, firing.value) for name, text in rule["annotations"].items()
    }
    return {"exp_labels": rule["labels"] | labels, "exp_annotations": filled}


def _filled(text: str, labels: Mapping[str, str], value: str) -> str:
    """What Prometheus makes of the template, the formatting of numbers left to the case."""
    for name, said in labels.items():
        if name not in _ADDED:
            text = text.replace(f"{{{{ $labels.{name} }}}}", said)
        text = text.replace(f"{{{{ $labels.{name} | urlquery }}}}", said)
    return re.sub(r"\{\{ \$value[^}]*\}\}", lambda _: value, text)


@cache
def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(render(SETTINGS)["alerts.yml"])["groups"]
    return [rule for group in groups for rule in group["rules"]]


def peace(names: Iterable[str]) -> dict[str, Any]:
    """A day on which all is well, and no alert fires."""
    return {
        "name": "all is well",
        "interval": "1m",
        "input_series": _input(WELL, BOTH),
        "alert_rule_test": [
            {"eval_time": at, "alertname": name, "exp_alerts": []}
            for at in ("5m", "61m", "130m", "300m")
            for name in names
        ],
    }


def suite(
    rule_files: list[str],
    tests: list[dict[str, Any]],
    every: str = recording.OUTCOMES_EVERY,
) -> dict[str, Any]:
    """A file for ``promtool test rules``. What is recorded is worked out before it is looked at."""
    order = [group.name for group in recording.groups(SETTINGS)]
    order += [group.name for group in alerts.groups(SETTINGS)]
    return {
        "rule_files": rule_files,
        "evaluation_interval": every,
        "group_eval_order": order,
        "tests": tests,
    }
