"""The kinds of value an option can have: text in, a checked value out.

Flags, environment variables, YAML scalars and defaults all pass through the same functions, so a
value means the same wherever it is written. Each raises ``ValueError`` whose text fits behind the
option's name and says what to write instead.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exporter.settings.values import BudgetSize, ListenAddress, Secret

_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_SHARE = re.compile(r"(\d{1,3})%")
_COUNT = re.compile(r"\d{1,9}")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_SCENARIO = re.compile(r"[a-z][a-z0-9_]*")
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Kind:
    """How to read one kind of value, and what to call it in --help.

    ``pairs`` says that a repeatable option may be a mapping in the configuration file.
    """

    metavar: str
    parse: Callable[[str], Any]
    pairs: bool = False


def is_loopback(host: str | None) -> bool:
    """Whether ``host`` names this machine itself, so that plain http cannot be overheard."""
    return host in _LOOPBACK_HOSTS


def duration(minimum_seconds: float) -> Kind:
    """Seconds as float from ``15s``, ``500ms``, ``2m``, ``1h30m``, as Prometheus writes them."""

    def parse(text: str) -> float:
        if not _DURATION.fullmatch(text):
            raise ValueError(f"{text!r} is no duration: write a number with a unit, such as 15s")
        parts = _DURATION_PART.findall(text)
        seconds = sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)
        if not minimum_seconds <= seconds < math.inf:
            raise ValueError(f"{text} is too short: use at least {minimum_seconds:g}s")
        return seconds

    return Kind("DURATION", parse)


def integer(minimum: int, maximum: int) -> Kind:
    """A whole number within bounds, both included."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text):
            raise ValueError(f"{text!r} is no whole number")
        if not minimum <= (value := int(text)) <= maximum:
            raise ValueError(f"{value} is out of range: use {minimum} to {maximum}")
        return value

    return Kind("N", parse)


def number(minimum: float, maximum: float) -> Kind:
    """A number within bounds, both included."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is no number") from None
        if not minimum <= value <= maximum:
            raise ValueError(f"{value:g} is out of range: use {minimum:g} to {maximum:g}")
        return value

    return Kind("X", parse)


def choice(*words: str) -> Kind:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text

    return Kind("|".join(words), parse)


def text(metavar: str) -> Kind:
    """Any text but none."""

    def parse(value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError("is empty or has control characters: give it a value")
        return value.strip()

    return Kind(metavar, parse)


def _boolean(value: str) -> bool:
    if value.lower() not in _TRUE | _FALSE:
        raise ValueError(f"{value!r} is neither true nor false")
    return value.lower() in _TRUE


def _secret(value: str) -> Secret:
    if not value.strip() or not value.strip().isprintable():
        # The value stays out of the message: it is a secret, however mangled.
        raise ValueError("is empty or has control characters: give it the key alone")
    return Secret(value.strip())


def _file(value: str) -> Path:
    path = Path(value)
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise ValueError(f"cannot read {value!r}: {why}") from None
    return path


def _directory(value: str) -> Path:
    if not value.strip() or not value.isprintable():
        raise ValueError("is empty or has control characters: name a directory")
    path = Path(value)
    try:
        taken = not path.is_dir() and path.exists()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise ValueError(f"cannot use {value!r}: {why}") from None
    if taken:
        raise ValueError(f"{value!r} is no directory: name one, or a path where one can be made")
    return path


def _budget_size(value: str) -> BudgetSize:
    if (match := _SHARE.fullmatch(value)) and 1 <= int(match[1]) <= 100:
        return BudgetSize(share=int(match[1]) / 100)
    if _COUNT.fullmatch(value) and int(value):
        return BudgetSize(per_minute=int(value))
    raise ValueError(
        f"{value!r} is no budget: write 1% to 100% of the rate limit, or requests a minute such as "
        "120"
    )


def _listen_address(value: str) -> ListenAddress:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\[\]:\s/]*)):(\d{1,5})", value)
    if match is None:
        raise ValueError(f"{value!r} is no address: write [HOST]:PORT, such as :10464")
    if (port := int(match[3])) > 65535:
        raise ValueError(f"port {port} is out of range: use 0 to 65535")
    return ListenAddress(match[1] or match[2] or "", port)


def _http_path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]+", value) or "//" in value:
        raise ValueError(f"{value!r} is no path: write something like /metrics")
    return value.rstrip("/")


def _origin(value: str) -> str:
    try:
        parts = urlsplit(value)
        port_is_sane = parts.port != 0
    except ValueError:
        raise ValueError("is no URL: write something like https://api.onkernel.com") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_sane:
        raise ValueError("is no URL: write something like https://api.onkernel.com")
    if parts.username is not None or parts.query or parts.fragment:
        # Not shown: what stands there may be a secret.
        raise ValueError("has a user name, query or fragment: leave only scheme, host and path")
    return value.rstrip("/")


def _scenario_weight(value: str) -> tuple[str, float]:
    name, equals, weight = value.partition("=")
    if not _SCENARIO.fullmatch(name):
        raise ValueError(f"{value!r} is no scenario: write NAME or NAME=WEIGHT")
    try:
        share = float(weight) if equals else 1.0
    except ValueError:
        share = math.nan
    if not 0 <= share < math.inf:
        raise ValueError(f"{value!r} has no weight: write a number of 0 or more behind the =")
    return name, share


BOOLEAN = Kind("true|false", _boolean)
SECRET = Kind("KEY", _secret)
FILE = Kind("FILE", _file)
DIRECTORY = Kind("DIR", _directory)
BUDGET_SIZE = Kind("N%|N", _budget_size)
LISTEN_ADDRESS = Kind("[HOST]:PORT", _listen_address)
HTTP_PATH = Kind("PATH", _http_path)
ORIGIN = Kind("URL", _origin)
SCENARIO_WEIGHT = Kind("NAME[=WEIGHT]", _scenario_weight, pairs=True)
