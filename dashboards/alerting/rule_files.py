"""The rules as the files that Prometheus loads."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from dashboards.alerting import alerts, recording
from dashboards.alerting.rule import Alert, Condition, Recording
from dashboards.settings import Settings

_HEADER: Final = "# Written by `python -m dashboards`; `--help` says what can be chosen.\n"


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def render(settings: Settings) -> dict[str, str]:
    """File name -> text.

    Raises:
        ValueError: with these settings an alert could never fire.
    """
    recorded = [
        {
            "name": group.name,
            **({"interval": group.interval} if group.interval else {}),
            "rules": [_recording(rule) for rule in group.rules],
        }
        for group in recording.groups(settings)
    ]
    alerting = [
        {
            "name": group.name,
            "rules": [
                _alert(alert, condition, settings)
                for alert in group.alerts
                for condition in alert.conditions
            ],
        }
        for group in alerts.groups(settings)
    ]
    return {"recording.yml": _file(recorded), "alerts.yml": _file(alerting)}


def _file(groups: list[dict[str, Any]]) -> str:
    body = yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, width=1000)
    return _HEADER + body


def _recording(rule: Recording) -> dict[str, Any]:
    labels = {"labels": dict(rule.labels)} if rule.labels else {}
    return {"record": rule.record, "expr": rule.expr, **labels}


def _alert(alert: Alert, condition: Condition, settings: Settings) -> dict[str, Any]:
    page = f"{settings.runbooks_url}#{alert.name.lower()}"
    dashboard = f"{settings.grafana_url.rstrip('/')}/d/{alert.dashboard}{_chosen(alert)}"
    return {
        "alert": alert.name,
        "expr": condition.expr,
        "for": condition.hold,
        "labels": {"severity": str(condition.severity), **condition.labels},
        "annotations": {
            "summary": _with(alert.summary, condition.labels),
            "description": _with(alert.description, condition.labels),
            "runbook_url": page,
            "dashboard_url": dashboard,
        },
    }


def _chosen(alert: Alert) -> str:
    """What the dashboard is to show: the domain, where the alert is about one."""
    about_domain = "{{ $labels.domain }}" in alert.summary
    return "?var-domain={{ $labels.domain | urlquery }}" if about_domain else ""


def _with(text: str, labels: Mapping[str, str]) -> str:
    """Fill in the rule's own labels, which Prometheus does not offer to its templates."""
    for name, value in labels.items():
        text = text.replace(f"{{{{ $labels.{name} }}}}", value)
    return text
