"""SQLite's log beside its file: it holds what was committed last, and nobody would miss it.

SQLite takes a log that is not there, or whose head is not its own, for one in which nothing stood
(https://www.sqlite.org/walformat.html), and goes on from an older state without a word. So a mark
beside it says that there is one while the journal is open; it stays where the process is killed.
"""

from contextlib import suppress
from os import stat_result
from pathlib import Path
from typing import Final

MAGIC: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""How a log begins: https://www.sqlite.org/fileformat2.html#walformat"""


class WriteAheadLog:
    """The log of the SQLite file at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path.with_name(f"{path.name}-wal")
        self._mark: Final = path.with_name(f"{path.name}-open")
        self._seen: stat_result | None = None

    def mark_left(self) -> str | None:
        """The name of the mark where a killed process left it; None where there is none."""
        return self._mark.name if self._mark.exists() else None

    def problem(self) -> str | None:
        """What is wrong with the log that a killed process left behind; None where nothing is.

        Raises:
            OSError: it cannot be read.
        """
        if not self._mark.exists():
            return None
        if self.size() == 0:
            return f"its log {self.path.name} is missing"
        with self.path.open("rb") as file:
            return None if file.read(4) in MAGIC else f"its log {self.path.name} is none"

    def size(self) -> int:
        """How large it is, in bytes; 0 where there is none."""
        status = self._look()
        return status.st_size if status else 0

    def opened(self) -> None:
        """The first commit is in it.

        Raises:
            OSError: the mark cannot be set.
        """
        self._mark.touch(mode=0o600)
        self._seen = self._look()

    def is_whole(self) -> bool:
        """Whether it is still the one that was opened, and was not cut: it only ever grows."""
        before, now = self._seen, self._look()
        if before is None:
            return True
        if now is None or (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
            return False
        if now.st_size < before.st_size:
            return False
        self._seen = now
        return True

    def closing(self) -> None:
        """What is in it goes to the file now, unless it was never opened. Never raises."""
        if self._seen is not None:
            with suppress(OSError):
                self._mark.unlink()

    def _look(self) -> stat_result | None:
        try:
            return self.path.stat()
        except FileNotFoundError:
            return None
