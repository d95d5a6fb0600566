"""Tables: several instant queries side by side, a row for each value of their common labels."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.boards.spec import Column, Panel


def transformations(panel: Panel) -> list[model.DataTransformerConfig]:
    """Join the queries, then order, name and sort the columns: by the first one of values."""
    fields = [column.field for column in panel.columns]
    order = {field: place for place, field in enumerate(fields)}
    names = {column.field: column.title for column in panel.columns}
    worst = next(column.title for column in panel.columns if column.field.startswith("Value"))
    return [
        model.DataTransformerConfig("merge", options={}),
        model.DataTransformerConfig("filterFieldsByName", options={"include": {"names": fields}}),
        model.DataTransformerConfig(
            "organize", options={"indexByName": order, "renameByName": names}
        ),
        model.DataTransformerConfig("sortBy", options={"sort": [{"field": worst, "desc": True}]}),
    ]


def properties(
    column: Column, thresholds: model.ThresholdsConfig
) -> list[model.DynamicConfigValue]:
    """How the cells of a column look."""
    found = [
        model.DynamicConfigValue("unit", column.unit),
        model.DynamicConfigValue("decimals", column.decimals),
    ]
    if column.levels:
        found.append(model.DynamicConfigValue("thresholds", thresholds))
        found.append(
            model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        )
    if column.link:
        link = {"title": f"Only this {column.title.lower()}", "url": column.link}
        found.append(model.DynamicConfigValue("links", [link]))
    return found
