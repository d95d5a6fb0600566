"""Finished facts -> finished spans.

A span is built whole when its step or flow is over, as a ``ReadableSpan`` with explicit ids and
times: nothing has to be remembered from its start to its end, so a flow goes on after a restart as
if nothing had been, and it costs a fraction of ``start_span`` and ``end``
(``benchmarks/spans.py`` compares them).

Span kind is INTERNAL: the login is work that Kernel does and we look on. A CLIENT span would claim
a request of ours to the website, and backends would draw that edge in their service maps
(https://opentelemetry.io/docs/specs/otel/trace/api/#spankind).
"""

from collections.abc import Sequence
from typing import Final, assert_never

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from exporter.core import ids
from exporter.core.observations import (
    FlowEnded,
    FlowFact,
    FlowRef,
    Gap,
    IllegalTransition,
    InputRequest,
    Outcome,
    StepFinished,
    WebsiteError,
)
from exporter.sinks.traces import attributes as keys
from exporter.sinks.traces.bounds import Values, few, few_attributes, length, text, time_ns

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_ROOT_NAMES: Final = {"LOGIN": "LOGIN flow", "REAUTH": "REAUTH flow"}
_UNTYPED_ROOT_NAME: Final = "flow"
_NO_ERROR: Final = Status(StatusCode.UNSET)
_STEP_ERROR: Final = Status(StatusCode.ERROR)
_ERROR_OUTCOMES: Final = {
    Outcome.FAILED: keys.ERROR_TYPE_OTHER,
    Outcome.EXPIRED: Outcome.EXPIRED.value,
}
_ERROR_STATES: Final = {outcome.name: error for outcome, error in _ERROR_OUTCOMES.items()}


