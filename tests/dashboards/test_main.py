"""The generator as a user calls it, and what is committed of its work."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from dashboards.__main__ import HERE, main, render
from dashboards.alerting.alerts import groups
from dashboards.boards.queries import panels
from dashboards.settings import Settings
from tests.support.grafana import boards

PROMETHEUS_MENU: Final = "Status → Targets"


def test_what_is_committed_is_what_the_code_says() -> None:
    for name, text in render(Settings()).items():
        assert (HERE / name).read_text("utf-8") == text, f"{name} is stale: run make generate"
    folders = (HERE / "rules", HERE / "grafana")
    kept = {f"{file.parent.name}/{file.name}" for each in folders for file in each.iterdir()}
    assert kept == set(render(Settings()))


def test_objectives_and_links_are_a_users_to_choose(tmp_path: Path) -> None:
    links = ("--runbooks-url=https://wiki.example/books", "--grafana-url=https://grafana.example/")
    chosen = ("--slo=LOGIN=0.88", "--min-flows=25", "--min-failures=7")
    status = main([*chosen, *links, f"--output={tmp_path}"])
    rules = yaml.safe_load((tmp_path / "rules" / "alerts.yml").read_text("utf-8"))
    first = rules["groups"][0]["rules"][0]
    assert status == 0
    assert "> 0.72)" in first["expr"]
    assert "* 3600 > 24.5)" in first["expr"]
    assert "* 3600 > 6.5)" in first["expr"]
    books = "https://wiki.example/books#managedautherrorbudgetburnfast"
    assert first["annotations"]["runbook_url"] == books
    assert first["annotations"]["dashboard_url"] == (
        "https://grafana.example/d/managed-auth-overview"
    )


def test_with_speed_every_window_shrinks_and_no_name_changes(tmp_path: Path) -> None:
    main(["--speed=60", f"--output={tmp_path}"])
    fast = (tmp_path / "rules" / "recording.yml").read_text("utf-8")
    usual = (HERE / "rules" / "recording.yml").read_text("utf-8")
    assert "[60000ms]" in fast
    assert "[1h]" not in fast
    for text in (fast, usual):
        names = [rule["record"] for g in yaml.safe_load(text)["groups"] for rule in g["rules"]]
        assert names == [line.split()[-1] for line in usual.splitlines() if "record:" in line]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--slo=LOGIN=0.83"],
            "slo LOGIN=0.83 leaves no room to burn 6 times too fast: choose 0.84",
        ),
        (["--slo=LOGIN=90"], "slo LOGIN=90 is no share: it must be above 0 and at most 0.9999"),
        (["--min-failures=0"], "min-failures must be at least 1"),
        (["--timeline-interval=inf"], "timeline-interval must be above 0 and below 604800 seconds"),
        (["--runbooks-url=https://x/#y"], "runbooks-url must be a plain URL"),
        (["--grafana-url={{x}}"], "grafana-url must be a plain URL"),
        (["--slo=LOGIN=most"], "'most' is no share: write it like 0.9"),
        (["--slo=SIGNUP=0.9"], "'SIGNUP' is no flow type: LOGIN, REAUTH"),
        (["--min-flows=0"], "min-flows must be at least 1"),
        (["--timeline-interval=0"], "timeline-interval must be above 0"),
        (["--speed=0.5"], "speed must be 1 to 300"),
        (["--output=/dev/null/x"], "--output: cannot write /dev/null/x"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output = [] if any("--output" in each for each in arguments) else [f"--output={tmp_path}"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, *output])
    assert ended.value.code == 2
    assert line in capsys.readouterr().err.splitlines()[-1]


def test_every_alert_says_what_it_is_what_to_do_first_and_where_to_look() -> None:
    alerts = [alert for group in groups(Settings()) for alert in group.alerts]
    assert len({alert.name for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert alert.name.startswith("ManagedAuth")
        assert "First " in alert.description, alert.name
        for text in (alert.summary, *alert.runbook):
            assert text.strip(), alert.name
        # A link within the page of runbooks leads to an alert that there is.
        named = {each.name.lower() for each in alerts}
        for text in alert.runbook:
            for part in text.split("](#")[1:]:
                assert part.split(")")[0] in named, alert.name


def test_a_runbook_sends_nobody_to_a_panel_that_is_not_there() -> None:
    titles = {panel["title"] for board in boards().values() for panel in panels(board)}
    named = {
        title
        for group in groups(Settings())
        for alert in group.alerts
        for text in alert.runbook
        for title in re.findall(r"(?<!\*)\*([^*\n]+(?:\n +[^*\n]+)?)\*(?!\*)", text)
    }
    assert len(named) > 10
    assert {" ".join(title.split()) for title in named} - {PROMETHEUS_MENU} <= titles
