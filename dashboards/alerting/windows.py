"""How long things are looked at: windows by name, in PromQL's notation, and at what speed."""

import re
from typing import Final

from dashboards.settings import Settings

_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WINDOW: Final = re.compile(r"(\d+)([smhdw])")


def seconds(window: str) -> int:
    """How long a window is, by its name.

    Raises:
        ValueError: it is no name such as ``5m``.
    """
    found = _WINDOW.fullmatch(window)
    if not found:
        raise ValueError(f"{window!r} is no window: write it like 5m, 1h or 3d")
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def at_least(count: str, least: int) -> str:
    """Whether what was counted by way of rates is that much: it may be off by a hair's breadth."""
    return f"{count} > {least - 0.5:g}"


class Pace:
    """Durations as they stand in expressions: as named, or shorter where ``speed`` is above 1."""

    def __init__(self, settings: Settings) -> None:
        self._speed = settings.speed

    def of(self, window: str) -> str:
        """The window in PromQL's notation."""
        if self._speed == 1:
            return window
        return f"{round(self.seconds(window) * 1000)}ms"

    def seconds(self, window: str) -> float:
        """The window in seconds."""
        return seconds(window) / self._speed

    def per(self, window: str) -> str:
        """What a rate per second is multiplied by, to say how many there were in the window."""
        return f"{self.seconds(window):g}"
