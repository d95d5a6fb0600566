"""The exporter's own state: readiness, journal, traces, sinks."""

from typing import Final

from dashboards.alerting.rule import Severity
from dashboards.boards.promql import age, events, in_range, per_minute, per_second, select
from dashboards.boards.spec import PER_MINUTE, Column, Panel, Query, Shape, at_least, at_most

READY: Final = f"min by (side) ({select('managed_auth_exporter_ready')})"
JOURNAL_UP: Final = f"min({select('managed_auth_journal_up')})"
BUILD_INFO: Final = "managed_auth_exporter_build_info"
BUILD: Final = ("version", "revision", "python")
READY_TEXTS: Final = {"1": ("ready", None), "0": ("not ready", Severity.CRITICAL)}
JOURNAL_TEXTS: Final = {"1": ("written", None), "0": ("failing", Severity.CRITICAL)}
UP: Final = at_least(1, Severity.CRITICAL)
NO_EXPORTER: Final = "no exporter"
NO_JOURNAL: Final = "memory only"
NO_TRACES: Final = "traces are off"

STATE: Final = (
    Panel(
        "Ready, by side",
        Shape.STAT,
        "none",
        "Whether flows can be followed (source) and told of (sink), as /-/ready says; of several "
        "instances the worst.",
        (Query(READY, "{{side}}"),),
        width=5,
        height=5,
        empty=NO_EXPORTER,
        levels=UP,
        texts=READY_TEXTS,
    ),
    Panel(
        "Readiness over time",
        Shape.STATES,
        "none",
        "When flows could be followed (source) and told of (sink); of several instances the worst.",
        (Query(READY, "{{side}}"),),
        width=8,
        height=5,
        empty=NO_EXPORTER,
        levels=UP,
        texts=READY_TEXTS,
    ),
    Panel(
        "Instances",
        Shape.STAT,
        "short",
        "Exporters that are scraped. Several that follow the same connections count each flow "
        "several times.",
        (Query(f"count({select(BUILD_INFO)}) or vector(0)"),),
        width=3,
        height=5,
        levels=at_least(1, Severity.CRITICAL),
    ),
    Panel(
        "Builds",
        Shape.TABLE,
        "string",
        "What is running, and how many instances of it.",
        (Query(f"count by ({', '.join(BUILD)}) ({select(BUILD_INFO)})"),),
        width=8,
        height=5,
        empty=NO_EXPORTER,
        columns=(
            *(Column(label, label.title(), "string") for label in BUILD),
            Column("Value", "Instances"),
        ),
    ),
)
JOURNAL: Final = (
    Panel(
        "Journal now",
        Shape.STAT,
        "none",
        "Whether the journal could be written the last time. Where there is none (no --data-dir), "
        "or while it fails, a restart loses counts.",
        (Query(JOURNAL_UP),),
        width=4,
        empty=NO_JOURNAL,
        levels=UP,
        texts=JOURNAL_TEXTS,
    ),
    Panel(
        "Journal over time",
        Shape.STATES,
        "none",
        "When the journal could be written.",
        (Query(JOURNAL_UP, "journal"),),
        width=8,
        empty=NO_JOURNAL,
        levels=UP,
        texts=JOURNAL_TEXTS,
    ),
    Panel(
        "Age of the last write",
        Shape.LINES,
        "s",
        "Time since the journal was last written: it grows while nothing happens.",
        (Query(age("managed_auth_journal_last_write_timestamp_seconds", oldest=True), "age"),),
        width=6,
        empty=NO_JOURNAL,
    ),
    Panel(
        "Write errors",
        Shape.BARS,
        "short",
        "Times that the journal could not be written; the log and /-/ready say why.",
        (Query(events("", "managed_auth_journal_write_errors_total"), "errors"),),
        width=6,
    ),
)
SINKS: Final = (
    Panel(
        "Spans",
        Shape.LINES,
        PER_MINUTE,
        "Spans that the trace backend took, and spans that were lost, a minute.",
        (
            Query(per_minute("", "managed_auth_spans_exported_total"), "exported"),
            Query(per_minute("", "managed_auth_spans_dropped_total"), "dropped"),
        ),
        width=7,
        empty=NO_TRACES,
    ),
    Panel(
        "Dropped spans",
        Shape.STAT,
        "short",
        "Spans that were lost in the time range: the queue was full, or the backend did not take "
        "them.",
        (Query(in_range("", "managed_auth_spans_dropped_total")),),
        width=3,
        empty=NO_TRACES,
        levels=at_most(warning=1),
        decimals=0,
    ),
    Panel(
        "Errors of sinks",
        Shape.BARS,
        "short",
        "Observations that a sink failed to take: a defect of the exporter, which the log tells.",
        (Query(events("sink", "managed_auth_exporter_sink_errors_total"), "{{sink}}"),),
        width=7,
        empty=NO_EXPORTER,
    ),
    Panel(
        "Time in sinks",
        Shape.AREAS,
        "percentunit",
        "Part of one processor that each sink takes.",
        (Query(per_second("sink", "managed_auth_exporter_sink_seconds_total"), "{{sink}}"),),
        width=7,
        empty=NO_EXPORTER,
    ),
)
