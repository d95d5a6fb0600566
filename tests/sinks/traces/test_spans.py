import pytest
from hypothesis import given, settings
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode

from exporter.core import ids
from exporter.core.observations import FlowEnded, FlowFact, Outcome, StepFinished, WebsiteError
from exporter.sinks.traces.attributes import ATTRIBUTES, Carrier
from exporter.sinks.traces.bounds import LAST_TIME_NS, MAX_VALUE_LENGTH
from exporter.sinks.traces.spans import SpanBuilder
from tests.sinks.traces.samples import (
    FACTS,
    SECOND,
    STARTED_NS,
    flow_ended,
    flow_ref,
    spanning,
    step_finished,
)

ALLOWED = {
    carrier: {(x.key, x.type) for x in ATTRIBUTES if carrier in x.carriers} for carrier in Carrier
}
TYPES: dict[type[object], str] = {str: "string", bool: "boolean", int: "int", float: "double"}


def builder(limits: SpanLimits | None = None) -> SpanBuilder:
    return SpanBuilder(
        Resource({"service.name": "test"}), InstrumentationScope("test"), limits or SpanLimits()
    )


def build(of: StepFinished | FlowEnded, limits: SpanLimits | None = None) -> ReadableSpan:
    made = builder(limits)
    return made.step(of) if isinstance(of, StepFinished) else made.flow(of)


def attributes(of: ReadableSpan | Event) -> dict[str, object]:
    assert of.attributes is not None
    return dict(of.attributes)


def parts(span: ReadableSpan) -> list[ReadableSpan | Event]:
    return [span, *span.events]


def identity(span: ReadableSpan) -> tuple[int, int, int | None]:
    assert span.context is not None
    return (
        span.context.trace_id,
        span.context.span_id,
        span.parent.span_id if span.parent else None,
    )


def test_a_flow_becomes_a_root_span_with_its_own_times_and_ids() -> None:
    flow = flow_ref()
    span = build(flow_ended(flow))
    assert span.name == "LOGIN flow"
    assert identity(span) == (flow.trace_id, ids.span_id(flow.trace_id, 0), None)
    assert (span.start_time, span.end_time) == (STARTED_NS, STARTED_NS + 9 * SECOND)
    assert span.kind is SpanKind.INTERNAL
    assert attributes(span) == {
        "server.address": "bank.example",
        "managed_auth.connection.id": "ma_1",
        "managed_auth.profile.name": "anna",
        "managed_auth.flow.type": "LOGIN",
        "managed_auth.flow.outcome": "success",
        "managed_auth.flow.observed": "stream",
        "managed_auth.flow.last_step": "SUBMITTING",
        "managed_auth.flow.waiting_seconds": 6.5,
        "managed_auth.flow.working_seconds": 2.5,
        "managed_auth.incomplete": False,
    }


def test_a_step_becomes_a_child_of_the_root() -> None:
    flow = flow_ref()
    span = build(step_finished(flow, ordinal=3, step="SUBMITTING", seen_whole=False))
    assert span.name == "SUBMITTING"
    assert identity(span) == (
        flow.trace_id,
        ids.span_id(flow.trace_id, 3),
        ids.span_id(flow.trace_id, 0),
    )
    assert (span.start_time, span.end_time) == (STARTED_NS + 2 * SECOND, STARTED_NS + 3 * SECOND)
    assert attributes(span) == {
        "server.address": "bank.example",
        "managed_auth.connection.id": "ma_1",
        "managed_auth.profile.name": "anna",
        "managed_auth.flow.type": "LOGIN",
        "managed_auth.step.ordinal": 3,
        "managed_auth.step.next": "AWAITING_INPUT",
        "managed_auth.incomplete": True,
    }


