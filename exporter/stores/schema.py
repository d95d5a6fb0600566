"""The tables of the SQLite journal: how each version came from the one before it.

A version that has been released is never edited: a change is a further entry of ``MIGRATIONS``.
"""

from typing import Final

APPLICATION_ID: Final = int.from_bytes(b"MaEx", "big")
"""Tells our files from those of others: https://www.sqlite.org/pragma.html#pragma_application_id"""

Migration = tuple[str, ...]
"""Statements that lead from one version to the next."""

MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        """CREATE TABLE connections (
            id TEXT PRIMARY KEY, state BLOB NOT NULL, last_event_id TEXT NOT NULL,
            checksum INTEGER NOT NULL)""",
        """CREATE TABLE forgotten (
            id TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, checksum INTEGER NOT NULL)""",
        """CREATE TABLE totals (
            key TEXT PRIMARY KEY, count INTEGER NOT NULL, checksum INTEGER NOT NULL)""",
        """CREATE TABLE unsent (
            number INTEGER PRIMARY KEY, kind TEXT NOT NULL, fact BLOB NOT NULL,
            checksum INTEGER NOT NULL)""",
        """CREATE TABLE moments (
            name TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, checksum INTEGER NOT NULL)""",
    ),
)
"""The nth entry makes version n of the schema, which ``PRAGMA user_version`` keeps."""
