"""What a dashboard asks Prometheus, read from its JSON: by panels, variables and annotations."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

LABEL_VALUES: Final = re.compile(r"label_values\((.+),\s*(\w+)\)")


class Asked(NamedTuple):
    """One query: of which panel, variable or annotation, and whether for one moment only."""

    where: str
    ref: str
    expr: str
    instant: bool
    exemplar: bool = False


def queries(dashboard: Mapping[str, Any]) -> list[Asked]:
    """All of them, as PromQL with Grafana's variables in it."""
    return [*_of_panels(dashboard), *_of_variables(dashboard), *_of_annotations(dashboard)]


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The panels, without the rows that stand above them."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def _of_panels(dashboard: Mapping[str, Any]) -> Iterator[Asked]:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield Asked(
                f"panel {panel['title']}",
                target["refId"],
                target["expr"],
                target.get("instant", False),
                target.get("exemplar", False),
            )


def _of_variables(dashboard: Mapping[str, Any]) -> Iterator[Asked]:
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            found = LABEL_VALUES.fullmatch(variable["query"]["query"])
            if not found:
                raise ValueError(f"not label_values(): {variable['query']['query']}")
            series, label = found.groups()
            yield Asked(
                f"variable {variable['name']}",
                variable["query"]["refId"],
                f"group by ({label}) ({series})",
                instant=True,
            )


def _of_annotations(dashboard: Mapping[str, Any]) -> Iterator[Asked]:
    for mark in dashboard["annotations"]["list"]:
        yield Asked(f"annotation {mark['name']}", "A", mark["expr"], instant=False)
