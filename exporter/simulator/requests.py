"""Which requests of the API came in, and when: an exporter's share of the limit is judged by it."""

from collections import deque
from collections.abc import Callable

import msgspec

KEPT = 100_000
"""So many of the newest requests are kept."""

_COLLECTION = ("auth", "connections")
_OF_A_CONNECTION = {(): "retrieve", ("events",): "events", ("timeline",): "timeline"}


class ApiRequest(msgspec.Struct):
    """One request, refused ones included.

    ``at_seconds`` is when it came in, by the simulator's monotonic clock. ``endpoint`` is ``list``,
    ``retrieve``, ``events``, ``timeline`` or, for anything but those four GETs, ``other``.
    ``status`` is None until it is answered.
    """

    at_seconds: float
    endpoint: str
    status: int | None = None


class RequestLog:
    """The newest requests, in the order in which they came in."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.entries: deque[ApiRequest] = deque(maxlen=KEPT)
        self._monotonic = monotonic

    def arrived(self, method: str, path: str) -> ApiRequest:
        """Writes a request down; its ``status`` is the caller's to fill in."""
        request = ApiRequest(self._monotonic(), endpoint_of(method, path))
        self.entries.append(request)
        return request


def endpoint_of(method: str, path: str) -> str:
    """The name of the call that a method and a path are."""
    parts = tuple(path.strip("/").split("/"))
    if method != "GET" or parts[:2] != _COLLECTION:
        return "other"
    if parts == _COLLECTION:
        return "list"
    return _OF_A_CONNECTION.get(parts[3:], "other")
