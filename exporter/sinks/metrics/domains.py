"""The domain as a label: bounded, whatever the upstream names."""

from collections.abc import Callable
from typing import Final

from exporter.core.names import host_name
from exporter.core.vocabulary import OTHER
from exporter.sinks.metrics.labels import UNKNOWN

DEFAULT_MAX_DOMAINS: Final = 200


class DomainLabel:
    """Turns domains into label values: the first ``limit`` keep their name, the rest share one.

    ``on_new`` is called once for each value before it is first used, ``on_overflow`` each time a
    domain has to share. With ``limit`` None the label is switched off: every domain is "".
    """

    def __init__(
        self,
        limit: int | None,
        *,
        on_new: Callable[[str], None],
        on_overflow: Callable[[], None],
    ) -> None:
        self._limit: Final = limit
        self._on_new: Final = on_new
        self._on_overflow: Final = on_overflow
        self._named: Final[set[str]] = set()
        self._shared: Final[set[str]] = set()

    def __call__(self, domain: str) -> str:
        """The label value of a domain."""
        if domain in self._named:
            return domain
        return self._slow(domain)

    def _slow(self, domain: str) -> str:
        if self._limit is None:
            return self._share("")
        name = host_name(domain)
        if name in self._named:
            return name
        if not name:
            return self._share(UNKNOWN)
        if len(self._named) >= self._limit:
            self._on_overflow()
            return self._share(OTHER)
        self._named.add(name)
        self._on_new(name)
        return name

    def _share(self, value: str) -> str:
        if value not in self._shared:
            self._shared.add(value)
            self._on_new(value)
        return value
