"""The text that Prometheus reads: OpenMetrics 1.0 if it is asked for, else the classic format."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from exporter.sinks.metrics.cached import CachedFamily, NotPlainError, can_cache

Encode = Callable[[Any], bytes]

_END: Final = b"# EOF\n"
_NAMES_CHANGE: Final = ("escaping=dots", "escaping=values")
"""Ways of escaping that change the names of metrics which need none."""

_VERSION: Final = re.compile(r";\s*version=([^;]*)")
_OFFERED: Final = "1.0.0"


class Renderer:
    """The metrics of a registry as text, of which only what changed is written anew.

    One rendering at a time; observations may go on meanwhile.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry: Final = registry
        self._families: Final[dict[tuple[Collector, bool], CachedFamily]] = {}
        self._not_plain: Final[set[Collector]] = set()

    def render(self, accept_header: str | None) -> tuple[bytes, str]:
        """The metrics as they are now, and their content type."""
        encode, content_type = choose_encoder(_understood(accept_header or ""))
        if self._registry.get_target_info() or content_type.endswith(_NAMES_CHANGE):
            return encode(self._registry), content_type
        openmetrics = content_type.startswith("application/openmetrics-text")
        parts = [
            part for each in self._collectors() for part in self._of(each, encode, openmetrics)
        ]
        return b"".join((*parts, _END if openmetrics else b"")), content_type

    def _collectors(self) -> list[Collector]:
        with self._registry._lock:  # noqa: SLF001 - the library has no other way to list them
            return list(self._registry._collector_to_names)  # noqa: SLF001 - likewise

    def _of(self, collector: Collector, encode: Encode, openmetrics: bool) -> Iterable[bytes]:  # noqa: FBT001 - a format
        if collector not in self._not_plain and can_cache(collector):
            try:
                return list(self._cached(collector, openmetrics).text())
            except NotPlainError:
                self._not_plain.add(collector)
        return (encode(_Alone(collector)).removesuffix(_END),)

    def _cached(self, collector: Collector, openmetrics: bool) -> CachedFamily:  # noqa: FBT001 - a format
        key = (collector, openmetrics)
        family = self._families.get(key)
        if family is None:
            assert isinstance(collector, MetricWrapperBase)  # noqa: S101 - can_cache has looked
            family = self._families[key] = CachedFamily(collector, openmetrics=openmetrics)
        return family


class _Alone:
    """One collector, as the library's encoder wants to be given it."""

    def __init__(self, collector: Collector) -> None:
        self.collect: Final = collector.collect


def _understood(accept_header: str) -> str:
    """The media ranges that name no version but the one on offer.

    The client library takes the version from the header as it is: it would claim a format that it
    does not write, and fail on a version that is no number.
    """
    return ",".join(
        media_range
        for media_range in accept_header.split(",")
        if all(version.strip() == _OFFERED for version in _VERSION.findall(media_range))
    )