class SpanBuilder:
    """Builds the spans of flows.

    Args:
        resource: who exports them.
        scope: what made them.
        limits: the limits of ``OTEL_SPAN_*`` and ``OTEL_ATTRIBUTE_*``.
    """

    def __init__(self, resource: Resource, scope: InstrumentationScope, limits: SpanLimits) -> None:
        self._resource = resource
        self._scope = scope
        self._limits = limits
        self._max_length = length(limits.max_span_attribute_length)
        self._max_event_length = length(limits.max_attribute_length)

    def flow(self, ended: FlowEnded) -> ReadableSpan:
        """The root span of a flow that is over."""
        error_type = _ERROR_OUTCOMES.get(ended.outcome)
        status = _NO_ERROR
        values = self._common(ended.flow, incomplete=ended.incomplete)
        values[keys.FLOW_OUTCOME] = ended.outcome.value
        values[keys.FLOW_OBSERVED] = ended.observed.value
        values[keys.FLOW_LAST_STEP] = self._text(ended.last_step)
        if ended.waiting_ns is not None:
            values[keys.FLOW_WAITING] = ended.waiting_ns / 1e9
        if ended.working_ns is not None:
            values[keys.FLOW_WORKING] = ended.working_ns / 1e9
        if ended.error_code:
            values[keys.ERROR_CODE] = self._text(ended.error_code)
        if ended.error_message:
            values[keys.ERROR_MESSAGE] = self._text(ended.error_message)
        if error_type is not None:
            error_code = values.get(keys.ERROR_CODE)
            values[keys.ERROR_TYPE] = error_code or error_type
            status = Status(StatusCode.ERROR, str(error_code or ended.outcome.value))
        return self._span(
            name=_ROOT_NAMES.get(ended.flow.flow_type, _UNTYPED_ROOT_NAME),
            context=_context(ended.flow.trace_id, ids.ROOT_ORDINAL),
            parent=None,
            times=(ended.started_ns, ended.ended_ns),
            values=values,
            facts=ended.facts,
            links=_links(ended.flow),
            status=status,
        )

    def step(self, finished: StepFinished) -> ReadableSpan:
        """The span of one visit of a step, a child of its flow's root."""
        flow = finished.flow
        status = _NO_ERROR
        values = self._common(flow, incomplete=not finished.seen_whole)
        values[keys.STEP_ORDINAL] = finished.ordinal
        if finished.next is not None:
            values[keys.STEP_NEXT] = self._text(finished.next)
            error_type = _ERROR_STATES.get(finished.next)
            if error_type is not None:
                values[keys.ERROR_TYPE] = self._text(_last_category(finished.facts) or error_type)
                status = _STEP_ERROR
        return self._span(
            name=self._text(finished.step),
            context=_context(flow.trace_id, finished.ordinal),
            parent=_context(flow.trace_id, ids.ROOT_ORDINAL),
            times=(finished.entered_ns, finished.finished_ns),
            values=values,
            facts=finished.facts,
            links=(),
            status=status,
        )

    def _common(self, flow: FlowRef, *, incomplete: bool) -> Values:
        values: Values = {
            keys.CONNECTION_ID: self._text(flow.connection_id),
            keys.FLOW_TYPE: self._text(flow.flow_type),
            keys.INCOMPLETE: incomplete,
        }
        if flow.domain:
            values[keys.SERVER_ADDRESS] = self._text(flow.domain)
        if flow.profile_name:
            values[keys.PROFILE_NAME] = self._text(flow.profile_name)
        return values

    def _span(
        self,
        *,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        times: tuple[int, int],
        values: Values,
        facts: Sequence[FlowFact],
        links: Sequence[Link],
        status: Status,
    ) -> ReadableSpan:
        start, end = times
        limits = self._limits
        return ReadableSpan(
            name=name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes=few_attributes(
                values, limits.max_span_attributes, limits.max_span_attribute_length
            ),
            events=few([self._event(fact) for fact in facts], limits.max_events) if facts else (),
            links=few(links, limits.max_links),
            status=status,
            start_time=time_ns(start),
            end_time=time_ns(max(start, end)),
            instrumentation_scope=self._scope,
        )

    def _event(self, fact: FlowFact) -> Event:
        values: Values
        match fact:
            case WebsiteError():
                name = keys.Carrier.WEBSITE_ERROR
                values = {
                    keys.ERROR_TYPE: self._event_text(fact.category),
                    keys.WEBSITE_ERROR_TEXT: self._event_text(fact.text),
                }
            case InputRequest():
                name = keys.Carrier.INPUT_REQUESTED
                values = {keys.INPUT_KIND: fact.kind.value, keys.INPUT_RETRY: fact.retry}
            case IllegalTransition():
                name = keys.Carrier.ILLEGAL_TRANSITION
                values = {
                    keys.TRANSITION_REASON: fact.reason.value,
                    keys.TRANSITION_SOURCE: self._event_text(fact.source),
                    keys.TRANSITION_TARGET: self._event_text(fact.target),
                }
            case Gap():
                name = keys.Carrier.GAP
                values = {keys.GAP_CAUSE: fact.cause.value}
            case _:
                assert_never(fact)
        bounded = few_attributes(
            values, self._limits.max_event_attributes, self._limits.max_attribute_length
        )
        return Event(name.value, bounded, time_ns(fact.at_ns))

    def _text(self, value: str) -> str:
        return text(value, self._max_length)

    def _event_text(self, value: str) -> str:
        return text(value, self._max_event_length)


def _context(trace: int, ordinal: int) -> SpanContext:
    return SpanContext(trace, ids.span_id(trace, ordinal), is_remote=False, trace_flags=_SAMPLED)


def _links(flow: FlowRef) -> Sequence[Link]:
    """A REAUTH flow renews what the last flow of its connection had reached."""
    if flow.flow_type != "REAUTH" or not flow.linked_trace_id:
        return ()
    return (Link(_context(flow.linked_trace_id, ids.ROOT_ORDINAL)),)


def _last_category(facts: Sequence[FlowFact]) -> str | None:
    return next((fact.category for fact in reversed(facts) if isinstance(fact, WebsiteError)), None)
