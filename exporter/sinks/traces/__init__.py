"""One trace a flow, over OTLP: ``sink_from_environment`` is the way in."""

from exporter.sinks.traces.docs import render_docs
from exporter.sinks.traces.environment import sink_from_environment
from exporter.sinks.traces.pipeline import Batching, SpanCounts
from exporter.sinks.traces.sink import TracesSink

__all__ = ["Batching", "SpanCounts", "TracesSink", "render_docs", "sink_from_environment"]
