"""Grafana's own types, ``@grafana/schema`` on npm, judge the dashboards; ``tsc`` is their voice."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.boards.queries import panels
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
        (lambda field, _: field.update(units=field.pop("unit")), "'\"units\"'"),
        (lambda field, _: field.update(unit=5), "'number' is not assignable to type 'string'"),
        (lambda field, _: field["thresholds"].update(mode="absolut"), "'\"absolut\"'"),
        (lambda _, options: options.update(graphMod="none"), "'\"graphMod\"'"),
        (lambda _, options: options.update(graphMode="non"), "'\"non\"'"),
    ],
    ids=["misspelt unit", "wrong type", "misspelt value", "misspelt option", "no such option"],
)
def test_the_judge_refuses_what_is_wrong(spoil: Any, complaint: str, judge: Path) -> None:
    board = boards()["overview.json"]
    panel = next(panel for panel in panels(board) if panel["type"] == "stat")
    spoil(panel["fieldConfig"]["defaults"], panel["options"])
    assert complaint in _complaints(board, judge)


def _complaints(board: dict[str, Any], judge: Path) -> str:
    """What tsc says of it."""
    (judge / "board.ts").write_text("\n".join(_source(board)), encoding="utf-8")
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


def _source(board: dict[str, Any]) -> Iterator[str]:
    """The dashboard in TypeScript, and of each panel once more what its kind alone knows."""
    for mark in board["annotations"]["list"]:
        for key in FROM_PROMETHEUS:
            mark.pop(key)
    yield "import type {Custom, Options, PlainDashboard} from './plain.js';"
    yield f"export const board: PlainDashboard = {json.dumps(board)};"
    for panel in panels(board):
        name, kind = f"of{panel['id']}", json.dumps(panel["type"])
        options = json.dumps(panel.get("options", {}))
        yield f"export const options_{name}: Options[{kind}] = {options};"
        custom = panel["fieldConfig"]["defaults"].get("custom")
        if custom:
            yield f"export const custom_{name}: Custom[{kind}] = {json.dumps(custom)};"
