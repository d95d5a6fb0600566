"""One meaning has one colour."""

from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.alerting.rule import Severity
from dashboards.boards import colours
from dashboards.boards.queries import panels
from exporter.core.machine import WORKING
from exporter.core.observations import Outcome
from exporter.sinks.metrics import labels
from tests.support.grafana import boards


def test_every_outcome_step_status_and_severity_has_a_colour() -> None:
    assert set(colours.OUTCOMES) == set(Outcome)
    assert set(colours.STEPS) == set(labels.STEP.values)
    assert set(colours.STATUSES) == set(labels.STATUS.values)
    assert set(colours.SEVERITIES) == set(Severity)


@pytest.mark.parametrize("table", [colours.OUTCOMES, colours.SEVERITIES])
def test_two_meanings_never_share_a_colour(table: dict[str, str]) -> None:
    assert len(set(table.values())) == len(table)


def test_the_steps_that_can_follow_each_other_differ() -> None:
    assert len({colours.STEPS[step] for step in WORKING}) == len(WORKING)


def test_a_series_has_the_same_colour_wherever_it_is_shown() -> None:
    seen: dict[str, set[str]] = {}
    for name, colour in _fixed():
        seen.setdefault(name, set()).add(colour)
    assert {name for name, found in seen.items() if len(found) > 1} == set()
    assert set(Outcome) <= seen.keys()


def test_whatever_has_a_colour_of_its_own_gets_it() -> None:
    for board in boards().values():
        for panel in panels(board):
            legends = tuple(target["legendFormat"] for target in panel["targets"])
            if panel["type"] == "timeseries":
                assert dict(_of(panel)) == colours.of_series(legends), panel["title"]


def _fixed() -> Iterator[tuple[str, str]]:
    for board in boards().values():
        for panel in panels(board):
            yield from _of(panel)


def _of(panel: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for override in panel["fieldConfig"]["overrides"]:
        for each in override["properties"]:
            if each["id"] == "color":
                yield override["matcher"]["options"], each["value"]["fixedColor"]
