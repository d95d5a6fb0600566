"""What is on the dashboards besides queries: places, words, units, links."""

import re
from itertools import combinations
from typing import Any
from urllib.parse import unquote

import pytest
from grafana_foundation_sdk.models import units

from dashboards.alerting.rule import Dashboard
from dashboards.boards.page import TITLES
from dashboards.boards.queries import panels
from dashboards.boards.spec import COLUMNS
from exporter.sinks.metrics import FAMILIES
from tests.support.grafana import boards
from tests.support.promql import selectors

SOURCE = {"type": "prometheus", "uid": "$datasource"}
KNOWN_TYPES = {"timeseries", "state-timeline", "stat", "bargauge", "heatmap", "table"}
UNITS = {value for name, value in vars(units).items() if not name.startswith("_")}
OWN_UNITS = {"suffix: /min", "suffix: times"}
OPTIONAL = {family.name for family in FAMILIES if not family.preset}
"""Not there from the start."""

URL = re.compile(r"/d/([\w-]+)")

ALL = [pytest.param(board, id=name) for name, board in boards().items()]
PANELS = [panel for board in boards().values() for panel in panels(board)]


def test_there_is_a_file_for_each_dashboard() -> None:
    found = {board["uid"]: name for name, board in boards().items()}
    assert found == {uid: f"{uid.removeprefix('managed-auth-')}.json" for uid in Dashboard}


@pytest.mark.parametrize("board", ALL)
def test_panels_lie_side_by_side_within_the_grid(board: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    for place in places:
        assert place["x"] >= 0
        assert place["w"] > 0
        assert place["h"] > 0
        assert place["x"] + place["w"] <= COLUMNS
    for one, other in combinations(places, 2):
        assert not _overlap(one, other), (one, other)


@pytest.mark.parametrize("board", ALL)
def test_shelves_are_filled_from_edge_to_edge(board: dict[str, Any]) -> None:
    widths: dict[int, int] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
    assert set(widths.values()) == {COLUMNS}


@pytest.mark.parametrize("board", ALL)
def test_ids_and_titles_are_unique(board: dict[str, Any]) -> None:
    for key in ("id", "title"):
        values = [panel[key] for panel in board["panels"]]
        assert len(set(values)) == len(values)


def test_a_panel_says_what_it_shows() -> None:
    for panel in PANELS:
        assert panel["type"] in KNOWN_TYPES, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert len(panel["description"]) > 15, panel["title"]


def test_every_number_has_a_unit_that_grafana_knows() -> None:
    for panel in PANELS:
        found = [panel["fieldConfig"]["defaults"]["unit"]]
        for override in panel["fieldConfig"]["overrides"]:
            found += [each["value"] for each in override["properties"] if each["id"] == "unit"]
        assert set(found) <= UNITS | OWN_UNITS, panel["title"]
        # Without a unit are only those whose numbers are replaced by words.
        assert ("none" in found) is ("mappings" in panel["fieldConfig"]["defaults"]), panel["title"]
        assert "string" not in found or panel["type"] == "table", panel["title"]


def test_everything_is_asked_of_the_chosen_data_source() -> None:
    for panel in PANELS:
        assert panel["datasource"] == SOURCE, panel["title"]
        assert all(target["datasource"] == SOURCE for target in panel["targets"]), panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs, panel["title"]
        assert len(set(refs)) == len(refs), panel["title"]


def test_a_panel_that_may_be_empty_says_so_in_words() -> None:
    for panel in PANELS:
        empty = [_may_be_empty(target["expr"]) for target in panel["targets"]]
        said = "noValue" in panel["fieldConfig"]["defaults"]
        assert all(empty) <= said <= any(empty), panel["title"]


def test_one_moment_is_asked_for_one_moment() -> None:
    for panel in PANELS:
        one_moment = panel["type"] in {"stat", "bargauge", "table"}
        for target in panel["targets"]:
            assert (target["instant"], target["range"]) == (one_moment, not one_moment), panel[
                "title"
            ]


def test_series_of_one_panel_can_be_told_apart() -> None:
    for panel in PANELS:
        if len(panel["targets"]) > 1 and panel["type"] != "table":
            legends = [target["legendFormat"] for target in panel["targets"]]
            assert "__auto" not in legends, panel["title"]
            assert len(set(legends)) == len(legends), panel["title"]


def test_traces_are_explained_where_there_are_any() -> None:
    for panel in PANELS:
        exemplars = any(target.get("exemplar") for target in panel["targets"])
        assert exemplars is ("exemplarTraceIdDestinations" in panel["description"]), panel["title"]


@pytest.mark.parametrize("board", ALL)
def test_each_dashboard_leads_to_the_others_and_keeps_what_was_chosen(
    board: dict[str, Any],
) -> None:
    inside = [link for link in board["links"] if URL.match(link["url"])]
    assert {URL.match(link["url"])[1] for link in inside} == set(TITLES) - {board["uid"]}  # type: ignore[index]
    assert all(link["includeVars"] and link["keepTime"] for link in inside)
    (traces,) = (unquote(link["url"]) for link in board["links"] if link not in inside)
    assert '"datasource":"${traces}"' in traces


def test_a_click_on_a_domain_chooses_it_and_keeps_the_rest() -> None:
    board = boards()["domains.json"]
    table = next(panel for panel in panels(board) if panel["type"] == "table")
    (url,) = (
        each["value"][0]["url"]
        for override in table["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "links"
    )
    assert url.startswith(
        f"/d/{Dashboard.DOMAINS}?var-domain=${{__value.raw}}&${{__url_time_range}}"
    )
    for variable in board["templating"]["list"]:
        name = variable["name"]
        assert (f"${{{name}:queryparam}}" in url) is (name != "domain")
        assert f"${name}" not in str(table["targets"]) or name != "domain"


@pytest.mark.parametrize("board", ALL)
def test_every_variable_is_used_and_every_used_one_is_there(board: dict[str, Any]) -> None:
    text = unquote(str(board))
    names = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", text))  # Grafana's own begin with two underscores
    assert used == names


def _may_be_empty(expr: str) -> bool:
    """Whether it leaves out what is not above a bound, or asks for what may not be there."""
    asked = {selector.name for selector in selectors(expr)}
    bounded = re.search(r" >=? 0", expr) is not None
    return "or vector(0)" not in expr and (bounded or not asked.isdisjoint(OPTIONAL))


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )
