"""Builds what stands behind /metrics."""

import platform
from collections.abc import Callable, Mapping

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from exporter.sinks.metrics.domains import DEFAULT_MAX_DOMAINS
from exporter.sinks.metrics.scrape import (
    SinkAccount,
    SpanCounts,
    collect_readiness,
    collect_sinks,
)
from exporter.sinks.metrics.sink import MetricsSink
from exporter.sinks.metrics.upstream_families import BUILD_INFO, EVENT_LOOP_STALL


def build_metrics(
    registry: CollectorRegistry,
    *,
    version: str,
    revision: str = "unknown",
    max_domains: int = DEFAULT_MAX_DOMAINS,
    domain_label: bool = True,
    span_counts: Callable[[], SpanCounts] | None = None,
) -> MetricsSink:
    """Make the sink, and register it with the build, process and garbage collection metrics.

    ``_created`` series are switched off for the whole process, the only way that the client library
    offers: they would double the counters, and Prometheus stores them as series of their own.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    sink = MetricsSink(
        registry, max_domains=max_domains, domain_label=domain_label, span_counts=span_counts
    )
    Info(BUILD_INFO.name.removesuffix("_info"), BUILD_INFO.help, registry=registry).info(
        {"version": version, "revision": revision, "python": platform.python_version()}
    )
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return sink


def register_sink_accounts(
    registry: CollectorRegistry, accounts: Callable[[], Mapping[str, SinkAccount]]
) -> None:
    """Show what each sink of a fan-out cost; ``accounts`` is read at each scrape."""
    collect_sinks(accounts, registry)


def register_readiness(
    registry: CollectorRegistry, sides: Callable[[], Mapping[str, bool]]
) -> None:
    """Show whether each side works; ``sides`` is read at each scrape, maybe in another thread."""
    collect_readiness(sides, registry)


def register_stalls(registry: CollectorRegistry) -> Callable[[float], None]:
    """Show by how much the event loop was late; returns what is to be told the seconds."""
    family = EVENT_LOOP_STALL
    return Histogram(family.name, family.help, buckets=family.buckets, registry=registry).observe
