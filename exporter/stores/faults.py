"""What SQLite and the file system refuse, told in one line that names the mend."""

import sqlite3
from typing import Final

MAX_SHOWN: Final = 120

_DENIED: Final = "let this user read and write it and its directory, or name another --data-dir"
_IN_USE: Final = "another exporter is using it: stop that one, or name another --data-dir"
_DAMAGED: Final = "it is damaged ({}): restore a copy, or move it away to begin anew"

READ_ONLY: Final = f"it is read-only, or hidden from this user: {_DENIED}"

_MENDS: Final = {
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_IOERR: "the disk refuses ({}): see whether it is full, at a limit, or failing",
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: f"it cannot be opened: {_DENIED}",
    sqlite3.SQLITE_PERM: f"it cannot be opened: {_DENIED}",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_ERROR: _DAMAGED,
}
"""By primary result code (https://www.sqlite.org/rescode.html); ``{}`` is what SQLite says."""

_OTHERWISE: Final = "SQLite cannot use it ({}): see whether its disk is sound"


def damaged(found: object) -> str:
    """What to tell of a file that is not what was written to it, given what was found."""
    return _DAMAGED.format(_shown(found))


def denied(error: OSError) -> str:
    """What to tell where the file system refuses."""
    return f"{error.strerror}: {_DENIED}"


def refused(error: Exception) -> str:
    """What to tell of an error that came out of the sqlite3 module."""
    if isinstance(error, UnicodeDecodeError):
        return damaged("a text is not UTF-8")
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
    said = error if isinstance(error, sqlite3.Error) else type(error).__name__
    return _MENDS.get(primary, _OTHERWISE).format(_shown(said))


def _shown(found: object) -> str:
    """One short line: SQLite quotes what it finds, and a damaged file may hold anything."""
    line = " ".join(str(found).split())[:MAX_SHOWN]
    return "".join(letter if letter.isprintable() else "?" for letter in line)
