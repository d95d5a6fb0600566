"""Text in, a checked value out: what each kind takes, and how it says no."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.settings import kinds
from exporter.settings.kinds import Kind
from exporter.settings.table import ROWS
from exporter.settings.values import BudgetSize, ListenAddress, Secret

_DURATION = kinds.duration(minimum_seconds=1)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (_DURATION, "15s", 15.0),
        (_DURATION, "1h30m", 5400.0),
        (_DURATION, "1.5s", 1.5),
        (_DURATION, "1000ms", 1.0),
        (kinds.duration(minimum_seconds=0), "500ms", 0.5),
        (_DURATION, "2d", 172_800.0),
        (kinds.integer(0, 10), "10", 10),
        (kinds.number(0, 10), "2.5", 2.5),
        (kinds.choice("a", "b"), "b", "b"),
        (kinds.text("ID"), " conn_1 ", "conn_1"),
        (kinds.BOOLEAN, "Yes", True),
        (kinds.BOOLEAN, "off", False),
        (kinds.LISTEN_ADDRESS, ":10464", ListenAddress("", 10464)),
        (kinds.LISTEN_ADDRESS, "[::1]:0", ListenAddress("::1", 0)),
        (kinds.LISTEN_ADDRESS, "exporter.example:80", ListenAddress("exporter.example", 80)),
        (kinds.HTTP_PATH, "/a/metrics", "/a/metrics"),
        (kinds.ORIGIN, "https://api.onkernel.com/", "https://api.onkernel.com"),
        (kinds.SCENARIO_WEIGHT, "totp", ("totp", 1.0)),
        (kinds.SCENARIO_WEIGHT, "totp=0.5", ("totp", 0.5)),
        (kinds.SECRET, " key\n", Secret("key")),
        (kinds.BUDGET_SIZE, "50%", BudgetSize(share=0.5)),
        (kinds.BUDGET_SIZE, "100%", BudgetSize(share=1.0)),
        (kinds.BUDGET_SIZE, "1%", BudgetSize(share=0.01)),
        (kinds.BUDGET_SIZE, "120", BudgetSize(share=0.5, per_minute=120)),
        (kinds.DIRECTORY, "/nowhere/yet", Path("/nowhere/yet")),
    ],
)
def test_a_kind_reads_what_its_metavar_promises(kind: Kind, text: str, value: object) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "mend"),
    [
        (_DURATION, "15", "such as 15s"),
        (_DURATION, "15 parsecs", "such as 15s"),
        (_DURATION, "999ms", "at least 1s"),
        (kinds.integer(0, 10), "11", "use 0 to 10"),
        (kinds.integer(0, 10), "1e3", "whole number"),
        (kinds.number(0, 10), "nan", "use 0 to 10"),
        (kinds.number(0, 10), "many", "no number"),
        (kinds.choice("a", "b"), "c", "none of a, b"),
        (kinds.text("ID"), " ", "give it a value"),
        (kinds.BOOLEAN, "maybe", "neither true nor false"),
        (kinds.LISTEN_ADDRESS, "10464", "such as :10464"),
        (kinds.LISTEN_ADDRESS, ":65536", "use 0 to 65535"),
        (kinds.LISTEN_ADDRESS, "::1:80", "such as :10464"),
        (kinds.HTTP_PATH, "metrics", "/metrics"),
        (kinds.HTTP_PATH, "/metrics?x", "/metrics"),
        (kinds.HTTP_PATH, "/", "/metrics"),
        (kinds.ORIGIN, "api.onkernel.com", "https://api.onkernel.com"),
        (kinds.ORIGIN, "ftp://api.onkernel.com", "https://api.onkernel.com"),
        (kinds.ORIGIN, "https://api.onkernel.com:99999", "https://api.onkernel.com"),
        (kinds.SCENARIO_WEIGHT, "totp=", "number of 0 or more"),
        (kinds.SCENARIO_WEIGHT, "totp=inf", "number of 0 or more"),
        (kinds.SCENARIO_WEIGHT, "=1", "NAME=WEIGHT"),
        (kinds.SECRET, "", "give it the key"),
        (kinds.FILE, "/nowhere/at/all", "no such file"),
        *((kinds.BUDGET_SIZE, text, "1% to 100%") for text in ("0%", "101%", "0", "half", "5.5")),
        (kinds.BUDGET_SIZE, "-1", "requests a minute such as 120"),
        (kinds.DIRECTORY, " ", "name a directory"),
        (kinds.DIRECTORY, "a\nb", "name a directory"),
        (kinds.DIRECTORY, "/dev/null", "is no directory"),
        (kinds.DIRECTORY, "x" * 5000, "file name too long"),
    ],
)
def test_a_refusal_names_the_mend(kind: Kind, text: str, mend: str) -> None:
    with pytest.raises(ValueError, match=re.escape(mend)) as refusal:
        kind.parse(text)
    assert "\n" not in str(refusal.value)


@given(st.text())
def test_any_text_is_read_or_refused_and_never_crashes(text: str) -> None:
    for row in ROWS:
        if row.option.kind is kinds.FILE:
            continue
        try:
            said = row.option.kind.parse(text)
        except ValueError as refusal:
            said = str(refusal)
        assert said not in (None, "")
        assert not isinstance(said, str) or "\n" not in said


def test_a_directory_may_be_there_and_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    assert kinds.DIRECTORY.parse(str(tmp_path)) == tmp_path
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ValueError, match="is no directory: name one"):
        kinds.DIRECTORY.parse(str(file))


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a directory"):
        kinds.FILE.parse(str(tmp_path))


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@api.example", "https://api.example?hunter2", "http://a#hunter2"]
)
def test_a_url_with_a_secret_in_it_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="leave only") as refusal:
        kinds.ORIGIN.parse(url)
    assert "hunter2" not in str(refusal.value)
