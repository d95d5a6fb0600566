"""The journal on a real disk: kept whole, refused in one line, never spoilt further."""

import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.stores.schema import APPLICATION_ID, MIGRATIONS
from exporter.stores.sqlite import FILE_NAME, SqliteStore
from exporter.stores.store import Batch, Contents, SavedConnection, StoreError, Unsent
from tests.support.journals import FULL_BATCH, START_NS, in_a_process

NOBODY = 65534

OPEN = """
import os, sys
from pathlib import Path
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import StoreError
for user in sys.argv[2:]:
    os.setuid(int(user))
try:
    SqliteStore(Path(sys.argv[1])).close()
except StoreError as error:
    print(error)
"""

FILL = """
import os, resource, sys
from pathlib import Path
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import Batch, SavedConnection, StoreError

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

store = SqliteStore(Path(sys.argv[1]))
store.commit(Batch(totals={("a",): 1}, connections={"ma_1": SavedConnection(b"before")}))
before = store.load()
limit(os.stat(str(store.path) + "-wal").st_size + 8192)
many = {f"ma_{n}": SavedConnection(b"x" * 4096) for n in range(99)}
large = Batch(totals={("a",): 2}, connections=many)
for _ in range(3):
    try:
        store.commit(large)
    except StoreError as error:
        print(error)
assert store.load() == before
limit(resource.RLIM_INFINITY)
store.commit(large)
assert dict(store.load().totals) == {("a",): 2}, store.load().totals
assert len(store.load().connections) == 99
store.close()
"""


def reopened(directory: Path) -> Contents:
    store = SqliteStore(directory)
    try:
        return store.load()
    finally:
        store.close()


def refusal(directory: Path) -> str:
    """The one line that tells why the directory cannot be used."""
    with pytest.raises(StoreError) as caught:
        SqliteStore(directory)
    line = str(caught.value)
    assert line.isprintable()
    assert str(directory) in line
    return line


def written(directory: Path) -> Path:
    """A journal with something of everything, closed; the file that it is in."""
    store = SqliteStore(directory)
    store.commit(FULL_BATCH)
    store.close()
    return directory / FILE_NAME


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that any user may look into and write."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)


def test_a_new_journal_is_empty(tmp_path: Path) -> None:
    assert reopened(tmp_path) == Contents()


def test_what_was_committed_is_there_after_closing(tmp_path: Path) -> None:
    written(tmp_path)
    assert reopened(tmp_path) == Contents(
        connections=FULL_BATCH.connections,
        forgotten=FULL_BATCH.forgotten,
        totals=list(FULL_BATCH.totals.items()),
        unsent=FULL_BATCH.unsent,
        began_ns=FULL_BATCH.began_ns,
        listed_ns=FULL_BATCH.listed_ns,
    )


def test_a_batch_replaces_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    first = Batch(
        connections={"a": SavedConnection(b"1"), "b": SavedConnection(b"1", "e")},
        totals={("x",): 1, ("y",): 1},
        unsent=[Unsent(n, "flow", b"") for n in (1, 2, 3)],
        began_ns=5,
    )
    store.commit(first)
    store.commit(
        Batch(
            connections={"b": SavedConnection(b"2")},
            totals={("y",): 2, ("z",): 1},
            unsent=[Unsent(4, "step", b"4")],
            sent_up_to=2,
            listed_ns=6,
        )
    )

    assert store.load() == Contents(
        connections={"a": SavedConnection(b"1"), "b": SavedConnection(b"2")},
        totals=[(("x",), 1), (("y",), 2), (("z",), 1)],
        unsent=[Unsent(3, "flow", b""), Unsent(4, "step", b"4")],
        began_ns=5,
        listed_ns=6,
    )
    store.close()