def test_facts_become_events_with_their_own_times() -> None:
    span = build(step_finished(flow_ref(), facts=FACTS))
    assert [(x.name, x.timestamp, attributes(x)) for x in span.events] == [
        (
            "managed_auth.website_error",
            STARTED_NS + 1 * SECOND,
            {
                "error.type": "wrong_credentials",
                "managed_auth.website_error.text": "Incorrect password",
            },
        ),
        (
            "managed_auth.input_requested",
            STARTED_NS + 2 * SECOND,
            {"managed_auth.input.kind": "one_time_code", "managed_auth.input.retry": True},
        ),
        (
            "managed_auth.illegal_transition",
            STARTED_NS + 3 * SECOND,
            {
                "managed_auth.transition.reason": "skipped_step",
                "managed_auth.transition.source": "AWAITING_INPUT",
                "managed_auth.transition.target": "SUCCESS",
            },
        ),
        (
            "managed_auth.gap",
            STARTED_NS + 4 * SECOND,
            {"managed_auth.gap.cause": "reconnect"},
        ),
    ]


@pytest.mark.parametrize(
    ("flow_type", "name"),
    [("LOGIN", "LOGIN flow"), ("REAUTH", "REAUTH flow"), ("unknown", "flow"), ("X" * 99, "flow")],
)
def test_the_name_of_a_root_is_one_of_three(flow_type: str, name: str) -> None:
    assert build(flow_ended(flow_ref(flow_type=flow_type))).name == name


@pytest.mark.parametrize(
    ("outcome", "error_code", "status", "description", "error_type"),
    [
        (Outcome.SUCCESS, None, StatusCode.UNSET, None, None),
        (Outcome.SUCCESS, "browser_error", StatusCode.UNSET, None, None),
        (Outcome.FAILED, "bot_detected", StatusCode.ERROR, "bot_detected", "bot_detected"),
        (Outcome.FAILED, None, StatusCode.ERROR, "failed", "_OTHER"),
        (Outcome.EXPIRED, None, StatusCode.ERROR, "expired", "expired"),
        (Outcome.CANCELED, None, StatusCode.UNSET, None, None),
        (Outcome.SUPERSEDED, None, StatusCode.UNSET, None, None),
        (Outcome.UNKNOWN, None, StatusCode.UNSET, None, None),
    ],
)
def test_only_failed_and_expired_flows_are_errors(
    outcome: Outcome,
    error_code: str | None,
    status: StatusCode,
    description: str | None,
    error_type: str | None,
) -> None:
    span = build(flow_ended(flow_ref(), outcome, error_code=error_code, error_message="No."))
    assert (span.status.status_code, span.status.description) == (status, description)
    assert attributes(span).get("error.type") == error_type
    assert attributes(span).get("managed_auth.error.code") == error_code
    assert attributes(span)["managed_auth.error.message"] == "No."


@pytest.mark.parametrize(
    ("next_state", "facts", "status", "error_type"),
    [
        ("FAILED", FACTS, StatusCode.ERROR, "wrong_credentials"),
        (
            "FAILED",
            (*FACTS, WebsiteError(STARTED_NS, "captcha", "Are you human?"), *FACTS[1:]),
            StatusCode.ERROR,
            "captcha",
        ),
        ("FAILED", (), StatusCode.ERROR, "_OTHER"),
        ("EXPIRED", (), StatusCode.ERROR, "expired"),
        ("SUCCESS", FACTS, StatusCode.UNSET, None),
        ("CANCELED", FACTS, StatusCode.UNSET, None),
        (None, FACTS, StatusCode.UNSET, None),
    ],
)
def test_the_step_that_a_flow_failed_in_is_an_error(
    next_state: str | None, facts: tuple[FlowFact, ...], status: StatusCode, error_type: str | None
) -> None:
    span = build(step_finished(flow_ref(), next_state=next_state, facts=facts))
    assert span.status.status_code is status
    assert attributes(span).get("error.type") == error_type
    assert attributes(span).get("managed_auth.step.next") == next_state


