"""Spans in, spans out, and the account of both, against collectors on real sockets."""

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from exporter.sinks.traces.pipeline import Batching, SpanCounts, SpanPipeline
from exporter.sinks.traces.spans import SpanBuilder
from tests.otlp_receiver import Received, http_receiver
from tests.sinks.traces.samples import flow_ended, flow_ref

SOON = Batching(schedule_delay_millis=20, max_queue_size=64, max_export_batch_size=16)
LATER = SOON._replace(schedule_delay_millis=60_000)
BUILDER = SpanBuilder(Resource.get_empty(), InstrumentationScope("test"), SpanLimits())


def spans(number: int) -> list[ReadableSpan]:
    return [BUILDER.flow(flow_ended(flow_ref(x))) for x in range(number)]


@pytest.fixture
def collector() -> Iterator[Received]:
    with http_receiver() as received:
        yield received


def over_http(collector: Received, batching: Batching) -> SpanPipeline:
    return SpanPipeline(OTLPSpanExporter(f"{collector.endpoint}/v1/traces"), batching)


class Gate(InMemorySpanExporter):
    """An exporter that keeps a batch until it is let go, as a slow collector does."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = threading.Event()
        self.go = threading.Event()
        self.stopped = threading.Event()
        self.calls = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.calls += 1
        self.taken.set()
        self.go.wait(20)
        return super().export(spans)

    def shutdown(self) -> None:
        self.stopped.set()


class Moody(InMemorySpanExporter):
    """An exporter that fails with every other batch, and keeps these as well."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.calls += 1
        super().export(spans)
        return SpanExportResult.FAILURE if self.calls % 2 else SpanExportResult.SUCCESS


class Raises(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError(f"secret words about {len(spans)} spans")


def test_what_is_handed_over_arrives_and_is_counted(collector: Received) -> None:
    pipeline = over_http(collector, SOON)
    for span in spans(40):
        pipeline.hand(span)
    collector.wait_for(spans=40)
    pipeline.shutdown(2)
    assert pipeline.counts == SpanCounts(exported=40, dropped=0, waiting=0)
    assert len({span.span_id for span in collector.spans}) == 40


def test_shutdown_exports_what_waits(collector: Received) -> None:
    pipeline = over_http(collector, LATER)
    for span in spans(15):
        pipeline.hand(span)
    assert pipeline.counts == SpanCounts(exported=0, dropped=0, waiting=15)
    pipeline.shutdown(5)
    assert len(collector.spans) == 15
    assert pipeline.counts == SpanCounts(exported=15, dropped=0, waiting=0)


def test_after_shutdown_spans_are_dropped_and_counted(collector: Received) -> None:
    pipeline = over_http(collector, LATER)
    pipeline.shutdown(5)
    pipeline.shutdown(5)
    for span in spans(3):
        pipeline.hand(span)
    assert pipeline.counts == SpanCounts(exported=0, dropped=3, waiting=0)


def test_a_full_queue_drops_exactly_what_does_not_fit_and_nothing_more() -> None:
    gate = Gate()
    pipeline = SpanPipeline(gate, LATER)
    first, *rest = [spans(16), spans(100)]
    for span in first:
        pipeline.hand(span)
    assert gate.taken.wait(20)  # one batch is on its way; the queue is empty
    for span in rest[0]:
        pipeline.hand(span)
    assert pipeline.counts == SpanCounts(exported=0, dropped=36, waiting=16 + 64)
    gate.go.set()
    pipeline.shutdown(5)
    assert pipeline.counts == SpanCounts(exported=80, dropped=36, waiting=0)


def test_a_slow_collector_never_blocks_whoever_hands_spans_over(collector: Received) -> None:
    pipeline = over_http(collector, SOON)
    collector.hold()
    started = time.perf_counter()
    for span in spans(500):
        pipeline.hand(span)
    assert time.perf_counter() - started < 1.0
    counts = pipeline.counts
    assert counts.exported == 0
    assert counts.waiting <= SOON.max_queue_size + SOON.max_export_batch_size
    assert sum(counts) == 500
    collector.release()
    pipeline.shutdown(5)
    assert pipeline.counts.exported == len(collector.spans)
    assert sum(pipeline.counts) == 500


@pytest.mark.parametrize("status", [400, 500])
def test_a_refusal_for_good_costs_its_batch(collector: Received, status: int) -> None:
    pipeline = over_http(collector, LATER)
    collector.status = status
    for span in spans(10):
        pipeline.hand(span)
    pipeline.shutdown(5)
    assert collector.tries == 1
    assert pipeline.counts == SpanCounts(exported=0, dropped=10, waiting=0)


def test_a_collector_that_comes_back_gets_the_batch_that_it_refused(collector: Received) -> None:
    pipeline = over_http(collector, SOON)
    collector.status = 503
    for span in spans(5):
        pipeline.hand(span)
    collector.wait_for(tries=1)
    collector.status = 200
    collector.wait_for(spans=5)
    pipeline.shutdown(5)
    assert pipeline.counts == SpanCounts(exported=5, dropped=0, waiting=0)


def test_shutdown_keeps_its_time_while_the_collector_asks_to_wait(collector: Received) -> None:
    pipeline = over_http(collector, LATER)
    collector.status = 503
    for span in spans(60):
        pipeline.hand(span)
    collector.wait_for(tries=1)
    started = time.perf_counter()
    pipeline.shutdown(0.5)
    assert time.perf_counter() - started < 2.0  # a try of the exporter takes 10 s
    assert pipeline.counts == SpanCounts(exported=0, dropped=60, waiting=0)


def test_shutdown_keeps_its_time_while_the_collector_hangs(collector: Received) -> None:
    pipeline = over_http(collector, LATER)
    collector.hold()
    for span in spans(60):
        pipeline.hand(span)
    collector.wait_for(tries=1)
    started = time.perf_counter()
    pipeline.shutdown(0.5)
    assert time.perf_counter() - started < 2.0  # a try of the exporter takes 10 s
    assert pipeline.counts == SpanCounts(exported=0, dropped=60, waiting=0)
    collector.release()
    assert pipeline.counts == SpanCounts(exported=0, dropped=60, waiting=0)


def test_after_its_time_a_shutdown_gives_the_exporter_nothing_more() -> None:
    gate = Gate()
    others = set(threading.enumerate())
    pipeline = SpanPipeline(gate, LATER)
    (worker,) = set(threading.enumerate()) - others
    for span in spans(64):
        pipeline.hand(span)
    assert gate.taken.wait(20)
    pipeline.shutdown(0.1)
    assert gate.stopped.wait(20)
    gate.go.set()
    worker.join(20)
    assert gate.calls == 1
    assert pipeline.counts == SpanCounts(exported=0, dropped=64, waiting=0)


def test_an_unreachable_collector_costs_its_spans_and_a_few_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}/v1/traces"
    # Each batch gives up at once, for the first wait would be longer than its time.
    pipeline = SpanPipeline(OTLPSpanExporter(endpoint, timeout=0.1), SOON)
    with caplog.at_level(logging.DEBUG, logger="opentelemetry"):
        for span in spans(640):
            pipeline.hand(span)
        pipeline.shutdown(3)
    assert pipeline.counts == SpanCounts(exported=0, dropped=640, waiting=0)
    lines = [x for x in caplog.records if x.name.startswith("opentelemetry")]
    assert 1 <= len(lines) <= 3
    assert not any(x.exc_info for x in lines)


