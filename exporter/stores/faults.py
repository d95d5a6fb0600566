"""What SQLite and the file system refuse, told in one line that names the mend."""

import sqlite3
from typing import Final

_DAMAGED: Final = "it is damaged ({}): restore a copy, or move it away to begin anew"
_IN_USE: Final = "another exporter is using it: stop that one, or name another --data-dir"
_DENIED: Final = "let this user read and write it and its directory, or name another --data-dir"

_MENDS: Final = {
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_IOERR: "the disk refuses ({}): see whether it is full, at a limit, or failing",
    sqlite3.SQLITE_READONLY: f"it is read-only: {_DENIED}",
    sqlite3.SQLITE_CANTOPEN: f"it cannot be opened: {_DENIED}",
    sqlite3.SQLITE_PERM: f"it cannot be opened: {_DENIED}",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_ERROR: _DAMAGED,
}
"""By primary result code (https://www.sqlite.org/rescode.html); ``{}`` is what SQLite says."""

_OTHERWISE: Final = "SQLite cannot use it ({}): see whether its disk is sound"


def damaged(found: object) -> str:
    """What to tell of a file that is not what was written to it."""
    return _DAMAGED.format(found)


def denied(error: OSError) -> str:
    """What to tell where the file system refuses."""
    return f"{error.strerror}: {_DENIED}"


def refused(error: Exception) -> str:
    """What to tell of an error that came out of the sqlite3 module."""
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
    said = error if isinstance(error, sqlite3.Error) else type(error).__name__
    return _MENDS.get(primary, _OTHERWISE).format(said)
