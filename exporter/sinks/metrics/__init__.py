"""Observations become Prometheus metrics.

``labels`` and the ``*_families`` are data: names, types, labels, buckets, help. Everything else is
made from them: the prometheus_client objects (``instruments``), what is worked out at a scrape
(``scrape``) and the reference in the docs (``docs``). ``sink`` takes the observations,
``exposition`` gives the text that Prometheus reads.
"""

from exporter.sinks.metrics.builder import (
    build_metrics,
    register_readiness,
    register_sink_accounts,
    register_stalls,
)
from exporter.sinks.metrics.catalogue import FAMILIES
from exporter.sinks.metrics.docs import render_docs
from exporter.sinks.metrics.exposition import Renderer
from exporter.sinks.metrics.scrape import SinkAccount, SpanCounts
from exporter.sinks.metrics.sink import MetricsSink

__all__ = [
    "FAMILIES",
    "MetricsSink",
    "Renderer",
    "SinkAccount",
    "SpanCounts",
    "build_metrics",
    "register_readiness",
    "register_sink_accounts",
    "register_stalls",
    "render_docs",
]
