"""Observations in, spans out of a real socket, compared field by field."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased

from exporter import __version__
from exporter.core import ids
from exporter.core.observations import (
    ApiBudget,
    ApiRequest,
    FactNoted,
    FlowEnded,
    FlowResumed,
    FlowStarted,
    FollowingChanged,
    HealthCheckSeen,
    JournalWritten,
    Observation,
    Observed,
    Outcome,
    StepFinished,
    TimelineCovered,
    TimelineNoted,
    TimelineResult,
    TotalsRestored,
)
from exporter.core.observations import Entry as FlowEntry
from exporter.sinks.traces import Batching, SpanCounts, TracesSink, sink_from_environment
from tests.otlp_receiver import Received, grpc_receiver, http_receiver, values
from tests.sinks.traces.samples import (
    FACTS,
    SECOND,
    STARTED_NS,
    flow_ended,
    flow_ref,
    observations,
    step_finished,
)

BEFORE = flow_ref(1)
FLOW = flow_ref(2, "REAUTH", linked_trace_id=BEFORE.trace_id)
STORY: tuple[Observation, ...] = (
    FollowingChanged(1),
    FlowStarted(FLOW, FlowEntry.DISCOVERING),
    ApiRequest("events", 200, 0.1),
    step_finished(FLOW, ordinal=1, facts=FACTS),
    step_finished(FLOW, ordinal=2, step="AWAITING_INPUT", next_state="FAILED", seen_whole=False),
    flow_ended(FLOW, Outcome.FAILED, error_code="bot_detected", facts=FACTS[2:]),
)


@pytest.fixture(
    params=[("http/protobuf", http_receiver), ("grpc", grpc_receiver)], ids=lambda x: x[0]
)
def collector(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Received]:
    receiver: Callable[[], AbstractContextManager[Received]]
    protocol, receiver = request.param
    with receiver() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=auth%20team")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        yield received


def tell(story: tuple[Observation, ...]) -> SpanCounts:
    sink = sink_from_environment()
    assert sink is not None
    for observation in story:
        sink.observe(observation)
    sink.shutdown(5)
    return sink.counts


def span_id(ordinal: int, trace: int = FLOW.trace_id) -> bytes:
    return ids.span_id(trace, ordinal).to_bytes(8, "big")


def in_memory(sampler: Sampler = ALWAYS_ON) -> tuple[TracesSink, InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    resource = Resource.get_empty()
    return TracesSink(memory, resource=resource, sampler=sampler, batching=Batching(1)), memory


def test_a_flow_arrives_as_one_trace(collector: Received) -> None:
    assert tell(STORY) == SpanCounts(exported=3, dropped=0, waiting=0)
    spans = collector.spans
    assert {x.trace_id for x in spans} == {FLOW.trace_id.to_bytes(16, "big")}
    assert [(x.name, x.span_id, x.parent_span_id) for x in spans] == [
        ("DISCOVERING", span_id(1), span_id(0)),
        ("AWAITING_INPUT", span_id(2), span_id(0)),
        ("REAUTH flow", span_id(0), b""),
    ]
    assert [(x.start_time_unix_nano, x.end_time_unix_nano) for x in spans] == [
        (STARTED_NS, STARTED_NS + 1 * SECOND),
        (STARTED_NS + 1 * SECOND, STARTED_NS + 2 * SECOND),
        (STARTED_NS, STARTED_NS + 9 * SECOND),
    ]
    assert {x.kind for x in spans} == {Span.SPAN_KIND_INTERNAL}
    assert [(x.status.code, x.status.message) for x in spans] == [
        (Status.STATUS_CODE_UNSET, ""),
        (Status.STATUS_CODE_ERROR, ""),
        (Status.STATUS_CODE_ERROR, "bot_detected"),
    ]


def test_attributes_events_and_links_arrive(collector: Received) -> None:
    tell(STORY)
    first, second, root = collector.spans
    common = {
        "server.address": "bank.example",
        "managed_auth.connection.id": "ma_2",
        "managed_auth.profile.name": "anna",
        "managed_auth.flow.type": "REAUTH",
    }
    assert values(second.attributes) == {
        **common,
        "error.type": "_OTHER",
        "managed_auth.incomplete": True,
        "managed_auth.step.ordinal": 2,
        "managed_auth.step.next": "FAILED",
    }
    assert values(root.attributes) == {
        **common,
        "error.type": "bot_detected",
        "managed_auth.error.code": "bot_detected",
        "managed_auth.flow.outcome": "failed",
        "managed_auth.flow.observed": "stream",
        "managed_auth.flow.last_step": "SUBMITTING",
        "managed_auth.flow.waiting_seconds": 6.5,
        "managed_auth.flow.working_seconds": 2.5,
        "managed_auth.incomplete": False,
    }
    assert [(x.name, x.time_unix_nano) for x in first.events] == [
        ("managed_auth.website_error", STARTED_NS + 1 * SECOND),
        ("managed_auth.input_requested", STARTED_NS + 2 * SECOND),
        ("managed_auth.illegal_transition", STARTED_NS + 3 * SECOND),
        ("managed_auth.gap", STARTED_NS + 4 * SECOND),
    ]
    assert values(first.events[0].attributes) == {
        "error.type": "wrong_credentials",
        "managed_auth.website_error.text": "Incorrect password",
    }
    assert [x.name for x in root.events] == ["managed_auth.illegal_transition", "managed_auth.gap"]
    assert [(x.trace_id, x.span_id) for x in root.links] == [
        (BEFORE.trace_id.to_bytes(16, "big"), span_id(0, BEFORE.trace_id))
    ]
    assert not first.links


def test_resource_scope_and_headers_arrive(collector: Received) -> None:
    tell(STORY)
    (part,) = collector.resource_spans
    resource = values(part.resource.attributes)
    assert resource["service.name"] == "managed-auth-exporter"
    assert resource["service.version"] == __version__
    assert resource["deployment.environment.name"] == "test"
    assert [(x.scope.name, x.scope.version) for x in part.scope_spans] == [
        ("managed-auth-exporter", __version__)
    ]
    assert collector.requests[0].headers["x-team"] == "auth team"
    assert collector.requests[0].path in ("/v1/traces", "")


def test_a_restart_sends_the_same_ids_again(collector: Received) -> None:
    tell(STORY)
    tell(STORY)
    spans = collector.spans
    assert len(spans) == 6
    assert spans[:3] == spans[3:]


def test_a_flow_that_only_the_timeline_told_of_is_one_root_span(collector: Received) -> None:
    ended = msgspec.structs.replace(
        flow_ended(FLOW, Outcome.FAILED, error_code="bot_detected"),
        observed=Observed.TIMELINE,
        incomplete=True,
        waiting_ns=None,
        working_ns=None,
    )
    story = (
        FlowStarted(FLOW, FlowEntry.TIMELINE),
        FactNoted("bank.example", FLOW, "SUBMITTING", FACTS[0]),
        ended,
    )
    assert tell(story) == SpanCounts(exported=1, dropped=0, waiting=0)
    (root,) = collector.spans
    assert (root.name, root.span_id, root.parent_span_id) == ("REAUTH flow", span_id(0), b"")
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (
        STARTED_NS,
        STARTED_NS + 9 * SECOND,
    )
    told = values(root.attributes)
    assert told["managed_auth.flow.observed"] == "timeline"
    assert told["managed_auth.incomplete"] is True
    assert not [key for key in told if key.endswith(("waiting_seconds", "working_seconds"))]
    assert root.status.message == "bot_detected"


def test_what_is_no_step_and_no_flow_that_is_over_is_no_span() -> None:
    sink, memory = in_memory()
    for observation in (
        FlowResumed(FLOW, "SUBMITTING", STARTED_NS),
        TotalsRestored(((("started", "LOGIN", "discovering", "bank.example"), 3),)),
        TimelineNoted(TimelineResult.COUNTED),
        HealthCheckSeen("AUTHENTICATED", STARTED_NS),
        TimelineCovered(STARTED_NS),
        ApiBudget(30.0),
        JournalWritten(ok=True, at_ns=STARTED_NS),
    ):
        sink.observe(observation)
    assert (sink.handed, sink.settled) == (0, 0)
    sink.shutdown(5)
    assert memory.get_finished_spans() == ()


def test_the_spans_of_a_flow_that_is_resumed_join_its_trace(collector: Received) -> None:
    step_before = step_finished(FLOW, ordinal=1)
    resumed = FlowResumed(FLOW, "AWAITING_INPUT", STARTED_NS + SECOND)
    tell((FlowStarted(FLOW, FlowEntry.DISCOVERING), step_before))
    tell((resumed, step_finished(FLOW, ordinal=2, step="AWAITING_INPUT"), flow_ended(FLOW)))
    assert [(x.span_id, x.parent_span_id) for x in collector.spans] == [
        (span_id(1), span_id(0)),
        (span_id(2), span_id(0)),
        (span_id(0), b""),
    ]
    assert len({x.trace_id for x in collector.spans}) == 1


def test_spans_are_settled_once_they_are_exported_and_one_that_is_not_sampled_is_none() -> None:
    sink, _ = in_memory(sampler=TraceIdRatioBased(0.5))
    flows = [flow_ref(number) for number in range(40)]
    kept = [of for of in flows if of.trace_id % 2**64 < 2**63]
    for of in flows:
        sink.observe(flow_ended(of))
    assert sink.handed == len(kept) > 0
    assert 0 <= sink.settled <= sink.handed
    sink.shutdown(5)
    assert sink.settled == sink.handed == sink.counts.exported == len(kept)


def test_a_collector_that_hangs_never_keeps_the_process(collector: Received) -> None:
    collector.hold()
    program = (
        "from exporter.sinks.traces import sink_from_environment as sink;"
        "from tests.sinks.traces.samples import flow_ended, flow_ref;"
        "s = sink(); s.observe(flow_ended(flow_ref())); s.shutdown(0.5); print(*s.counts)"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert time.perf_counter() - started < 5.0  # a try of the exporter takes 10 s
    assert done.stdout.split() == ["0", "1", "0"]
    assert "Traceback" not in done.stderr


def test_a_grpc_collector_that_is_gone_costs_its_spans_and_no_more_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with grpc_receiver() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    sink = sink_from_environment()
    assert sink is not None
    sink.observe(flow_ended(FLOW))
    sink.shutdown(0.5)
    assert sink.counts == SpanCounts(exported=0, dropped=1, waiting=0)


@given(numbers=st.lists(st.integers(0, 10**6), min_size=1, max_size=20, unique=True))
@settings(max_examples=20, deadline=None)
def test_the_sampler_keeps_whole_flows_and_always_the_same_ones(numbers: list[int]) -> None:
    kept: list[set[int]] = []
    for _ in range(2):  # the second is as after a restart
        sink, memory = in_memory(sampler=TraceIdRatioBased(0.5))
        for flow in map(flow_ref, numbers):
            sink.observe(step_finished(flow))
            sink.observe(flow_ended(flow))
        sink.shutdown(5)
        traces = [x.context.trace_id for x in memory.get_finished_spans() if x.context]
        assert all(traces.count(trace) == 2 for trace in traces)
        kept.append(set(traces))
        assert sink.counts == SpanCounts(len(traces), 0, 0)
    assert kept[0] == kept[1]
    below = {flow_ref(x).trace_id for x in numbers if flow_ref(x).trace_id % 2**64 < 2**63}
    assert kept[0] == below


def test_a_ratio_keeps_about_that_part_of_the_flows() -> None:
    sink, memory = in_memory(sampler=TraceIdRatioBased(0.25))
    for number in range(1000):
        sink.observe(flow_ended(flow_ref(number)))
    sink.shutdown(5)
    assert 200 < len(memory.get_finished_spans()) < 300


def test_a_sampler_that_keeps_nothing_costs_no_span() -> None:
    sink, memory = in_memory(sampler=ALWAYS_OFF)
    for observation in STORY:
        sink.observe(observation)
    sink.shutdown(5)
    assert memory.get_finished_spans() == ()
    assert sink.counts == SpanCounts(0, 0, 0)


@given(story=st.lists(observations, max_size=12))
@settings(max_examples=40, deadline=None)
def test_no_observation_ever_raises_and_each_end_gives_one_span(story: list[Observation]) -> None:
    sink, memory = in_memory()
    for observation in story:
        sink.observe(observation)
    sink.shutdown(5)
    ends = [x for x in story if isinstance(x, StepFinished | FlowEnded)]
    assert len(memory.get_finished_spans()) == len(ends)
