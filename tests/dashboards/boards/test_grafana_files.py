from pathlib import Path

from dashboards.alerting.slo_alerts import FAST, SLOW
from dashboards.boards.grafana_files import render
from dashboards.boards.queries import panels
from dashboards.settings import Settings
from tests.support.grafana import DEFAULTS, boards

COMMITTED = Path(__file__).parents[3] / "dashboards" / "grafana"


def test_the_committed_files_are_what_the_code_makes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.iterdir()}
    assert committed == render(DEFAULTS), "write them anew: python -m dashboards"


def test_the_objective_reaches_titles_thresholds_and_burn_rates() -> None:
    strict = render(Settings(slo={"LOGIN": 0.98}))["overview.json"]
    assert "LOGIN: success against 98 %" in strict
    assert '"value": 0.98' in strict
    assert " / 0.02" in strict
    assert "REAUTH: " not in strict


def test_the_interval_of_timelines_reaches_its_threshold() -> None:
    rendered = render(Settings(timeline_interval_seconds=123))["exporter.json"]
    assert '"value": 246' in rendered
    assert "every 123 s" in rendered


def test_a_demonstration_has_the_same_dashboards() -> None:
    assert render(Settings(speed=60)) == render(DEFAULTS)


def test_the_lines_of_a_burn_rate_are_where_its_alerts_begin() -> None:
    alerts = {burn.rate: burn.long for burn in (SLOW, *FAST)}
    burns = [panel for panel in panels(boards()["overview.json"]) if "burn rate" in panel["title"]]
    assert len(burns) == len(DEFAULTS.slo)
    for panel in burns:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [step["value"] for step in steps] == [None, *sorted(alerts)]
        for rate, window in alerts.items():
            assert f"{rate:g} over {window}" in panel["description"]