def test_an_exporter_that_raises_costs_its_batch_and_its_words_stay_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipeline = SpanPipeline(Raises(), SOON)
    for span in spans(40):
        pipeline.hand(span)
    pipeline.shutdown(5)
    assert pipeline.counts == SpanCounts(exported=0, dropped=40, waiting=0)
    assert "RuntimeError" in caplog.text
    assert "secret words" not in caplog.text


@given(batches=st.lists(st.integers(0, 30), max_size=5), queue=st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_every_span_is_always_accounted_for_once(batches: list[int], queue: int) -> None:
    memory = InMemorySpanExporter()
    pipeline = SpanPipeline(memory, Batching(1, queue, min(queue, 8)))
    handed = 0
    for size in batches:
        for span in spans(size):
            pipeline.hand(span)
        handed += size
        counts = pipeline.counts
        assert min(counts) >= 0
        assert sum(counts) == handed
    pipeline.shutdown(5)
    assert sum(pipeline.counts) == handed
    assert pipeline.counts.exported == len(memory.get_finished_spans())


def test_what_a_full_queue_refused_is_settled_only_after_what_waits_before_it() -> None:
    gate = Gate()
    pipeline = SpanPipeline(gate, LATER)
    for span in spans(16):
        pipeline.hand(span)
    assert gate.taken.wait(20)  # one batch is on its way; the queue is empty
    for span in spans(64 + 36):
        pipeline.hand(span)
    assert (pipeline.handed, pipeline.counts.dropped) == (116, 36)
    assert pipeline.settled == 0
    gate.go.set()
    pipeline._processor.force_flush()
    assert pipeline.settled == pipeline.handed == 116
    pipeline.hand(spans(1)[0])
    assert (pipeline.handed, pipeline.settled) == (117, 116)
    pipeline.shutdown(5)
    assert (pipeline.handed, pipeline.settled) == (117, 117)
    pipeline.hand(spans(1)[0])
    assert (pipeline.handed, pipeline.settled) == (118, 118)


def test_what_a_shutdown_gives_up_is_settled() -> None:
    gate = Gate()
    pipeline = SpanPipeline(gate, LATER)
    for span in spans(100):
        pipeline.hand(span)
    assert gate.taken.wait(20)
    assert pipeline.settled == 0
    pipeline.shutdown(0.1)
    assert (pipeline.handed, pipeline.settled) == (100, 100)
    gate.go.set()


@given(
    moves=st.lists(st.integers(1, 30) | st.just("flush"), max_size=8),
    queue=st.integers(1, 20),
)
@settings(max_examples=25, deadline=None)
def test_a_span_is_never_settled_before_it_and_all_before_it_were_exported_or_dropped(
    moves: list[int | str], queue: int
) -> None:
    exporter = Moody()
    pipeline = SpanPipeline(exporter, Batching(60_000, queue, min(queue, 8)))
    numbers: dict[int, int] = {}
    refused: set[int] = set()
    settled = 0
    for move in moves:
        if isinstance(move, str):
            pipeline._processor.force_flush()
            assert pipeline.settled == pipeline.handed
            continue
        for _ in range(move):
            number = len(numbers) + 1
            span = BUILDER.flow(flow_ended(flow_ref(number)))
            assert span.context is not None
            numbers[span.context.span_id] = number
            queued = pipeline._queued
            pipeline.hand(span)
            if pipeline._queued == queued:
                refused.add(number)
            assert settled <= pipeline.settled <= pipeline.handed == number
            settled = pipeline.settled
            tried = {numbers[x.context.span_id] for x in exporter.get_finished_spans() if x.context}
            assert tried | refused >= set(range(1, settled + 1))
    pipeline.shutdown(5)
    assert pipeline.settled == pipeline.handed == len(numbers)
    assert pipeline.counts.dropped >= len(refused)
