"""What a unit test of an alert is made of, and how it is put to promtool."""

import re
from collections.abc import Mapping
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

_ADDED: Final = ("severity", "window")
"""Labels of the rules, which the templates do not see."""


class Firing(NamedTuple):
    """An alert that fires: its labels without ``job``, and its value as the texts have it."""

    labels: Mapping[str, str]
    value: str = ""


class Case(NamedTuple):
    """One alert's story.

    ``series`` lets it fire at ``at`` and no more at ``healed``. With each of ``below`` laid over
    them it does not fire: the values there are as close to the thresholds as can be. ``alone`` says
    that one of the two instances alone does not reach them. ``every`` is how often rules are worked
    out: not every minute where the story takes more than a day.
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
    tests = [
        _test("fires, and resolves", told, case, [(case.at, fires), (case.healed, [])]),
        *(
            _test(f"below {n}", _input({**case.series, **over}, case.instances), case)
            for n, over in enumerate(case.below)
        ),
    ]
    if case.alone:
        first = _input(case.series, case.instances[:1])
        tests.append(_test("one instance alone", first, case))
    if not case.fires_without_data:
        tests.append(_test("without data", [], case))
    return tests


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
    own = {key: values for key, values in series.items() if "instance=" in key}
    shared = {key: values for key, values in series.items() if key not in own}
    named = {_with(key, instance): v for instance in instances for key, v in shared.items()}
    named |= {_with(key): values for key, values in own.items()}
    return [{"series": key, "values": values} for key, values in named.items()]


def _with(selector: str, instance: str | None = None) -> str:
    name, _, labels = selector.removesuffix("}").partition("{")
    parts = [labels] if labels else []
    parts.append(f'job="{JOB}"')
    parts.extend([f'instance="{instance}"'] if instance else [])
    return f"{name}{{{','.join(parts)}}}"


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
    return re.sub(r"\{\{ \$value[^}]*\}\}", lambda _: value, text)


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(render(SETTINGS)["alerts.yml"])["groups"]
    return [rule for group in groups for rule in group["rules"]]


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