def test_a_forgotten_connection_loses_its_state_until_it_is_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.commit(Batch(connections={"a": SavedConnection(b"1"), "b": SavedConnection(b"1")}))
    store.commit(Batch(forgotten={"a": START_NS}))
    assert store.load().connections == {"b": SavedConnection(b"1")}
    assert store.load().forgotten == {"a": START_NS}

    store.commit(Batch(connections={"a": SavedConnection(b"2")}))
    assert store.load().connections["a"] == SavedConnection(b"2")
    assert store.load().forgotten == {}
    store.close()


def test_the_directory_and_the_file_are_this_user_s_alone(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    store = SqliteStore(directory)
    store.commit(FULL_BATCH)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    store.close()

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert modes == dict.fromkeys((FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-open"), 0o600)


def test_commits_reach_the_disk_before_they_return(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    pragmas = {
        name: store._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "locking_mode")
    }
    store.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "locking_mode": "exclusive"}


def test_closing_twice_and_using_it_afterwards_raise_nothing_of_sqlite(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.close()
    store.close()
    with pytest.raises(StoreError):
        store.load()
    with pytest.raises(StoreError):
        store.commit(FULL_BATCH)


def test_closing_waits_for_the_thread_that_is_writing(tmp_path: Path) -> None:
    refused: list[StoreError] = []

    def write(store: SqliteStore) -> None:
        try:
            while True:
                store.commit(FULL_BATCH)
        except StoreError as error:
            refused.append(error)

    for _ in range(20):
        store = SqliteStore(tmp_path)
        thread = threading.Thread(target=write, args=(store,))
        thread.start()
        store.close()
        thread.join(20)
    assert len(refused) == 20


def test_a_second_exporter_is_told_that_the_first_uses_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.commit(Batch(began_ns=1))
    try:
        told = in_a_process(OPEN, str(tmp_path))
        assert "another exporter is using it" in told.stdout, told
        assert told.stdout.count("\n") == 1
        assert "another exporter is using it" in refusal(tmp_path)
        store.commit(Batch(listed_ns=2))  # the first one has not lost its lock
        assert "another exporter is using it" in in_a_process(OPEN, str(tmp_path)).stdout
    finally:
        store.close()
    assert reopened(tmp_path).listed_ns == 2


def test_an_older_schema_is_brought_up_to_date_and_keeps_what_it_held(tmp_path: Path) -> None:
    written(tmp_path)
    more = (*MIGRATIONS, ("CREATE TABLE later (x)", "INSERT INTO later VALUES (1), (2)"))
    SqliteStore(tmp_path, migrations=more).close()
    store = SqliteStore(tmp_path, migrations=more)

    assert store.load().connections == FULL_BATCH.connections
    assert store._value("SELECT count(*) FROM later") == 2
    assert store._value("PRAGMA user_version") == len(more)
    store.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    before = written(tmp_path).read_bytes()
    broken = (*MIGRATIONS, ("CREATE TABLE later (x)", "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(StoreError):
        SqliteStore(tmp_path, migrations=broken)

    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert reopened(tmp_path).connections == FULL_BATCH.connections


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    more = (*MIGRATIONS, ("CREATE TABLE later (x)",))
    SqliteStore(tmp_path, migrations=more).close()
    before = (tmp_path / FILE_NAME).read_bytes()

    assert "written by a newer version" in refusal(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE theirs (x)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"],
)
def test_another_application_s_database_is_refused_and_left_alone(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / FILE_NAME
    with sqlite3.connect(path) as theirs:
        theirs.execute(statement)
    theirs.close()
    before = path.read_bytes()

    assert "belongs to another application" in refusal(tmp_path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"x", b"not a database\n" * 400, b"\0" * 4096])
def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)

    assert "it is damaged" in refusal(tmp_path)
    assert path.read_bytes() == content


def test_a_file_without_a_byte_is_one_that_lost_them(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    assert "it is damaged (it has 0 bytes)" in refusal(tmp_path)


def test_a_value_that_was_changed_behind_its_back_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    with sqlite3.connect(path) as meddler:
        meddler.execute("UPDATE totals SET count = count + 1 WHERE rowid = 3")
    meddler.close()

    assert "a row of totals is not what was written" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["file:x", "file:x?mode=ro", "file:", ":memory:", "a?b#c%20 'd\""])
def test_a_directory_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore(Path(name))
    store.commit(FULL_BATCH)
    store.close()
    assert [path.name for path in (tmp_path / name).iterdir()] == [FILE_NAME]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(reopened(Path(name)).connections) == len(FULL_BATCH.connections)


@pytest.mark.parametrize("inside", ["", "inside"])
def test_a_file_where_the_directory_should_be_is_told(tmp_path: Path, inside: str) -> None:
    (tmp_path / "data").write_text("")
    assert "it is not a directory" in refusal(tmp_path / "data" / inside)


def test_a_directory_where_the_file_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    assert "it cannot be opened" in refusal(tmp_path)


def as_nobody(directory: Path) -> str:
    """What a process prints that may not write everywhere, as root may."""
    told = in_a_process(OPEN, str(directory), str(NOBODY if os.geteuid() == 0 else os.geteuid()))
    assert told.stderr == ""
    assert told.stdout.count("\n") == 1
    return told.stdout


def test_a_directory_that_may_not_be_made_is_told(public: Path) -> None:
    public.chmod(0o555)
    assert "Permission denied: let this user" in as_nobody(public / "data")


def test_a_directory_that_may_not_be_written_is_told(public: Path) -> None:
    public.chmod(0o555)
    assert "Permission denied: let this user" in as_nobody(public)
    public.chmod(0o777)
    written(public)
    public.chmod(0o555)
    assert "it is read-only" in as_nobody(public)


def test_a_file_that_may_not_be_read_is_told(public: Path) -> None:
    written(public).chmod(0)
    assert "hidden from this user: let this user" in as_nobody(public)


def test_a_file_that_may_not_be_written_is_told(public: Path) -> None:
    written(public).chmod(0o444)
    assert "it is read-only" in as_nobody(public)


def test_a_disk_without_room_is_told_at_the_start(tmp_path: Path) -> None:
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n{OPEN}"
    told = in_a_process(code, str(tmp_path))
    assert told.stdout.startswith(f"{tmp_path / FILE_NAME}: the disk refuses"), told
    assert told.stdout.count("\n") == 1


def test_a_disk_that_fills_fails_commits_until_there_is_room_and_loses_nothing(
    tmp_path: Path,
) -> None:
    told = in_a_process(FILL, str(tmp_path))
    assert told.returncode == 0, told
    assert told.stdout.count("the disk refuses") == 3
    assert len(reopened(tmp_path).connections) == 99


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; only root may have one."""
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path)], check=False
        ).returncode
    except FileNotFoundError:
        mounted = 1
    if mounted != 0:
        pytest.skip("no file system can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_small_disk_that_is_full_says_so_and_works_again_with_room(small_disk: Path) -> None:
    store = SqliteStore(small_disk)
    store.commit(Batch(totals={("a",): 1}))
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(2**20))
    large = Batch(connections={f"ma_{n}": SavedConnection(bytes(1000)) for n in range(30)})
    with pytest.raises(StoreError, match="the disk is full: free some space"):
        store.commit(large)
    assert store.load() == Contents(totals=[(("a",), 1)])

    filler.unlink()
    store.commit(large)
    assert len(store.load().connections) == 30
    store.close()


def test_a_read_only_file_system_is_told(small_disk: Path) -> None:
    written(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "it is read-only" in refusal(small_disk)


def test_a_journal_that_was_deleted_while_in_use_is_noticed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    with pytest.raises(StoreError, match="moved or deleted: put it back"):
        store.commit(FULL_BATCH)
    store.close()


def test_the_file_is_marked_as_ours(tmp_path: Path) -> None:
    raw = written(tmp_path).read_bytes()
    # https://www.sqlite.org/fileformat2.html, section 1.3: offset 68
    assert int.from_bytes(raw[68:72], "big") == APPLICATION_ID
