"""A panel as data becomes a panel of Grafana's SDK."""

from collections.abc import Mapping
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.alerting.rule import Severity
from dashboards.boards.levels import severity_colour, thresholds
from dashboards.boards.shapes import Builder, shaped
from dashboards.boards.spec import Panel, Query, Shape

SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="$datasource")
EXEMPLARS: Final = (
    "Each dot is one login: its trace_id opens the trace, in the data source that the Prometheus "
    "data source names for it (exemplarTraceIdDestinations), which is best the one of $traces."
)

B = TypeVar("B", bound=Builder)


def build(panel: Panel) -> Builder:
    """The panel, without its place on the grid."""
    return _finished(shaped(panel), panel)


def _finished(built: B, panel: Panel) -> B:
    """What panels of every shape have."""
    exemplars = any(query.exemplar for query in panel.queries)
    built.title(panel.title).description(
        f"{panel.description} {EXEMPLARS}" if exemplars else panel.description
    )
    built.datasource(SOURCE).unit(panel.unit).thresholds(thresholds(panel.levels))
    for place, query in enumerate(panel.queries):
        built.with_target(_target(chr(ord("A") + place), query, panel.shape))
    if panel.empty:
        built.no_value(panel.empty)
    if panel.interval:
        built.interval(panel.interval)
    if panel.decimals is not None:
        built.decimals(panel.decimals)
    if panel.texts:
        built.mappings([_texts(panel.texts)])
    return built


def _target(ref: str, query: Query, shape: Shape) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE)
    target.legend_format(query.legend or "__auto")
    if shape is Shape.HEATMAP:
        target.format(PromQueryFormat.HEATMAP)
    elif shape is Shape.TABLE:
        target.format(PromQueryFormat.TABLE)
    else:
        target.format(PromQueryFormat.TIME_SERIES)
    if query.exemplar:
        target.exemplar(exemplar=True)
    return target.instant() if shape.instant else target.range()


def _texts(texts: Mapping[str, tuple[str, Severity | None]]) -> model.ValueMap:
    return model.ValueMap(
        {
            value: model.ValueMappingResult(text, severity_colour(severity), index=place)
            for place, (value, (text, severity)) in enumerate(texts.items())
        }
    )
