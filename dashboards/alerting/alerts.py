"""All alerts, in the order of the runbooks."""

from dashboards.alerting import (
    exporter_alerts,
    flow_alerts,
    login_alerts,
    slo_alerts,
    stream_alerts,
)
from dashboards.alerting.rule import AlertGroup
from dashboards.settings import Settings

_SUBJECTS = (slo_alerts, login_alerts, flow_alerts, stream_alerts, exporter_alerts)


def groups(settings: Settings) -> tuple[AlertGroup, ...]:
    """The groups of alerts.

    Raises:
        ValueError: with these settings an alert could never fire.
    """
    return tuple(subject.group(settings) for subject in _SUBJECTS)
