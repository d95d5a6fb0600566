"""The page of runbooks and the reference of the rules, written from the rules themselves."""

from collections.abc import Iterator
from typing import Final

from dashboards.alerting import alerts, recording
from dashboards.alerting.rule import Alert, AlertGroup, Condition
from dashboards.settings import Settings

_RUNBOOKS: Final = """\
# Runbooks

Written from the alerts in `dashboards/`; `make generate` writes it anew. One entry for each alert:
what it means, how to look, how to mend. When each fires stands in [alerts.md](alerts.md).

`critical` wants somebody at once, `warning` today, `info` when there is time. Dashboards are those
of [`dashboards/grafana`](grafana.md); "the exporter's status page" is what it serves at `/`.
"""

_ALERTS: Final = """\
# Alerts and recording rules

Written from the rules in `dashboards/`; `make generate` writes it anew.

## How to use them

Copy them to a folder, again after each upgrade, and name it in Prometheus' configuration:

```sh
mkdir -p /etc/prometheus/rules
cp dashboards/rules/*.yml /etc/prometheus/rules/
```

```yaml
# /etc/prometheus/prometheus.yml
rule_files: [/etc/prometheus/rules/*.yml]
```

Prometheus reads both at its start and on a SIGHUP. <http://localhost:9090/rules> shows the rules; a
page without any says that they are elsewhere, for a pattern that matches no file is no error.
[From nothing to a dashboard](grafana.md) has the whole configuration.

They are checked with `promtool check rules --lint=all`, and each has unit tests. To choose other
objectives, or URLs that can be clicked in a notification, write them anew:

```sh
make dashboards ARGS="--slo LOGIN=0.85 --runbooks-url https://wiki.example/runbooks --output mine"
```

- **Everything sums over instances** and is kept apart by `job`: give each organisation a job of its
  own, and all exporters of an organisation the same.
- **A login counts as good** where it ended as `success`, as bad where it `failed` or `expired`.
  `canceled`, `superseded` and `unknown` count as neither.
- **The objectives** are {slo}. An alert on the error budget needs at least {least} flows that ended
  in its long window, so that one failure in a quiet night pages nobody.
- **Nothing is compared with a past of less than a day**: the alerts that speak of "usual" are
  silent on the first day.
- With `--no-metrics.domain-label` the alerts by domain speak of all domains together.
"""

_TABLE: Final = "\n| alert | severity | for | fires when |\n|---|---|---|---|\n"
_RECORDED: Final = "\n## Recording rules\n\n| name | expression |\n|---|---|\n"


def render_runbooks(settings: Settings | None = None) -> str:
    """docs/runbooks.md."""
    groups = alerts.groups(settings or Settings())
    return _RUNBOOKS + "".join(_section(group) for group in groups)


def render_alerts(settings: Settings | None = None) -> str:
    """docs/alerts.md."""
    chosen = settings or Settings()
    slo = ", ".join(f"{share:.0%} for {kind}" for kind, share in sorted(chosen.slo.items()))
    tables = "".join(
        f"\n## {group.title}\n{_TABLE}{''.join(_rows(group))}" for group in alerts.groups(chosen)
    )
    recorded = "".join(
        f"| `{rule.record}` | {_code(rule.expr)} |\n"
        for group in recording.groups(chosen)
        for rule in group.rules
    )
    return _ALERTS.format(slo=slo, least=chosen.min_flows) + tables + _RECORDED + recorded


def _section(group: AlertGroup) -> str:
    return f"\n## {group.title}\n" + "".join(_entry(alert) for alert in group.alerts)


def _entry(alert: Alert) -> str:
    means, look, mend = alert.runbook
    severity = alert.conditions[0].severity
    return (
        f"\n### {alert.name}\n\n*{severity}*\n\n**What it means.** {means}\n"
        f"\n**How to look.**\n\n{look}\n\n**How to mend.**\n\n{mend}\n"
    )


def _rows(group: AlertGroup) -> Iterator[str]:
    for alert in group.alerts:
        for condition in alert.conditions:
            yield _row(alert, condition)


def _row(alert: Alert, condition: Condition) -> str:
    name = f"[{alert.name}](runbooks.md#{alert.name.lower()})"
    return f"| {name} | {condition.severity} | {condition.hold} | {_code(condition.expr)} |\n"


def _code(expression: str) -> str:
    return "`" + " ".join(expression.split()).replace("|", "\\|") + "`"
