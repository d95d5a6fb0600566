"""The shapes of panels: what makes lines of one, a heatmap or a table of another."""

from collections.abc import Callable, Mapping
from typing import Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat

from dashboards.boards import colours, tables
from dashboards.boards.levels import thresholds
from dashboards.boards.spec import Panel, Shape

FILLED: Final = 70

Builder = (
    timeseries.Panel
    | statetimeline.Panel
    | stat.Panel
    | bargauge.Panel
    | heatmap.Panel
    | table.Panel
)


def shaped(panel: Panel) -> Builder:
    """A panel of that shape, with what no other shape has."""
    return _BY_SHAPE[panel.shape](panel)


def _course(panel: Panel) -> timeseries.Panel:
    """What all panels over time have."""
    built = timeseries.Panel().color_scheme(_palette()).show_points(shapes.VisibilityMode.AUTO)
    built.legend(
        common.VizLegendOptions()
        .show_legend(show_legend=True)
        .display_mode(shapes.LegendDisplayMode.LIST)
        .placement(shapes.LegendPlacement.BOTTOM)
    )
    built.tooltip(
        common.VizTooltipOptions()
        .mode(shapes.TooltipDisplayMode.MULTI)
        .sort(shapes.SortOrder.DESCENDING)
        .hide_zeros(hide_zeros=panel.shape is not Shape.LINES)
    )
    for name, colour in colours.of_series(tuple(q.legend for q in panel.queries)).items():
        built.override_by_name(name, [_fixed(colour)])
    if panel.minimum is not None:
        built.min(panel.minimum)
    if panel.maximum is not None:
        built.max(panel.maximum)
    if panel.levels:
        built.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        )
    return built


def _lines(panel: Panel) -> timeseries.Panel:
    return _course(panel).draw_style(shapes.GraphDrawStyle.LINE).line_width(2)


def _areas(panel: Panel) -> timeseries.Panel:
    built = _course(panel).draw_style(shapes.GraphDrawStyle.LINE).line_width(1)
    return built.fill_opacity(FILLED).stacking(_stacked())


def _bars(panel: Panel) -> timeseries.Panel:
    built = _course(panel).draw_style(shapes.GraphDrawStyle.BARS).line_width(0)
    return built.fill_opacity(FILLED).stacking(_stacked())


def _states(_: Panel) -> statetimeline.Panel:
    built = statetimeline.Panel().fill_opacity(FILLED).merge_values(merge_values=True)
    return built.show_value(shapes.VisibilityMode.NEVER).color_scheme(_by_threshold())


def _heatmap(panel: Panel) -> heatmap.Panel:
    scheme = heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Oranges")
    scheme.scale(heat.HeatmapColorScale.EXPONENTIAL).exponent(0.5).fill("dark-orange").steps(64)
    built = heatmap.Panel().calculate(calculate=False).color(scheme).cell_gap(1)
    built.y_axis(heatmap.YAxisConfig().unit(panel.unit))
    built.cell_values(heatmap.CellValues().unit("short").decimals(0))
    built.filter_values(heatmap.FilterValueRange().le(1e-9)).exemplars_color(colours.EXEMPLAR)
    built.mode(shapes.TooltipDisplayMode.SINGLE).show_y_histogram().show_legend()
    return built.rows_frame(heatmap.RowsHeatmapOptions().layout(shapes.HeatmapCellLayout.AUTO))


def _stat(panel: Panel) -> stat.Panel:
    built = stat.Panel().reduce_options(_last()).graph_mode(shapes.BigValueGraphMode.NONE)
    several = any("{{" in query.legend for query in panel.queries) or len(panel.queries) > 1
    mode = shapes.BigValueTextMode.VALUE_AND_NAME if several else shapes.BigValueTextMode.VALUE
    return built.text_mode(mode).color_mode(shapes.BigValueColorMode.VALUE)


def _gauges(panel: Panel) -> bargauge.Panel:
    built = bargauge.Panel().reduce_options(_last()).min(panel.minimum or 0)
    built.orientation(shapes.VizOrientation.HORIZONTAL).display_mode(
        shapes.BarGaugeDisplayMode.BASIC
    )
    names = colours.of_series(tuple(query.legend for query in panel.queries))
    if not panel.levels:
        built.color_scheme(_palette())
        for name, colour in names.items():
            built.override_by_name(name, [_fixed(colour)])
    if panel.maximum is not None:
        built.max(panel.maximum)
    return built


def _table(panel: Panel) -> table.Panel:
    built = table.Panel().transformations(tables.transformations(panel))
    for column in panel.columns:
        built.override_by_name(
            column.title, tables.properties(column, thresholds(column.levels).build())
        )
    return built


def _fixed(colour: str) -> model.DynamicConfigValue:
    return model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def _palette() -> dashboard.FieldColor:
    """The same name has the same colour in every panel."""
    return dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def _by_threshold() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def _stacked() -> common.StackingConfig:
    return common.StackingConfig().mode(shapes.StackingMode.NORMAL)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


_BY_SHAPE: Final[Mapping[Shape, Callable[[Panel], Builder]]] = {
    Shape.LINES: _lines,
    Shape.AREAS: _areas,
    Shape.BARS: _bars,
    Shape.STATES: _states,
    Shape.HEATMAP: _heatmap,
    Shape.STAT: _stat,
    Shape.GAUGES: _gauges,
    Shape.TABLE: _table,
}
