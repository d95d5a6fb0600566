"""Finished spans -> the SDK's batch processor -> an exporter, with nothing lost unaccounted for.

The SDK's queue forgets its oldest span when it is full, and tells only the SDK's own metrics. So
what goes in is counted here before, and what the exporter is given is counted after: the difference
is what waits, and a span that finds as many waiting as the queue holds is refused and counted. (The
specification leaves open which span a full queue drops:
https://opentelemetry.io/docs/specs/otel/trace/sdk/#batching-processor.)
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from exporter.sinks.traces.throttle import Throttle

_GRACE_SECONDS: Final = 0.25
"""Part of the time for a shutdown that is kept for breaking off what has not ended by itself."""

_log = logging.getLogger(__name__)


class SpanCounts(NamedTuple):
    """What became of the spans that were handed over; the three add up to all of them."""

    exported: int
    dropped: int
    waiting: int


class Batching(NamedTuple):
    """How spans are batched: the variables ``OTEL_BSP_*`` with the specification's defaults."""

    schedule_delay_millis: int = 5000
    max_queue_size: int = 2048
    max_export_batch_size: int = 512


class _Refusals(msgspec.Struct):
    """Spans that were refused one after the other, when so many had been queued."""

    queued_before: int
    number: int


class SpanPipeline:
    """Takes spans without ever blocking, and exports them from a thread of its own.

    Args:
        exporter: where they go; shut down with the pipeline.
        batching: how many wait, for how long, and how many go at once.
    """

    def __init__(self, exporter: SpanExporter, batching: Batching) -> None:
        self._capacity = batching.max_queue_size
        self._queued = 0
        self._refused = 0
        self._refusals: deque[_Refusals] = deque()
        self._refused_before = 0
        self._finally_exported: int | None = None
        self._throttle = Throttle()
        self._throttle.install()
        self._exporter = _CountingExporter(exporter)
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=batching.max_queue_size,
            schedule_delay_millis=batching.schedule_delay_millis,
            max_export_batch_size=batching.max_export_batch_size,
        )

    def hand(self, span: ReadableSpan) -> None:
        """Queue a span, or drop it where the queue is full. To be called from one thread only."""
        over = self._finally_exported is not None
        if over or self._queued - self._exporter.taken >= self._capacity:
            self._refuse()
            return
        self._queued += 1
        self._processor.on_end(span)

    def _refuse(self) -> None:
        self._refused += 1
        if self._refusals and self._refusals[-1].queued_before == self._queued:
            self._refusals[-1].number += 1
        else:
            self._refusals.append(_Refusals(self._queued, 1))

    @property
    def handed(self) -> int:
        """How many spans were handed over so far, refused ones included."""
        return self._queued + self._refused

    @property
    def settled(self) -> int:
        """How many of these, from the first on without a break, were exported or dropped.

        A refused span is settled once all that were handed over before it are. To be read in the
        thread that hands spans over.
        """
        if self._finally_exported is not None:
            return self.handed
        # The processor exports in the order of its queue, one batch at a time.
        settled = self._exporter.exported + self._exporter.failed
        while self._refusals and self._refusals[0].queued_before <= settled:
            self._refused_before += self._refusals.popleft().number
        return settled + self._refused_before

    @property
    def counts(self) -> SpanCounts:
        """What became of the spans so far; only ``waiting`` ever goes down."""
        finally_exported = self._finally_exported
        if finally_exported is not None:
            return SpanCounts(finally_exported, self.handed - finally_exported, 0)
        # The export thread goes on meanwhile: what it adds to must be read before the total.
        exported, failed = self._exporter.exported, self._exporter.failed
        waiting = self._queued - exported - failed
        return SpanCounts(exported, self._refused + failed, waiting)

    def shutdown(self, timeout_seconds: float) -> None:
        """Export what waits, as far as that is possible in the time; the rest counts as dropped.

        It blocks for up to ``timeout_seconds``: call it from a thread where a loop has to go on.
        """
        if self._finally_exported is not None:
            return
        # The SDK waits up to 30 s for its worker and takes no argument for it, hence the thread.
        flush = threading.Thread(target=self._processor.shutdown, name="span-flush", daemon=True)
        flush.start()
        grace = min(_GRACE_SECONDS, timeout_seconds / 4)
        flush.join(timeout_seconds - grace)
        if flush.is_alive():
            self._exporter.shutdown()
            flush.join(grace)
        self._finally_exported = self._exporter.exported
        self._throttle.remove()


class _CountingExporter(SpanExporter):
    """Counts what another exporter is given and what becomes of it, and keeps its errors in bounds.

    Only the processor's export calls write the counts, one at a time under its lock.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self.taken = 0
        self.exported = 0
        self.failed = 0
        self._inner = inner
        self._closing = threading.Lock()
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = self._try(spans)
        if result is SpanExportResult.SUCCESS:
            self.exported += len(spans)
        else:
            self.failed += len(spans)
        return result

    def _try(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._closed:
            return SpanExportResult.FAILURE
        try:
            return self._inner.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever an exporter raises costs only its batch
            _log.warning("%d spans could not be exported: %s", len(spans), type(error).__name__)
            return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)
