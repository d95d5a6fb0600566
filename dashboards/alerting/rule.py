"""What rules are made of."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


class Recording(NamedTuple):
    """A recording rule; its name is ``level:metric:operations``, the level being its labels."""

    record: str
    expr: str
    labels: Mapping[str, str] = NO_LABELS


class RecordingGroup(NamedTuple):
    """Recording rules that are worked out one after the other: each may use those before it.

    ``interval`` is how often; None leaves it to Prometheus' own setting.
    """

    name: str
    rules: tuple[Recording, ...]
    interval: str | None = None


class Severity(StrEnum):
    """How soon somebody has to look: at once, today, or when there is time."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Dashboard(StrEnum):
    """The dashboards, by their uid in Grafana."""

    OVERVIEW = "managed-auth-overview"
    DOMAINS = "managed-auth-domains"
    EXPORTER = "managed-auth-exporter"


class Condition(NamedTuple):
    """When an alert fires: the expression, and for how long it has to hold."""

    expr: str
    hold: str
    severity: Severity
    labels: Mapping[str, str] = NO_LABELS


class Runbook(NamedTuple):
    """What the page of an alert says: what it means, how to look, how to mend. Markdown."""

    means: str
    look: str
    mend: str


class Alert(NamedTuple):
    """One alert: when it fires, what it says, and what the runbook says of it.

    ``summary`` and ``description`` are Prometheus templates; the latter says what to do first.
    """

    name: str
    conditions: tuple[Condition, ...]
    summary: str
    description: str
    dashboard: Dashboard
    runbook: Runbook


class AlertGroup(NamedTuple):
    """Alerts about one subject."""

    name: str
    title: str
    alerts: tuple[Alert, ...]
