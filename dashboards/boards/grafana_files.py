"""The dashboards as Grafana imports them."""

import json
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.boards import domains, exporter, overview
from dashboards.boards.page import built
from dashboards.boards.spec import Page
from dashboards.settings import Settings


def render(settings: Settings) -> dict[str, str]:
    """The name of each file, and its text."""
    return {
        "overview.json": _text(overview.page(settings)),
        "domains.json": _text(domains.page(settings)),
        "exporter.json": _text(exporter.page(settings)),
    }


def _text(page: Page) -> str:
    plain = json.loads(json.dumps(built(page), cls=JSONEncoder))
    for variable in plain["templating"]["list"]:
        _tidy(variable)
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _tidy(variable: dict[str, Any]) -> None:
    """Drop what the SDK writes into every variable, and Grafana reads in one of intervals only."""
    for key in [key for key in variable if key.startswith("auto")]:
        del variable[key]
