"""The exporter as its service wires it, as far as a stream goes: from the socket to the sinks."""

import asyncio
from collections.abc import Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from benchmarks.progress import Progress
from exporter.core.observations import Observation, StreamEnded, StreamMessage
from exporter.sinks.fanout import FanOut
from exporter.sinks.metrics import build_metrics
from exporter.sinks.traces import Batching, TracesSink
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.roster import Roster
from exporter.website_error_rules import load_classifier

_QUEUE = Batching(max_queue_size=2**20)
"""So long that no span is dropped: one that is not exported costs less than it should."""
_FLUSH_SECONDS = 60.0


class DropSpans(SpanExporter):
    """Exports nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


class Watch:
    """A sink that tells of what arrived."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def observe(self, observation: Observation, /) -> None:
        if isinstance(observation, StreamMessage):
            self._progress.message()
        elif isinstance(observation, StreamEnded):
            self._progress.end()


class Ours:
    """Follows streams of several upstreams; ``exporter`` is where the spans go."""

    def __init__(self, urls: Sequence[str], exporter: SpanExporter | None = None) -> None:
        self.progress = Progress()
        self._traces = TracesSink(
            exporter or DropSpans(), resource=Resource.get_empty(), batching=_QUEUE
        )
        metrics = build_metrics(CollectorRegistry(), version="0")
        sinks = {"metrics": metrics, "traces": self._traces, "watch": Watch(self.progress)}
        self._fanout, classify = FanOut(sinks), load_classifier()
        self._apis = [KernelApi(url, lambda: "sk_benchmark", self._fanout) for url in urls]
        self._rosters = [Roster(api, self._fanout, classify=classify) for api in self._apis]

    def open(self, connection_id: str, number: int) -> None:
        """Follow a stream; which upstream it is on follows from its number."""
        roster = self._rosters[number % len(self._rosters)]
        roster.follow(connection_id, domain=f"site-{number % 10}.example", profile_name="anna")

    def flush(self) -> None:
        """Export all spans; the cost of that is a part of ours."""
        self._traces.shutdown(_FLUSH_SECONDS)
        if self._traces.counts.dropped or any(x.errors for x in self._fanout.accounts().values()):
            raise RuntimeError("spans were dropped, or a sink failed: the numbers say nothing")

    async def aclose(self) -> None:
        """Close every stream."""
        await asyncio.gather(*(roster.stop() for roster in self._rosters))
        for api in self._apis:
            await api.aclose()
        self._traces.shutdown(_FLUSH_SECONDS)
