"""What the dashboards ask for exists, is asked whole, and answers with numbers."""

import re
from collections.abc import Iterator

import pytest

from dashboards.boards.promql import JOB
from dashboards.boards.queries import Asked, queries
from exporter.core.machine import WORKING
from exporter.sinks.metrics import FAMILIES
from exporter.sinks.metrics.labels import FLOW_TYPE
from tests.support.grafana import boards, fill
from tests.support.promql import bare_names, selectors, unaggregated
from tests.support.vocabulary import RECORDED, SERIES, missing, unheard

UNSHOWN: dict[str, str] = {}
"""Families that no dashboard shows, and why."""

ASKED = [asked for board in boards().values() for asked in queries(board)]


def test_what_is_asked_for_exists() -> None:
    for asked in ASKED:
        assert bare_names(asked.expr) <= {"managed_auth_exporter_build_info"}, asked
        assert not list(missing(asked.expr)), asked


def test_what_is_picked_is_in_the_vocabulary() -> None:
    for asked in ASKED:
        assert not list(unheard(asked.expr)), asked


def test_only_the_chosen_jobs_are_asked_for_and_instances_are_put_together() -> None:
    for asked in ASKED:
        found = selectors(asked.expr)
        if not found:
            assert asked.where == "variable job", asked
        assert asked.expr.count(JOB) == len(found), asked
        assert unaggregated(asked.expr) == [], asked
        assert "instance" not in asked.expr, asked


def test_nothing_is_divided_by_zero_and_no_quantile_is_of_nothing() -> None:
    for asked in ASKED:
        for divisor in asked.expr.split(" / ")[1:]:
            assert re.match(r"\(.* > 0\)|[\d.]+$", divisor), asked
        assert asked.expr.count("histogram_quantile") == asked.expr.count(" >= 0"), asked


def test_windows_are_grafanas_to_choose() -> None:
    for asked in ASKED:
        windows = set(re.findall(r"\[(.*?)\]", asked.expr))
        assert windows <= ({"$__range"} if asked.instant else {"$__rate_interval"}), asked


def test_traces_are_asked_for_where_there_are_any() -> None:
    for asked in ASKED:
        found = [SERIES[each.name] for each in selectors(asked.expr) if each.name in SERIES]
        if asked.exemplar:
            assert all(family.exemplar for family in found), asked
        elif asked.where.startswith("panel"):
            buckets = [each for each in selectors(asked.expr) if each.name.endswith("_bucket")]
            assert not any(SERIES[each.name].exemplar for each in buckets), asked


def test_every_family_is_shown_or_there_is_a_reason() -> None:
    shown = {
        SERIES[name].name
        for asked in ASKED
        if asked.where.startswith("panel")
        for name in (*(each.name for each in selectors(asked.expr)), *_behind(asked))
        if name in SERIES
    }
    assert {family.name for family in FAMILIES} - shown == set(UNSHOWN)


def test_what_can_be_chosen_is_in_the_vocabulary() -> None:
    for board in boards().values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "custom":
                offered = tuple(variable["query"].split(","))
                assert offered == {"flow_type": FLOW_TYPE.values, "step": WORKING}[variable["name"]]


def test_every_variable_can_be_filled_in() -> None:
    for asked in ASKED:
        assert "$" not in fill(asked.expr), asked


def test_a_variable_that_nobody_has_is_an_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        fill("up{job=~'$nobody'}")


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ('sum by (a) (rate(up{job=~"$job"}[5m]))', set()),
        ("sum(rate(forgotten[5m]))", {"forgotten"}),
        ('misspelt(up{job="x"})', {"misspelt"}),
    ],
)
def test_a_name_without_a_matcher_is_seen(expr: str, names: set[str]) -> None:
    assert bare_names(expr) == names


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("sum by (a) (rate(x{}[5m])) / (count(y{}) > 0)", []),
        ("rate(x{}[5m]) / sum(y{})", ["x"]),
        ("min(x{}) - max(y{}) * (z{})", ["z"]),
    ],
)
def test_a_series_of_single_instances_is_seen(expr: str, names: list[str]) -> None:
    assert unaggregated(expr) == names


def _behind(asked: Asked) -> Iterator[str]:
    """What the recorded rules that are asked for are made from."""
    for each in selectors(asked.expr):
        for rule in RECORDED.get(each.name, ()):
            yield from re.findall(r"managed_auth_\w+", rule.expr)
