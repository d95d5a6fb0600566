"""The exporter itself: whether what the other dashboards show can be believed."""

from dashboards.exporter_inside import JOURNAL, SINKS, STATE
from dashboards.exporter_process import PROCESS
from dashboards.exporter_timelines import timelines
from dashboards.exporter_upstream import API, LAG, STREAMS
from dashboards.rule import Dashboard
from dashboards.settings import Settings
from dashboards.spec import Page, Row


def page(settings: Settings) -> Page:
    """The dashboard."""
    return Page(
        Dashboard.EXPORTER,
        "The exporter itself: whether it works, and how the way to Kernel behaves.",
        ("datasource", "traces", "job"),
        (
            Row("State", STATE),
            Row("Event streams", (*STREAMS, *LAG)),
            Row("Kernel API", API),
            Row("Timelines and findings", timelines(settings)),
            Row("Journal", JOURNAL),
            Row("Traces and sinks", SINKS),
            Row("Process", PROCESS),
        ),
    )
