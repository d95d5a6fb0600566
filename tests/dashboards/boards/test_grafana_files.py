from pathlib import Path

from dashboards.boards.grafana_files import render
from dashboards.settings import Settings
from tests.support.grafana import DEFAULTS

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
