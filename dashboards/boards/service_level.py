"""How logins do against the objective, each type against its own."""

from collections.abc import Iterator
from typing import Final

from dashboards.alerting.recording import FLOW_TYPE, ended, judged
from dashboards.alerting.rule import Severity
from dashboards.alerting.slo_alerts import FAST, SLOW
from dashboards.boards.promql import success
from dashboards.boards.spec import Level, Panel, Query, Shape, at_least, at_most
from dashboards.settings import Settings

WINDOWS: Final = ("5m", "1h", "6h", "3d")
NONE_ENDED: Final = "no login ended"


def service_level(settings: Settings) -> Iterator[Panel]:
    """Three panels for each type of flow that has an objective."""
    for flow_type, objective in settings.slo.items():
        ratios = tuple(Query(_ratio(flow_type, window), window) for window in WINDOWS)
        yield _now(flow_type, objective, ratios)
        yield _course(flow_type, objective, ratios)
        yield _burn(flow_type, objective, ratios)


def _now(flow_type: str, objective: float, ratios: tuple[Query, ...]) -> Panel:
    return Panel(
        f"{flow_type}: success by window",
        Shape.STAT,
        "percentunit",
        f"{_what(flow_type)}; red below the objective of {_percent(objective)}.",
        ratios,
        width=6,
        empty=NONE_ENDED,
        levels=at_least(objective, Severity.CRITICAL),
        decimals=1,
    )


def _course(flow_type: str, objective: float, ratios: tuple[Query, ...]) -> Panel:
    return Panel(
        f"{flow_type}: success against {_percent(objective)}",
        Shape.LINES,
        "percentunit",
        f"{_what(flow_type)}, over windows that end at each moment. The line is the objective.",
        ratios,
        width=9,
        empty=NONE_ENDED,
        levels=at_least(objective, Severity.CRITICAL),
        maximum=1,
        minimum=None,
    )


def _burn(flow_type: str, objective: float, ratios: tuple[Query, ...]) -> Panel:
    budget = 1 - objective
    return Panel(
        f"{flow_type}: burn rate of the error budget",
        Shape.LINES,
        "suffix: times",
        f"How fast {flow_type} flows use up what may fail ({_percent(budget)}): at 1 the budget "
        f"lasts exactly as long as it has to. The lines are where alerts begin: {_alerts()}.",
        tuple(Query(f"(1 - {ratio.expr}) / {budget:g}", ratio.legend) for ratio in ratios),
        width=9,
        empty=NONE_ENDED,
        levels=_burning(),
    )


def _burning() -> tuple[Level, ...]:
    """A line for each alert on the error budget: that of a fast one is not that of the next."""
    fast = sorted(FAST)
    return (*at_most(warning=SLOW.rate), *(Level(each.rate, Severity.CRITICAL) for each in fast))


def _alerts() -> str:
    slow, *fast = (f"{each.rate:g} over {each.long}" for each in (SLOW, *sorted(FAST)))
    return f"{slow} is a warning, {' or '.join(fast)} wakes somebody"


def _ratio(flow_type: str, window: str) -> str:
    recorded = ended(FLOW_TYPE, window), judged(FLOW_TYPE, window)
    return success("", *recorded, f'flow_type="{flow_type}"')


def _what(flow_type: str) -> str:
    return (
        f"From the recording rules: the share of {flow_type} flows that succeed, of those that "
        "succeeded, failed or expired, whatever is chosen as the flow type"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
