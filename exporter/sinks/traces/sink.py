"""Observations -> spans -> wherever the environment says.

The sink remembers nothing about a flow: ids come from the observation (see ``core.ids``), the
sampling decision from the trace id, so that the spans of a flow are kept or left out together, also
after a restart or by another replica.
"""

from typing import Final, assert_never

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from exporter import __version__
from exporter.core.observations import (
    ApiBudget,
    ApiRequest,
    ConnectionForgotten,
    ConnectionListed,
    FactNoted,
    FlowEnded,
    FlowResumed,
    FlowStarted,
    FollowingChanged,
    HealthCheckSeen,
    JournalWritten,
    Observation,
    RateLimit,
    StepEntered,
    StepFinished,
    StreamEnded,
    StreamMessage,
    StreamOpened,
    TimelineCovered,
    TimelineNoted,
    TotalsRestored,
)
from exporter.sinks.traces.pipeline import Batching, SpanCounts, SpanPipeline
from exporter.sinks.traces.spans import SpanBuilder

SCOPE_NAME: Final = "managed-auth-exporter"


class TracesSink:
    """Exports a trace for each flow: steps as they finish, the root when the flow ends.

    Args:
        exporter: where spans go; the sink shuts it down.
        resource: who exports them.
        sampler: which flows are kept; asked with the trace id alone.
        limits: the limits of ``OTEL_SPAN_*`` and ``OTEL_ATTRIBUTE_*``; the SDK's defaults if None.
        batching: how spans are queued and batched.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        resource: Resource,
        sampler: Sampler = ALWAYS_ON,
        limits: SpanLimits | None = None,
        batching: Batching | None = None,
    ) -> None:
        self._sampler = sampler
        self._builder = SpanBuilder(
            resource, InstrumentationScope(SCOPE_NAME, __version__), limits or SpanLimits()
        )
        self._pipeline = SpanPipeline(exporter, batching or Batching())

    def observe(self, observation: Observation, /) -> None:
        """Export the span of a step or flow that is over. To be called from one thread only."""
        match observation:
            case StepFinished():
                if self._sampled(observation.flow.trace_id):
                    self._pipeline.hand(self._builder.step(observation))
            case FlowEnded():
                if self._sampled(observation.flow.trace_id):
                    self._pipeline.hand(self._builder.flow(observation))
            # Facts come again with the step or flow that they belong to.
            case (
                StreamMessage()
                | StepEntered()
                | FlowStarted()
                | FactNoted()
                | StreamOpened()
                | StreamEnded()
                | ApiRequest()
                | RateLimit()
                | ConnectionListed()
                | ConnectionForgotten()
                | FollowingChanged()
                | FlowResumed()
                | TimelineNoted()
                | HealthCheckSeen()
                | TimelineCovered()
                | ApiBudget()
                | TotalsRestored()
                | JournalWritten()
            ):
                pass
            case _:
                assert_never(observation)

    @property
    def counts(self) -> SpanCounts:
        """What became of the spans so far. A flow that was not sampled has none."""
        return self._pipeline.counts

    @property
    def handed(self) -> int:
        """How many spans there have been, those that found the queue full included."""
        return self._pipeline.handed

    @property
    def settled(self) -> int:
        """So many spans, in the order in which they were handed over, need no more care.

        They and all before them were exported or dropped. To be read in the thread that observes.
        """
        return self._pipeline.settled

    def shutdown(self, timeout_seconds: float) -> None:
        """Export what waits, as far as that is possible in the time; the rest counts as dropped.

        It blocks for up to ``timeout_seconds``: call it from a thread where a loop has to go on.
        """
        self._pipeline.shutdown(timeout_seconds)

    def _sampled(self, trace_id: int) -> bool:
        if self._sampler is ALWAYS_ON:
            return True
        decision = self._sampler.should_sample(None, trace_id, SCOPE_NAME).decision
        return decision is Decision.RECORD_AND_SAMPLE
