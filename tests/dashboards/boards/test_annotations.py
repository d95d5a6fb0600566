"""What is marked on the time axis, judged by promtool: a moment that was one, and no other."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from dashboards.boards.queries import queries
from tests.support.grafana import boards, fill

FIRST_START: Final = 65
SECOND_START: Final = 665
"""Seconds since the beginning of the story; what starts is scraped at the next whole minute."""

WINDOW: Final = {"__rate_interval": "1m", "__rate_interval_ms": "60000"}


def mark(name: str) -> str:
    """The query of a mark, as Prometheus gets it."""
    (expr,) = {
        asked.expr
        for board in boards().values()
        for asked in queries(board)
        if asked.where == f"annotation {name}"
    }
    return fill(expr, WINDOW)


def holds(expr: str, values: str, marked: dict[str, bool], folder: Path) -> bool:
    """Whether promtool finds the mark at these moments, and only at them."""
    series = 'process_start_time_seconds{job="logins",instance="a"}'
    there = [{"labels": '{job="logins"}', "value": 1}]
    suite: dict[str, Any] = {
        "rule_files": [],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": series, "values": values}],
                "promql_expr_test": [
                    {"expr": expr, "eval_time": at, "exp_samples": there if seen else []}
                    for at, seen in marked.items()
                ],
            }
        ],
    }
    file = folder / "tests.json"  # JSON is YAML
    file.write_text(json.dumps(suite), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    return done.returncode == 0


@pytest.mark.real("promtool")
def test_a_start_is_marked_and_a_gap_in_the_scrapes_is_not(tmp_path: Path) -> None:
    # There at 2m to 5m, away at 6m to 8m, back at 9m, and another process from 12m on.
    values = f"_ _ {FIRST_START}x3 stale _ _ {FIRST_START} stale _ {SECOND_START}x9"
    starts = {"2m", "12m"}
    marked = {f"{minute}m": f"{minute}m" in starts for minute in range(16)}
    assert holds(mark("Exporter starts"), values, marked, tmp_path)


@pytest.mark.real("promtool")
def test_a_restart_between_two_scrapes_is_marked(tmp_path: Path) -> None:
    values = f"_ _ {FIRST_START}x9 {SECOND_START}x9"
    marked = {"11m": False, "12m": True, "13m": False}
    assert holds(mark("Exporter starts"), values, marked, tmp_path)
