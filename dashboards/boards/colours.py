"""One meaning, one colour, on every dashboard: outcomes, steps, severities and what goes with them.

The names are those of Grafana's palette, which a light and a dark theme show each in its own way.
"""

from collections.abc import Mapping
from typing import Final

from dashboards.alerting.rule import Severity
from exporter.core.machine import FlowState
from exporter.core.observations import Outcome
from exporter.sinks.metrics.labels import CONNECTION_STATUSES, NEEDS_AUTH, UNKNOWN

GOOD: Final = "green"
NEUTRAL: Final = "#8e8e8e"
EXEMPLAR: Final = "rgba(255,0,255,0.7)"
"""The dots on a heatmap, whose own colours leave no other hue."""

SEVERITIES: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "red",
    Severity.WARNING: "orange",
    Severity.INFO: "blue",
}
OUTCOMES: Final[Mapping[str, str]] = {
    Outcome.SUCCESS: GOOD,
    Outcome.FAILED: "red",
    Outcome.EXPIRED: "orange",
    Outcome.CANCELED: "purple",
    Outcome.SUPERSEDED: "light-purple",
    Outcome.UNKNOWN: NEUTRAL,
}
WORKING: Final = "blue"
WAITING: Final = "yellow"
STEPS: Final[Mapping[str, str]] = {
    FlowState.IDLE: NEUTRAL,
    FlowState.DISCOVERING: "light-blue",
    FlowState.AWAITING_INPUT: WAITING,
    FlowState.AWAITING_EXTERNAL_ACTION: "dark-yellow",
    FlowState.SUBMITTING: "dark-blue",
    FlowState.SUCCESS: OUTCOMES[Outcome.SUCCESS],
    FlowState.FAILED: OUTCOMES[Outcome.FAILED],
    FlowState.EXPIRED: OUTCOMES[Outcome.EXPIRED],
    FlowState.CANCELED: OUTCOMES[Outcome.CANCELED],
    UNKNOWN: NEUTRAL,
}
"""Where the exporter works the step is blue, where somebody is waited for it is yellow."""

STATUSES: Final[Mapping[str, str]] = {
    **dict.fromkeys(CONNECTION_STATUSES, GOOD),
    NEEDS_AUTH: SEVERITIES[Severity.WARNING],
    UNKNOWN: NEUTRAL,
}

BY_LEGEND: Final[Mapping[str, Mapping[str, str]]] = {
    "{{outcome}}": OUTCOMES,
    "{{step}}": STEPS,
    "{{last_step}}": STEPS,
    "{{status}}": STATUSES,
    "waiting": {"waiting": WAITING},
    "working": {"working": WORKING},
}
"""The legend of a query -> the colours of the series that it makes."""


def of_series(legends: tuple[str, ...]) -> dict[str, str]:
    """The name of a series -> its colour, where the name has a meaning of its own."""
    return {
        name: colour for legend in legends for name, colour in BY_LEGEND.get(legend, {}).items()
    }
