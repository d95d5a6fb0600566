"""Environment variables that are checked: each refusal is one line with the name and the mend."""

import math
import os
from pathlib import Path
from typing import NamedTuple, NoReturn
from urllib.parse import urlsplit


class Variable(NamedTuple):
    """An environment variable that is set: its name and value, without the space around it.

    Every method returns the value in the form that it names.

    Raises:
        ValueError: it has not that form.
    """

    name: str
    value: str

    def one_of(self, *words: str) -> str:
        """One of some words, in lower case."""
        word = self.value.lower()
        if word not in words:
            self.refuse(f"use {', '.join(words[:-1])} or {words[-1]}")
        return word

    def whole_number(self) -> int:
        """A whole number above zero."""
        if not (self.value.isascii() and self.value.isdigit() and int(self.value) > 0):
            self.refuse("use a whole number above 0")
        return int(self.value)

    def number(self, least: float, most: float) -> float:
        """A number between two others, these included."""
        try:
            number = float(self.value)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            self.refuse(f"use a number from {least:g} to {most:g}")
        return number

    def http_url(self) -> str:
        """A URL that begins with http:// or https:// and names a host."""
        try:
            parts = urlsplit(self.value)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            self.refuse_secret("write a URL such as http://127.0.0.1:4318")
        return self.value

    def host_and_port(self) -> str:
        """A URL, or ``host:port`` alone, as gRPC has it."""
        if "://" not in self.value:
            self._replace(value=f"http://{self.value}").http_url()
            return self.value
        return self.http_url()

    def header_list(self) -> str:
        """``name=value`` pairs between commas."""
        pairs = [pair.partition("=") for pair in self.value.split(",") if pair.strip()]
        if not all(equals and name.strip().isascii() and name.strip() for name, equals, _ in pairs):
            self.refuse_secret("write name=value pairs, separated by commas, values URL-encoded")
        return self.value

    def file(self) -> str:
        """The path of a file that can be read."""
        if not (Path(self.value).is_file() and os.access(self.value, os.R_OK)):
            self.refuse("name a file that exists and can be read")
        return self.value

    def refuse(self, mend: str) -> NoReturn:
        """Say what would do instead of the value."""
        raise ValueError(f"{self.name} is {self.value[:80]!r}: {mend}")

    def refuse_secret(self, mend: str) -> NoReturn:
        """The same without quoting the value, which may carry credentials."""
        raise ValueError(f"{self.name} cannot be used as it is: {mend}")


def first_set(*names: str) -> Variable | None:
    """The first of these variables that is set to something; an empty one counts as unset."""
    found = ((name, os.environ.get(name, "").strip()) for name in names)
    return next((Variable(name, value) for name, value in found if value), None)
