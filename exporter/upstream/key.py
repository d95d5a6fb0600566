"""The API key: given, or in a file that may be replaced while the exporter runs."""

import os
from pathlib import Path
from typing import Final

MAX_KEY_BYTES: Final = 4096
"""Longest key file that is read; a real key has some fifty characters."""


class ApiKey:
    """A key that does not change. Calling it gives the key; its ``repr`` does not.

    Raises:
        ValueError: it is empty or cannot be sent in a header; the text never holds the key.
    """

    def __init__(self, key: str, *, source: str = "KERNEL_API_KEY") -> None:
        self._key = _checked(key, source)

    def __call__(self) -> str:
        """The key, for one request."""
        return self._key

    def __repr__(self) -> str:
        return "ApiKey(...)"


class ApiKeyFile:
    """A key in a file, read anew when the file changes, so that a key is rotated without a restart.

    While the file cannot be read or holds no key, the last good key stays.

    Raises:
        ValueError: on construction, the file holds no key.
        OSError: on construction, the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()
        self._key = self._read()

    def __call__(self) -> str:
        """The key, for one request."""
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._key = self._read()
                self._seen = stamp
        except (OSError, ValueError):
            # Somebody is replacing the file right now; the next request looks again.
            return self._key
        return self._key

    def __repr__(self) -> str:
        return f"ApiKeyFile({str(self._path)!r})"

    def _stamp(self) -> tuple[int, int, int]:
        stat = os.stat(self._path)  # noqa: PTH116 - once a request: a tenth of Path.stat's cost
        return stat.st_mtime_ns, stat.st_ino, stat.st_size

    def _read(self) -> str:
        with self._path.open("rb") as file:
            content = file.read(MAX_KEY_BYTES + 1)
        if len(content) > MAX_KEY_BYTES:
            raise ValueError(f"{self._path} is larger than {MAX_KEY_BYTES} bytes: not a key file")
        return _checked(content.decode("utf-8", "replace"), str(self._path))


def _checked(key: str, source: str) -> str:
    stripped = key.strip()
    if not stripped:
        raise ValueError(f"{source} is empty; put a Kernel API key there")
    if not all("!" <= character <= "~" for character in stripped):
        raise ValueError(f"{source} has to be one line of printable ASCII without spaces")
    return stripped
