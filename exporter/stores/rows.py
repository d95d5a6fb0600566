"""Batches -> rows of the SQLite journal -> contents.

Each row has a checksum of its own: SQLite finds pages that are out of shape, but a flipped bit
within a value is just another value to it, and a damaged count would be a wrong one.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final
from zlib import crc32

from exporter.stores.store import Batch, Contents, SavedConnection, Unsent

MAX_FORGOTTEN: Final = 100_000
"""So many forgotten connections are remembered, the latest: about 10 MB."""

BEGAN: Final = "began"
LISTED: Final = "listed"

_UPSERT_CONNECTION: Final = """
    INSERT INTO connections VALUES (CAST(? AS TEXT), ?, CAST(? AS TEXT), ?)
    ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, last_event_id = excluded.last_event_id, checksum = excluded.checksum
"""
_REMEMBER: Final = "DELETE FROM forgotten WHERE id = CAST(? AS TEXT)"
_FORGET: Final = """
    INSERT INTO forgotten VALUES (CAST(? AS TEXT), ?, ?)
    ON CONFLICT (id) DO UPDATE SET at_ns = excluded.at_ns, checksum = excluded.checksum
"""
_DROP_CONNECTION: Final = "DELETE FROM connections WHERE id = CAST(? AS TEXT)"
_PRUNE_FORGOTTEN: Final = """
    DELETE FROM forgotten
    WHERE id IN (SELECT id FROM forgotten ORDER BY at_ns DESC, id LIMIT -1 OFFSET ?)
"""
_UPSERT_TOTAL: Final = """
    INSERT INTO totals VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET count = excluded.count, checksum = excluded.checksum
"""
_DROP_UNSENT: Final = "DELETE FROM unsent WHERE number <= ?"
_UPSERT_UNSENT: Final = "INSERT OR REPLACE INTO unsent VALUES (?, ?, ?, ?)"
_UPSERT_MOMENT: Final = """
    INSERT INTO moments VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET at_ns = excluded.at_ns, checksum = excluded.checksum
"""

Row = tuple[Any, ...]
Part = str | bytes | int


class DamagedError(Exception):
    """A row is not what was written."""


def text(raw: bytes) -> str:
    """What ``utf8`` made, as the ``text_factory`` of a connection."""
    return raw.decode("utf-8", "surrogatepass")


def utf8(string: str) -> bytes:
    """A string as SQLite keeps it; half a surrogate pair, which UTF-8 has no place for, included.

    JSON may hold one (RFC 8259, section 8.2), so an identifier may.
    """
    return string.encode("utf-8", "surrogatepass")


def writes(batch: Batch) -> Iterator[tuple[str, Iterable[Row]]]:
    """The statements that write a batch, each with the rows that it is to be run with."""
    yield _UPSERT_CONNECTION, (_connection(*item) for item in batch.connections.items())
    yield _REMEMBER, ((utf8(connection_id),) for connection_id in batch.connections)
    if batch.forgotten:
        yield (
            _FORGET,
            (
                (utf8(connection_id), at_ns, _checksum(connection_id, at_ns))
                for connection_id, at_ns in batch.forgotten.items()
            ),
        )
        yield _DROP_CONNECTION, ((utf8(connection_id),) for connection_id in batch.forgotten)
        yield _PRUNE_FORGOTTEN, [(MAX_FORGOTTEN,)]
    yield _UPSERT_TOTAL, (_total(*item) for item in batch.totals.items())
    if batch.sent_up_to:
        yield _DROP_UNSENT, [(batch.sent_up_to,)]
    yield (
        _UPSERT_UNSENT,
        (
            (row.number, row.kind, row.fact, _checksum(row.number, row.kind, row.fact))
            for row in batch.unsent
        ),
    )
    yield (
        _UPSERT_MOMENT,
        (
            (name, at_ns, _checksum(name, at_ns))
            for name, at_ns in ((BEGAN, batch.began_ns), (LISTED, batch.listed_ns))
            if at_ns is not None
        ),
    )


def contents(connection: sqlite3.Connection) -> Contents:
    """All rows.

    Raises:
        DamagedError: a row is not what was written.
        sqlite3.Error: they cannot be read.
    """
    moments: dict[str, int] = dict(_rows(connection, "name, at_ns", "moments"))
    return Contents(
        connections={
            connection_id: SavedConnection(state, last_event_id)
            for connection_id, state, last_event_id in _rows(
                connection, "id, state, last_event_id", "connections"
            )
        },
        forgotten=dict(_rows(connection, "id, at_ns", "forgotten")),
        totals=[(_key(key), count) for key, count in _rows(connection, "key, count", "totals")],
        unsent=[Unsent(*row) for row in _rows(connection, "number, kind, fact", "unsent")],
        began_ns=moments.get(BEGAN),
        listed_ns=moments.get(LISTED),
    )


def _connection(connection_id: str, saved: SavedConnection) -> Row:
    checksum = _checksum(connection_id, saved.state, saved.last_event_id)
    return utf8(connection_id), saved.state, utf8(saved.last_event_id), checksum


def _total(key: tuple[str, ...], count: int) -> Row:
    name = json.dumps(key)
    return name, count, _checksum(name, count)


def _key(name: str) -> tuple[str, ...]:
    return tuple(json.loads(name))


def _rows(connection: sqlite3.Connection, columns: str, table: str) -> Iterator[Row]:
    """The rows of a table in the order in which they first came, without their checksums."""
    for *row, checksum in connection.execute(
        f"SELECT {columns}, checksum FROM {table} ORDER BY rowid"  # noqa: S608 - our own names
    ):
        if not _intact(row, checksum):
            raise DamagedError(f"a row of {table} is not what was written")
        yield tuple(row)


def _intact(row: list[Any], checksum: object) -> bool:
    """A damaged value may also have come back as one of another type."""
    return all(isinstance(part, Part) for part in row) and _checksum(*row) == checksum


def _checksum(*parts: Part) -> int:
    """CRC-32 over the values of a row and their lengths."""
    value = 0
    for part in parts:
        match part:
            case str():
                raw = utf8(part)
            case int():
                raw = b"%d" % part
            case bytes():
                raw = part
        value = crc32(raw, crc32(b"%d:" % len(raw), value))
    return value