def test_a_reauth_flow_links_to_the_root_of_the_flow_before() -> None:
    before = flow_ref(1).trace_id
    (link,) = build(flow_ended(flow_ref(2, "REAUTH", linked_trace_id=before))).links
    assert (link.context.trace_id, link.context.span_id) == (before, ids.span_id(before, 0))


@pytest.mark.parametrize(("flow_type", "linked"), [("REAUTH", 0), ("LOGIN", 7)])
def test_a_flow_without_a_predecessor_or_that_renews_nothing_has_no_link(
    flow_type: str, linked: int
) -> None:
    assert not build(flow_ended(flow_ref(flow_type=flow_type, linked_trace_id=linked))).links


def test_the_limits_of_the_environment_hold_and_tell_what_they_cost() -> None:
    limits = SpanLimits(
        max_events=3,
        max_links=0,
        max_span_attributes=4,
        max_event_attributes=1,
        max_attribute_length=5,
        max_span_attribute_length=2,
    )
    flow = flow_ref(flow_type="REAUTH", linked_trace_id=7)
    span = build(flow_ended(flow, facts=FACTS), limits)
    assert (len(span.events), span.dropped_events) == (3, 1)
    assert (len(span.links), span.dropped_links) == (0, 1)
    assert (len(attributes(span)), span.dropped_attributes) == (4, 6)
    assert all(len(x) <= 2 for x in attributes(span).values() if isinstance(x, str))
    transition = span.events[1]
    assert isinstance(transition, Event)
    assert transition.dropped_attributes == 2
    assert attributes(transition) == {"managed_auth.transition.target": "SUCCE"}


@given(of=spanning)
@settings(max_examples=150)
def test_any_observation_becomes_a_span_that_otlp_can_carry(of: StepFinished | FlowEnded) -> None:
    span = build(of)
    message = encode_spans([span]).SerializeToString()
    assert message
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 <= span.start_time <= span.end_time <= LAST_TIME_NS
    for part in parts(span):
        for value in attributes(part).values():
            assert not isinstance(value, str) or len(value) <= MAX_VALUE_LENGTH


@given(of=spanning)
@settings(max_examples=100)
def test_every_span_is_of_its_flows_trace_and_every_parent_is_the_root(
    of: StepFinished | FlowEnded,
) -> None:
    trace, span, parent = identity(build(of))
    root = ids.span_id(of.flow.trace_id, 0)
    assert trace == of.flow.trace_id
    assert (span == root and parent is None) if isinstance(of, FlowEnded) else parent == root


@given(of=spanning)
@settings(max_examples=100)
def test_the_same_observation_always_gives_the_same_span(of: StepFinished | FlowEnded) -> None:
    assert encode_spans([build(of)]) == encode_spans([build(of)])


@given(of=spanning)
@settings(max_examples=150)
def test_no_span_or_event_carries_what_the_table_lacks(of: StepFinished | FlowEnded) -> None:
    span = build(of)
    carrier = Carrier.STEP_SPAN if isinstance(of, StepFinished) else Carrier.FLOW_SPAN
    for part in parts(span):
        name = carrier if part is span else Carrier(part.name)
        assert {(key, TYPES[type(x)]) for key, x in attributes(part).items()} <= ALLOWED[name]


def test_everything_in_the_table_is_carried_by_something() -> None:
    flow = flow_ref()
    spans = [
        build(step_finished(flow, next_state="FAILED", facts=FACTS)),
        build(flow_ended(flow, Outcome.FAILED, error_code="x", error_message="y")),
    ]
    carried = {
        *((Carrier.STEP_SPAN, key) for key in attributes(spans[0])),
        *((Carrier.FLOW_SPAN, key) for key in attributes(spans[1])),
        *((Carrier(x.name), key) for x in parts(spans[0])[1:] for key in attributes(x)),
    }
    assert carried == {(name, x.key) for x in ATTRIBUTES for name in x.carriers}
