"""A step's span built whole against `start_span` and `end`, both into a processor that drops it."""

from collections.abc import Callable, Iterator

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Status, StatusCode

from benchmarks.machine import cpu_seconds, settle
from benchmarks.rows import Row
from exporter.core import ids
from exporter.core.observations import FlowRef, StepFinished, WebsiteError
from exporter.sinks.traces import attributes as keys
from exporter.sinks.traces.spans import SpanBuilder

PEER = "the SDK's start_span and end"
STARTED_NS = 1_767_225_600_000_000_000
FLOW = FlowRef(
    "ma_1", "bank.example", "anna", "LOGIN", STARTED_NS, ids.trace_id("ma_1", STARTED_NS)
)


class Drop(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        pass


def step(*, with_error: bool) -> StepFinished:
    at_ns = STARTED_NS + 10**9
    facts = (WebsiteError(at_ns, "wrong_code", "That code is not right"),) if with_error else ()
    following = "FAILED" if with_error else "SUBMITTING"
    return StepFinished(
        FLOW, "AWAITING_INPUT", 2, STARTED_NS, at_ns, following, seen_whole=True, facts=facts
    )


def whole(finished: StepFinished) -> Callable[[], None]:
    build = SpanBuilder(Resource.get_empty(), InstrumentationScope("bench"), SpanLimits()).step
    drop = Drop()
    return lambda: drop.on_end(build(finished))


def started_and_ended(finished: StepFinished) -> Callable[[], None]:
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    provider.add_span_processor(Drop())
    tracer = provider.get_tracer("bench")

    def run() -> None:
        flow = finished.flow
        attributes: dict[str, str | bool | int] = {
            keys.SERVER_ADDRESS: flow.domain,
            keys.CONNECTION_ID: flow.connection_id,
            keys.PROFILE_NAME: flow.profile_name,
            keys.FLOW_TYPE: flow.flow_type,
            keys.STEP_ORDINAL: finished.ordinal,
            keys.STEP_NEXT: str(finished.next),
            keys.INCOMPLETE: not finished.seen_whole,
        }
        span = tracer.start_span(
            finished.step, attributes=attributes, start_time=finished.entered_ns
        )
        for fact in finished.facts:
            if isinstance(fact, WebsiteError):
                values = {keys.ERROR_TYPE: fact.category, keys.WEBSITE_ERROR_TEXT: fact.text}
                span.add_event("managed_auth.website_error", values, fact.at_ns)
        if finished.next == "FAILED":
            span.set_attribute(keys.ERROR_TYPE, "wrong_code")
            span.set_status(Status(StatusCode.ERROR))
        span.end(finished.finished_ns)

    return run


def microseconds(work: Callable[[], None], spans: int) -> float:
    """CPU time of a span."""
    settle()
    began = cpu_seconds()
    for _ in range(spans):
        work()
    return (cpu_seconds() - began) / spans * 1e6


def run(*, quick: bool) -> Iterator[Row]:
    """A plain step, and one with an error and a status."""
    rounds, spans = (2, 200) if quick else (7, 5_000)
    for what, with_error in (("a step's span", False), ("the same, with an error", True)):
        finished = step(with_error=with_error)
        ours, theirs = whole(finished), started_and_ended(finished)
        found = [
            (microseconds(ours, spans), microseconds(theirs, spans)) for _ in range(rounds + 1)
        ]
        yield Row(what, "CPU us", *zip(*found[1:], strict=True), PEER)
