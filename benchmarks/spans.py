"""A step's span built whole against `start_span` and `end`, both into a processor that drops it.

Run: python benchmarks/spans.py
"""

import statistics
import time
from collections.abc import Callable

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Status, StatusCode

from exporter.core import ids
from exporter.core.observations import FlowRef, StepFinished, WebsiteError
from exporter.sinks.traces import attributes as keys
from exporter.sinks.traces.spans import SpanBuilder

ROUNDS, SPANS = 7, 5_000
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


def microseconds(run: Callable[[], None]) -> float:
    began = time.process_time()
    for _ in range(SPANS):
        run()
    return (time.process_time() - began) / SPANS * 1e6


def main() -> None:
    print(f"CPU us a span, median of {ROUNDS} rounds of {SPANS}, in turns")
    print(f"{'':34}{'whole':>8}{'start_span':>12}{'ratio':>8}")
    for name, with_error in (("a step", False), ("a step with an error, and status", True)):
        finished = step(with_error=with_error)
        ours, theirs = whole(finished), started_and_ended(finished)
        rounds = [(microseconds(ours), microseconds(theirs)) for _ in range(ROUNDS)]
        a, b = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:34}{a:8.1f}{b:12.1f}{b / a:8.1f}")


if __name__ == "__main__":
    main()
