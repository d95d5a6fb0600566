"""Grafana's own types, ``@grafana/schema`` on npm, judge the dashboards; ``tsc`` is their voice."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dashboards.queries import panels
from tests.support.grafana import boards
from tests.support.npm import installed

pytestmark = pytest.mark.real("node")

FILES = Path(__file__).parent / "schema"
TSC_SECONDS = 60
FLAGS = ("--noEmit", "--strict", "--module", "nodenext", "--skipLibCheck")
FROM_PROMETHEUS = ("expr", "titleFormat")
"""What a mark has that comes from Prometheus; the schema knows those of Grafana's own store."""


@pytest.fixture
def judge(tmp_path: Path) -> Path:
    """A folder of this test's own in which tsc finds what npm installed."""
    _, cache = installed(FILES, "@grafana/schema")
    (tmp_path / "node_modules").symlink_to(cache / "node_modules")
    shutil.copy(FILES / "plain.ts", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", sorted(boards()))
def test_a_dashboard_is_what_grafana_says_it_is(name: str, judge: Path) -> None:
    assert _complaints(boards()[name], judge) == ""


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda defaults: defaults.update(units=defaults.pop("unit")), "'\"units\"'"),
        (lambda defaults: defaults.update(unit=5), "'number' is not assignable to type 'string'"),
        (lambda defaults: defaults["thresholds"].update(mode="absolut"), "'\"absolut\"'"),
    ],
    ids=["misspelt unit", "wrong type", "misspelt value"],
)
def test_the_judge_refuses_what_is_wrong(spoil: Any, complaint: str, judge: Path) -> None:
    board = boards()["overview.json"]
    spoil(panels(board)[0]["fieldConfig"]["defaults"])
    assert complaint in _complaints(board, judge)


def _complaints(board: dict[str, Any], judge: Path) -> str:
    """What tsc says of it."""
    for mark in board["annotations"]["list"]:
        for key in FROM_PROMETHEUS:
            mark.pop(key)
    (judge / "board.ts").write_text(
        "import type {PlainDashboard} from './plain.js';\n"
        f"export const board: PlainDashboard = {json.dumps(board)};\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["node", "node_modules/typescript/bin/tsc", *FLAGS, "board.ts"],
        cwd=judge,
        capture_output=True,
        text=True,
        timeout=TSC_SECONDS,
        check=False,
    )
    assert bool(done.returncode) is bool(done.stdout), done.stderr
    return done.stdout
