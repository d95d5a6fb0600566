"""What a dashboard is made of, as data: rows of panels, and panels of queries."""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, NamedTuple

from dashboards.alerting.rule import Dashboard, Severity

COLUMNS: Final = 24
"""The width of Grafana's grid."""

PER_MINUTE: Final = "suffix: /min"
POINT: Final = "1m"
"""Logins are rare: of shorter points, many would be holes."""


class Shape(Enum):
    """How a panel shows its series."""

    LINES = auto()
    AREAS = auto()  # stacked
    BARS = auto()  # stacked
    STATES = auto()
    HEATMAP = auto()
    STAT = auto()
    GAUGES = auto()
    TABLE = auto()

    @property
    def instant(self) -> bool:
        """Whether it shows one moment, and not the course of time."""
        return self in {Shape.STAT, Shape.GAUGES, Shape.TABLE}


class Query(NamedTuple):
    """What is asked; ``exemplar`` asks for the traces behind it as well."""

    expr: str
    legend: str = ""
    exemplar: bool = False


class Level(NamedTuple):
    """From this value on, it is so bad; None is good."""

    start: float | None
    severity: Severity | None


class Column(NamedTuple):
    """A column of a table: the field that it is made from, its head, unit and levels.

    ``link`` is where a click on a cell leads.
    """

    field: str
    title: str
    unit: str = "short"
    decimals: int = 0
    levels: tuple[Level, ...] = ()
    link: str = ""


class Panel(NamedTuple):
    """A panel; ``empty`` is what it says where nothing to show is normal.

    Attributes:
        levels: thresholds; a panel that shows the course of time draws them as lines.
        texts: value -> what is written instead of it.
        minimum, maximum: the ends of the axis or the gauge, where they are known.
        interval: no point stands for less than this.
        columns: of a table, in their order.
    """

    title: str
    shape: Shape
    unit: str
    description: str
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 8
    empty: str = ""
    levels: tuple[Level, ...] = ()
    texts: Mapping[str, tuple[str, Severity | None]] = MappingProxyType({})
    decimals: int | None = None
    minimum: float | None = 0
    maximum: float | None = None
    interval: str = ""
    columns: tuple[Column, ...] = ()


class Row(NamedTuple):
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


class Page(NamedTuple):
    """A whole dashboard; ``variables`` are the names of those that it offers, in their order."""

    uid: Dashboard
    description: str
    variables: tuple[str, ...]
    rows: tuple[Row, ...]


def at_least(good: float, otherwise: Severity) -> tuple[Level, ...]:
    """Good from this value on."""
    return (Level(None, otherwise), Level(good, None))


def at_most(
    warning: float | None = None, critical: float | None = None, info: float | None = None
) -> tuple[Level, ...]:
    """Good below all these."""
    starts = (
        (info, Severity.INFO),
        (warning, Severity.WARNING),
        (critical, Severity.CRITICAL),
    )
    bad = (Level(start, severity) for start, severity in starts if start is not None)
    return (Level(None, None), *bad)
