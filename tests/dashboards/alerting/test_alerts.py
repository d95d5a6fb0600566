"""Every alert, judged by promtool: it fires, not just below, not without data, and it resolves."""

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest

from dashboards.alerting import alerts
from dashboards.alerting.recording import OUTCOMES_EVERY
from tests.dashboards.alerting.case import SETTINGS, Case, jump, peace, story, suite
from tests.dashboards.alerting.login_cases import BURNS, LOGINS
from tests.dashboards.alerting.other_cases import EXPORTER, FLOWS, UPSTREAM

RULES: Final = Path(__file__).parents[3] / "dashboards" / "rules"
CASES: Final = (*BURNS, *LOGINS, *FLOWS, *UPSTREAM, *EXPORTER)
BY_ALERT: Final[Mapping[str, list[Case]]] = {
    name: list(cases)
    for name, cases in groupby(sorted(CASES, key=lambda case: case.alert), lambda case: case.alert)
}


def judge(
    tests: list[dict[str, Any]], folder: Path, every: str = OUTCOMES_EVERY
) -> tuple[bool, str]:
    """Whether promtool finds the tests to hold, and what it says."""
    file = folder / "tests.json"  # JSON is YAML
    rule_files = [str(RULES / name) for name in ("recording.yml", "alerts.yml")]
    file.write_text(json.dumps(suite(rule_files, tests, every)), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real("promtool")
@pytest.mark.parametrize("name", BY_ALERT)
def test_an_alert_fires_when_it_should_and_only_then(name: str, tmp_path: Path) -> None:
    cases = BY_ALERT[name]
    tests = [test for case in cases for test in story(case)]
    holds, said = judge(tests, tmp_path, cases[0].every)
    assert holds, said


@pytest.mark.real("promtool")
def test_nothing_fires_where_nothing_is_wrong(tmp_path: Path) -> None:
    names = {alert.name for group in alerts.groups(SETTINGS) for alert in group.alerts}
    holds, said = judge([peace(names)], tmp_path)
    assert holds, said


@pytest.mark.real("promtool")
def test_a_story_that_is_not_true_is_found_out(tmp_path: Path) -> None:
    (case,) = BY_ALERT["ManagedAuthIllegalTransitions"]
    silent = {series: jump(0) for series in case.series}
    for wrong in (
        case._replace(series=silent),
        case._replace(below=(case.series,)),
        case._replace(healed=case.at),
        case._replace(at="31m"),
        case._replace(firing=(case.firing[0]._replace(value="5"),)),
    ):
        assert not judge(story(wrong), tmp_path)[0]


def test_every_condition_of_every_alert_has_its_story() -> None:
    told: Counter[tuple[str, str, str]] = Counter()
    for case in CASES:
        for firing in case.firing:
            labels = firing.labels
            told[case.alert, labels.get("flow_type", ""), labels.get("window", "")] = 1
    for group in alerts.groups(SETTINGS):
        for alert in group.alerts:
            stories = {key for key in told if key[0] == alert.name}
            for condition in alert.conditions:
                kind, window = (condition.labels.get(x, "") for x in ("flow_type", "window"))
                assert any(key[1:] == (kind, window) or not condition.labels for key in stories), (
                    f"{alert.name} {kind} {window}"
                )


def test_every_story_has_a_case_just_below() -> None:
    assert all(case.below for case in CASES)
