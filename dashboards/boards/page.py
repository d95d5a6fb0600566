"""A page as data becomes a dashboard: its panels on the grid, variables, links and marks."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from dashboards.alerting.rule import Dashboard
from dashboards.boards.annotations import annotations
from dashboards.boards.panels import build
from dashboards.boards.spec import COLUMNS, Page, Panel, Row
from dashboards.boards.variables import variable

TITLES: Final = {
    Dashboard.OVERVIEW: "Managed auth: overview",
    Dashboard.DOMAINS: "Managed auth: domains",
    Dashboard.EXPORTER: "Managed auth: exporter",
}
TAG: Final = "managed-auth"
FROM: Final = "now-1h"
REFRESH: Final = "30s"
_PANE: Final = '{"traces":{"datasource":"${traces}","range":{"from":"${__from}","to":"${__to}"}}}'
EXPLORE: Final = f"/explore?schemaVersion=1&panes={quote(_PANE, safe='${}')}"
"""Grafana's page for searching; the variables are filled in where somebody clicks."""


def built(page: Page) -> model.Dashboard:
    """The dashboard."""
    made = dashboard.Dashboard(TITLES[page.uid]).uid(page.uid).description(page.description)
    made.tags([TAG]).time(FROM, "now").refresh(REFRESH).timezone("browser").editable()
    made.tooltip(model.DashboardCursorSync.CROSSHAIR)
    made.variables([variable(name) for name in page.variables])
    made.links(list(_links(page.uid)))
    finished = made.build()
    finished.annotations = annotations()
    finished.panels = list(_placed(page.rows))
    return finished


def _links(own: Dashboard) -> Iterator[dashboard.DashboardLink]:
    for uid, title in TITLES.items():
        if uid is not own:
            yield (
                _link(title, f"/d/{uid}", "dashboard")
                .include_vars(include_vars=True)
                .keep_time(keep_time=True)
            )
    yield _link("Traces", EXPLORE, "external link").tooltip("Search the traces of logins")


def _link(title: str, url: str, icon: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url).icon(icon)


def _placed(rows: tuple[Row, ...]) -> Iterator[model.Panel | model.RowPanel]:
    """Rows below each other, and in each the panels from left to right, as many as find room."""
    top, number = 0, 0
    for row in rows:
        number += 1
        head = dashboard.Row(row.title).id(number).collapsed(collapsed=False)
        yield head.grid_pos(model.GridPos(h=1, w=COLUMNS, x=0, y=top)).build()
        top += 1
        for shelf in _shelves(row.panels):
            left = 0
            for panel in shelf:
                number += 1
                place = model.GridPos(h=panel.height, w=panel.width, x=left, y=top)
                yield build(panel).id(number).grid_pos(place).build()
                left += panel.width
            top += max(panel.height for panel in shelf)


def _shelves(panels: tuple[Panel, ...]) -> Iterator[list[Panel]]:
    shelf: list[Panel] = []
    for panel in panels:
        if sum(each.width for each in shelf) + panel.width > COLUMNS:
            yield shelf
            shelf = []
        shelf.append(panel)
    yield shelf
