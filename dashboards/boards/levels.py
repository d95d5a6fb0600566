"""How bad a number is becomes a colour."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from dashboards.alerting.rule import Severity
from dashboards.boards import colours
from dashboards.boards.spec import Level


def thresholds(levels: tuple[Level, ...]) -> dashboard.ThresholdsConfig:
    """Where the colour changes, by severity; all good where nothing else is said."""
    steps = [
        model.Threshold(level.start, severity_colour(level.severity))
        for level in levels or (Level(None, None),)
    ]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def severity_colour(severity: Severity | None) -> str:
    """The colour of how bad something is."""
    return colours.GOOD if severity is None else colours.SEVERITIES[severity]
