"""The journal on disk: one SQLite file in the data directory, one writer.

A commit is on the disk when it returns (WAL with ``synchronous=FULL``,
https://www.sqlite.org/pragma.html#pragma_synchronous), so a process may be killed at any moment.
Nothing here repairs or deletes a file: what is damaged is the operator's to look at.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

from exporter.stores import rows
from exporter.stores.faults import READ_ONLY, damaged, denied, refused
from exporter.stores.schema import APPLICATION_ID, MIGRATIONS, Migration
from exporter.stores.store import Batch, Contents, StoreError
from exporter.stores.wal import WriteAheadLog

FILE_NAME: Final = "journal.sqlite3"
BUSY_SECONDS: Final = 1.0
"""How long a process that is just ending may hold the file before another one gives up."""

MIN_BYTES: Final = 512
"""The smallest page, and so the smallest file: https://www.sqlite.org/fileformat2.html"""

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
"""Why a file system without hard links refuses one."""
_PUT_BACK: Final = "put it back; a restart begins anew, or goes on from what is left"
_TABLES: Final = "SELECT count(*) FROM sqlite_schema"


class SqliteStore:
    """Keeps a journal in ``directory``, which is made where it is missing.

    The file is opened, checked and written to on construction. Any thread may use it; they wait for
    each other.

    Args:
        directory: where the journal is, or is to be.
        migrations: how each version of the schema came from the one before it.

    Raises:
        StoreError: the directory or the file cannot be used.
    """

    def __init__(self, directory: Path, *, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        # SQLite may be built to take a name such as file:x for a URI, but none that is absolute.
        self.path: Final = directory.absolute() / FILE_NAME
        # To close a connection that another thread is using would crash the process.
        self._alone: Final = Lock()
        self._log: Final = WriteAheadLog(self.path)
        _make(directory, self.path)
        with self._telling():
            if problem := self._log.problem():
                raise StoreError(f"{self.path}: {damaged(problem)}")
            self._connection: Final = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self._telling():
                self._open(migrations)
            self.load()
            self._file: Final = self._on_disk()
        except BaseException:
            self.close()
            raise

    def load(self) -> Contents:
        """All that is kept."""
        with self._telling():
            try:
                return rows.contents(self._connection)
            except rows.DamagedError as error:
                raise StoreError(f"{self.path}: {damaged(error)}") from error

    def commit(self, batch: Batch, /) -> None:
        """Write the batch, whole or not at all; it is on the disk when this returns."""
        with self._telling():
            if self._on_disk() != self._file:
                raise StoreError(f"{self.path}: it was moved or deleted: {_PUT_BACK}")
            if not self._log.is_whole():
                raise StoreError(f"{self._log.path}: it was moved, deleted or cut: {_PUT_BACK}")
            with self._transaction():
                for statement, values in rows.writes(batch):
                    self._connection.executemany(statement, values)

    def close(self) -> None:
        """Let go of the file; never raises."""
        with self._alone, suppress(sqlite3.Error):
            self._log.closing()
            self._connection.close()

    def _open(self, migrations: Sequence[Migration]) -> None:
        connection = self._connection
        connection.text_factory = rows.text
        # Locked with the first read, until the connection is closed or the process ends.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._recognise(len(migrations))
        if self._value("PRAGMA journal_mode = WAL") != "wal":
            raise StoreError(f"{self.path}: its disk cannot hold it: name another --data-dir")
        connection.execute("PRAGMA synchronous = FULL")
        found = self._value("PRAGMA integrity_check(1)")
        if found != "ok":
            raise StoreError(f"{self.path}: {damaged(found)}")
        self._migrate(migrations)
        # From now on the file alone would do for a journal, if for an old one.
        connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
        self._log.opened()

    def _recognise(self, version: int) -> None:
        """See to it that the file is ours before anything is changed in it."""
        size = self.path.stat().st_size
        if size < MIN_BYTES:  # SQLite would take it for a new one
            raise StoreError(f"{self.path}: {damaged(f'it has {size} bytes')}")
        application = self._value("PRAGMA application_id")
        found = self._value("PRAGMA user_version")
        if application != APPLICATION_ID and (application or found or self._value(_TABLES)):
            raise StoreError(
                f"{self.path}: it belongs to another application: name another --data-dir"
            )
        if found > version:
            raise StoreError(
                f"{self.path}: it was written by a newer version (its schema is {found}, this"
                f" exporter knows {version}): upgrade the exporter, or name another --data-dir"
            )

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        """Bring the schema up to date; writes even where it is, to find out that this is possible.

        https://www.sqlite.org/fileformat2.html#user_version_number is part of the transaction.
        """
        with self._transaction():
            found = self._value("PRAGMA user_version")
            for migration in migrations[found:]:
                for statement in migration:
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {len(migrations)}")

    def _value(self, statement: str) -> Any:  # noqa: ANN401 - whatever SQLite has there
        return self._connection.execute(statement).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Have the connection alone, and tell of every refusal as a ``StoreError``."""
        try:
            with self._alone:
                yield
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise StoreError(f"{self.path}: {refused(error)}") from error
        except OSError as error:
            raise StoreError(f"{self.path}: {denied(error)}") from error

    def _on_disk(self) -> tuple[int, int] | None:
        """Which file is at the path: a writer would not notice that its own is not there."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _make(directory: Path, path: Path) -> None:
    """Make what is missing, readable by this user alone."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreError(f"{directory}: it is not a directory: name another --data-dir") from error
    except OSError as error:
        raise StoreError(f"{directory}: {denied(error)}") from error
    try:
        if not path.exists():
            _create(path)
    except OSError as error:
        raise StoreError(f"{path}: {denied(error)}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {refused(error)}") from error
    for place in (directory, path):
        # SQLite would open a file read-only, and then stumble over its lock.
        if not os.access(place, os.R_OK | os.W_OK):
            raise StoreError(f"{place}: {READ_ONLY}")


def _create(path: Path) -> None:
    """Make the file, whole or not at all: one without anything in it is one that lost it."""
    log = WriteAheadLog(path)
    if log.size():
        raise StoreError(
            f"{path}: it is missing, and its log is there: put it back, or move the log away"
            " to begin anew"
        )
    if mark := log.mark_left():
        raise StoreError(
            f"{path}: it is missing, and {mark} beside it says that it was in use: put it back with"
            " its log, or move that file away to begin anew"
        )
    unfinished = path.with_name(f"{path.name}-{os.getpid()}")
    os.close(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        _publish(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _publish(unfinished: Path, path: Path) -> None:
    """Give the file its name, but take it from no other."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        unfinished.rename(path)
