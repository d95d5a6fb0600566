"""The configuration file's mistakes, each with file, line and mend."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.settings.file import MAX_FILE_BYTES, SettingsError, read_file
from exporter.settings.table import ROWS

_OPTIONS = {row.option.yaml_key: row.option for row in ROWS}


def _path(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "exporter.yml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_values_keep_the_text_and_the_place_that_they_were_written_with(tmp_path: Path) -> None:
    path = _path(tmp_path, "# ours\nweb:\n  listen_address: [':1', ':2']\nlog:\n  level: debug\n")
    given_by = read_file(path, _OPTIONS)
    assert given_by["web.listen_address"].values == (":1", ":2")
    assert given_by["log.level"].values == ("debug",)
    assert given_by["log.level"].origin == f"{path}:5:10: log.level"


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n", "web:\n", "~"])
def test_an_empty_file_or_section_gives_nothing(tmp_path: Path, content: str) -> None:
    assert read_file(_path(tmp_path, content), _OPTIONS) == {}


@pytest.mark.parametrize(
    ("content", "place", "mend"),
    [
        ("web:\n  listen_adress: ':1'\n", ":2:3", "did you mean web.listen_address?"),
        ("zzz: 1\n", ":1:1", "known are"),
        ("log: {level: a}\nlog: {level: b}\n", ":2:1", "log is given twice"),
        ("log: {level: a, level: b}\n", ":1:17", "log.level is given twice"),
        ("log: debug\n", ":1:6", "log must hold 'key: value'"),
        ("- a\n- b\n", ":1:1", "the file must hold 'key: value'"),
        ("log: {level: [a]}\n", ":1:14", "log.level needs one value"),
        ("log: {level: }\n", ":1:13", "log.level needs one value"),
        ("connections: [[a]]\n", ":1:15", "no plain value"),
        ("connections: {a: b}\n", ":1:14", "connections needs one value or a list"),
        ("kernel: {api_key: sk-1}\n", ":1:19", "set KERNEL_API_KEY"),
        ("log: [\n", ":2:1", "not valid YAML"),
        ("log: {level: *nobody}\n", ":1:14", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", ":2:1", "not valid YAML"),
        ("? {a: b}\n: c\n", ":1:3", "unknown key"),
        (b"log: \xff\n", "", "not valid YAML"),
        (b"log: \x00\n", "", "not valid YAML"),
    ],
)
def test_a_mistake_names_file_line_and_mend(
    tmp_path: Path, content: str | bytes, place: str, mend: str
) -> None:
    path = _path(tmp_path, content)
    with pytest.raises(SettingsError) as mistake:
        read_file(path, _OPTIONS)
    assert str(mistake.value).startswith(f"{path}{place}")
    assert mend in str(mistake.value)
    assert "\n" not in str(mistake.value)
    assert "sk-1" not in str(mistake.value)


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        read_file(tmp_path / "absent.yml", _OPTIONS)
    with pytest.raises(SettingsError, match="is a directory"):
        read_file(tmp_path, _OPTIONS)


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="over 1 MiB"):
        read_file(_path(tmp_path, b"#" * (MAX_FILE_BYTES + 1)), _OPTIONS)


@given(
    content=st.one_of(st.binary(max_size=200), st.text("{}[]:-&*!|>#\n 'aw\"%@`?,", max_size=60))
)
def test_no_file_crashes_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str
) -> None:
    path = _path(tmp_path_factory.getbasetemp(), content)
    try:
        said = ", ".join(set(read_file(path, _OPTIONS)) - set(_OPTIONS))
    except SettingsError as mistake:
        said = str(mistake).removeprefix(str(path))
    assert said == "" or said.startswith((":", " is"))
    assert "\n" not in said
