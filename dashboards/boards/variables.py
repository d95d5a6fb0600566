"""What can be chosen on top of a dashboard."""

from collections.abc import Callable, Mapping
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.boards.panels import SOURCE
from dashboards.boards.promql import select
from exporter.core.machine import WORKING
from exporter.sinks.metrics.labels import FLOW_TYPE

ALL: Final = model.VariableOption(text="All", value="$__all", selected=True)
EVERYTHING: Final = ".*"
"""Matches a series without the label as well, so that a dashboard works without domains."""


def variable(name: str) -> Builder[model.VariableModel]:
    """The variable of that name.

    Raises:
        KeyError: there is none.
    """
    return _BY_NAME[name]()


def _datasource() -> Builder[model.VariableModel]:
    found = dashboard.DatasourceVariable("datasource").label("Metrics").type("prometheus")
    return found.description("The Prometheus that scrapes the exporter.")


def _traces() -> Builder[model.VariableModel]:
    found = dashboard.DatasourceVariable("traces").label("Traces").type("jaeger")
    return found.description(
        "Where the traces of logins are. For another backend than Jaeger, change this variable's "
        "type."
    )


def _job() -> Builder[model.VariableModel]:
    # All of them is what the list holds, and not everything: process metrics have other jobs too.
    asked = "label_values(managed_auth_exporter_build_info, job)"
    return _asked("job", "Job", asked, "The scrape job: one follows one organisation.")


def _domain() -> Builder[model.VariableModel]:
    asked = f"label_values({select('managed_auth_flows_started_total')}, domain)"
    found = _asked("domain", "Domain", asked, "The domain of the connection.")
    return found.all_value(EVERYTHING)


def _asked(name: str, label: str, query: str, description: str) -> dashboard.QueryVariable:
    found = dashboard.QueryVariable(name).label(label).description(description).datasource(SOURCE)
    found.query({"query": query, "refId": f"variable-{name}"}).current(ALL)
    found.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    found.sort(model.VariableSort.ALPHABETICAL_ASC)
    return found.multi(multi=True).include_all(include_all=True)


def _flow_type() -> Builder[model.VariableModel]:
    return _fixed("flow_type", "Flow type", FLOW_TYPE.values, "Who began the login.")


def _step() -> Builder[model.VariableModel]:
    return _fixed("step", "Step", WORKING, "The step of the login, for the heatmap of steps.")


def _fixed(
    name: str, label: str, values: tuple[str, ...], description: str
) -> Builder[model.VariableModel]:
    found = dashboard.CustomVariable(name).label(label).description(description)
    found.values(",".join(values)).current(ALL).all_value(EVERYTHING)
    return found.multi(multi=True).include_all(include_all=True)


_BY_NAME: Final[Mapping[str, Callable[[], Builder[model.VariableModel]]]] = {
    "datasource": _datasource,
    "traces": _traces,
    "job": _job,
    "flow_type": _flow_type,
    "domain": _domain,
    "step": _step,
}
