"""The exporter itself: whether what the other dashboards show can be believed."""

from dashboards.alerting.rule import Dashboard
from dashboards.boards.exporter_inside import JOURNAL, SINKS, STATE
from dashboards.boards.exporter_process import PROCESS
from dashboards.boards.exporter_timelines import timelines
from dashboards.boards.exporter_upstream import API, LAG, STREAMS
from dashboards.boards.spec import Page, Row
from dashboards.settings import Settings


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
