"""What is marked on every panel over time: moments that explain a bend in a line."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.alerting.rule import Severity
from dashboards.boards import colours
from dashboards.boards.panels import SOURCE
from dashboards.boards.promql import events, select


class _Mark(model.AnnotationQuery):
    """The SDK knows marks from Grafana's own store; those from Prometheus have a title besides."""

    def __init__(self, name: str, expr: str, title: str, severity: Severity) -> None:
        colour = colours.SEVERITIES[severity]
        super().__init__(name=name, datasource=SOURCE, icon_color=colour, expr=expr)
        self._title = title

    def to_json(self) -> dict[str, object]:
        """As Grafana reads it."""
        return {**super().to_json(), "titleFormat": self._title}


def annotations() -> model.AnnotationContainer:
    """Those of every dashboard."""
    illegal = events("reason", "managed_auth_illegal_transitions_total")
    began = select("process_start_time_seconds")
    # The moment itself, and not whether the series was there: that breaks with every failed scrape.
    recently = f"{began} > time() - 0.001 * $__rate_interval_ms"
    return model.AnnotationContainer(
        [
            _Mark(
                "Illegal transitions",
                f"{illegal} > 0",
                "Illegal transition: {{reason}}",
                Severity.WARNING,
            ),
            _Mark(
                "Exporter starts",
                f"count by (job) ({recently})",
                "An exporter of {{job}} was started",
                Severity.INFO,
            ),
        ]
    )
