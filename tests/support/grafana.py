"""Grafana's part before a query reaches Prometheus: variables are replaced by their values."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from dashboards.boards.grafana_files import render
from dashboards.settings import Settings

DEFAULTS: Final = Settings()

EVERYTHING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "job": ".*",
        "flow_type": ".*",
        "domain": ".*",
        "step": ".*",
        "__rate_interval": "1m",
        "__rate_interval_ms": "60000",
        "__range": "15m",
        "__interval": "15s",
    }
)
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?::\w+)?\})")


def fill(expr: str, variables: Mapping[str, str] = EVERYTHING) -> str:
    """The query that Prometheus gets; what ``variables`` lacks is as if all of it were chosen.

    Raises:
        KeyError: the query names a variable that nobody has.
    """
    values = {**EVERYTHING, **variables}
    return _VARIABLE.sub(lambda found: values[found[1] or found[2]], expr)


def boards(settings: Settings = DEFAULTS) -> dict[str, dict[str, Any]]:
    """The dashboards by the name of their file, as Grafana reads them."""
    return {name: json.loads(text) for name, text in render(settings).items()}
