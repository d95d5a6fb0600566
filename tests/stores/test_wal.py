"""SQLite's log: what becomes of a journal that lost it, in its work and while it was off."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.stores.sqlite import FILE_NAME, SqliteStore
from exporter.stores.store import Batch, StoreError
from exporter.stores.wal import WriteAheadLog
from tests.support.journals import FULL_BATCH

LOG = f"{FILE_NAME}-wal"


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The directory as a killed process leaves it: a copy that was made while it ran."""
    store = SqliteStore(tmp_path / "running")
    store.commit(FULL_BATCH)
    shutil.copytree(tmp_path / "running", tmp_path / "killed")
    store.close()
    return tmp_path / "killed"


def refusal(directory: Path) -> str:
    with pytest.raises(StoreError) as caught:
        SqliteStore(directory)
    return str(caught.value)


def test_what_a_killed_process_leaves_is_a_journal(killed: Path) -> None:
    store = SqliteStore(killed)
    assert len(store.load().connections) == len(FULL_BATCH.connections)
    store.close()


def test_a_journal_is_whole_from_its_first_moment(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_size > 0
    assert (tmp_path / LOG).stat().st_size > 0
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (Path.unlink, f"its log {LOG} is missing"),
        (lambda log: log.write_bytes(b""), f"its log {LOG} is missing"),
        (lambda log: log.write_bytes(bytes(5000)), f"its log {LOG} is none"),
    ],
)
def test_a_log_that_was_lost_while_it_was_off_is_told(
    killed: Path, spoil: Callable[[Path], object], found: str
) -> None:
    spoil(killed / LOG)
    assert f"it is damaged ({found})" in refusal(killed)
    assert f"it is damaged ({found})" in refusal(killed)


def test_a_file_that_is_missing_beside_its_log_is_told_and_nothing_is_touched(killed: Path) -> None:
    (killed / FILE_NAME).rename(killed / "elsewhere")
    content = (killed / LOG).read_bytes()
    assert "it is missing, and its log is there: put it back" in refusal(killed)
    assert (killed / LOG).read_bytes() == content
    (killed / "elsewhere").rename(killed / FILE_NAME)
    SqliteStore(killed).close()


def test_a_file_that_is_missing_with_its_log_is_told_and_nothing_is_made(killed: Path) -> None:
    for name in (LOG, FILE_NAME):
        (killed / name).unlink()
    found = sorted(killed.iterdir())
    assert [path.name for path in found if path.stat().st_size == 0] == [f"{FILE_NAME}-open"]
    for _ in range(2):
        assert f"it is missing, and {FILE_NAME}-open beside it says" in refusal(killed)
        assert sorted(killed.iterdir()) == found
    (killed / f"{FILE_NAME}-open").unlink()
    SqliteStore(killed).close()


@pytest.mark.parametrize(
    "spoil",
    [Path.unlink, lambda log: log.write_bytes(b""), lambda log: log.rename(f"{log}.away")],
)
def test_a_log_that_is_lost_at_work_is_told(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    store = SqliteStore(tmp_path)
    store.commit(FULL_BATCH)
    spoil(tmp_path / LOG)
    with pytest.raises(StoreError, match="it was moved, deleted or cut: put it back"):
        store.commit(Batch(totals={("a",): 1}))
    store.close()


def test_a_log_that_was_put_back_is_used_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    (tmp_path / LOG).rename(tmp_path / "away")
    with pytest.raises(StoreError):
        store.commit(FULL_BATCH)
    (tmp_path / "away").rename(tmp_path / LOG)
    store.commit(FULL_BATCH)
    assert len(store.load().connections) == len(FULL_BATCH.connections)
    store.close()


def test_an_exporter_that_is_turned_away_takes_no_mark_with_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.commit(FULL_BATCH)
    assert "another exporter is using it" in refusal(tmp_path)
    copy = tmp_path.with_name("copy")
    shutil.copytree(tmp_path, copy)
    (copy / LOG).unlink()
    store.close()
    assert "is missing" in refusal(copy)


def test_a_log_that_was_never_opened_is_whole(tmp_path: Path) -> None:
    assert WriteAheadLog(tmp_path / FILE_NAME).is_whole()
    assert WriteAheadLog(tmp_path / FILE_NAME).problem() is None
