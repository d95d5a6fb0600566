"""Whether spans are, flow by flow, the whole of what the simulator's ledger says: nothing less, and
nothing that never happened.

For well-behaved flows that were seen from their first to their last event; ``trees`` asks less of
others.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from exporter.core.machine import WAITING
from exporter.simulator.ledger import FlowRecord, StepVisit
from exporter.website_error_rules import load_classifier
from tests.otlp_receiver import Value, values

TOLERANCE_NS: Final = 50_000_000

_ERROR_TYPES: Final = {"failed": "_OTHER", "expired": "expired"}
"""What the outcomes that are errors are called where nothing gave them a better name."""
_UNSET: Final = (Status.STATUS_CODE_UNSET, "")
_TOLD_ELSEWHERE: Final = frozenset(
    {
        "managed_auth.error.message",
        "managed_auth.flow.waiting_seconds",
        "managed_auth.flow.working_seconds",
    }
)
"""Attributes that the ledger does not hold, or not as they are."""

Attributes = Mapping[str, Value | None]


def check_traces(received: Iterable[Span], ledger: list[FlowRecord]) -> None:
    """Every flow has one trace: a root, and a child for each visit of a step, as it happened."""
    traces = by_trace(received)
    flows = {(flow.connection_id, flow.started_ns): flow for flow in ledger}
    assert len(flows) == len(traces) == len(ledger) > 0
    roots: dict[str, Span] = {}
    for spans in traces.values():
        (root,) = (span for span in spans if not span.parent_span_id)
        attributes = values(root.attributes)
        flow = flows.pop((str(attributes["managed_auth.connection.id"]), root.start_time_unix_nano))
        roots[flow.flow_id] = root
        check_root(root, flow)
        check_steps(root, [span for span in spans if span is not root], flow)
    check_links(roots, ledger)


def by_trace(received: Iterable[Span]) -> dict[bytes, list[Span]]:
    """The spans of each trace, in the order of their arrival."""
    traces: dict[bytes, list[Span]] = defaultdict(list)
    for span in received:
        traces[span.trace_id].append(span)
    return traces


def check_root(root: Span, flow: FlowRecord) -> None:
    _same(root.name, f"{flow.flow_type} flow", flow)
    _close(root.end_time_unix_nano, _ended_ns(flow), flow)
    error_type = _ERROR_TYPES.get(str(flow.outcome))
    attributes = values(root.attributes)
    wanted = {
        **_common(flow),
        "managed_auth.flow.outcome": flow.outcome,
        "managed_auth.flow.observed": "stream",
        "managed_auth.flow.last_step": flow.steps[-1].step,
        "managed_auth.error.code": flow.error_code,
        "error.type": error_type and (flow.error_code or error_type),
    }
    _same(_compared(attributes), _present(wanted), flow)
    _same("managed_auth.error.message" in attributes, flow.outcome == "failed", flow)
    description = flow.error_code or str(flow.outcome)
    _same(_status(root), _error(description) if error_type else _UNSET, flow)
    assert not root.events, "what happens during a flow belongs to the step that it happened in"
    _check_seconds(root, attributes, flow)


def _check_seconds(root: Span, attributes: Attributes, flow: FlowRecord) -> None:
    """The seconds of the steps add up to those of the flow, those for a human apart.

    Of a flow that another one superseded nobody saw the end, so nothing is said of its seconds.
    """
    waiting, working = (
        attributes.get(f"managed_auth.flow.{what}_seconds") for what in ("waiting", "working")
    )
    if flow.outcome == "superseded":
        _same((waiting, working), (None, None), flow)
        return
    assert isinstance(waiting, float)
    assert isinstance(working, float)
    waited_ns = sum(_left_ns(v, flow) - v.entered_ns for v in flow.steps if v.step in WAITING)
    whole_ns = root.end_time_unix_nano - root.start_time_unix_nano
    assert abs(waiting * 1e9 - waited_ns) <= TOLERANCE_NS * len(flow.steps), (waiting, flow)
    assert abs((waiting + working) * 1e9 - whole_ns) <= 1000, (waiting, working, flow)


def check_steps(root: Span, spans: list[Span], flow: FlowRecord) -> None:
    """The children of a root are the visits of steps, each with its times and what it led to."""
    spans.sort(key=lambda span: (span.start_time_unix_nano, span.end_time_unix_nano))
    _same([span.name for span in spans], [visit.step for visit in flow.steps], flow)
    for ordinal, (span, visit) in enumerate(zip(spans, flow.steps, strict=True), 1):
        _same(span.parent_span_id, root.span_id, flow)
        _close(span.start_time_unix_nano, visit.entered_ns, flow)
        _close(span.end_time_unix_nano, _left_ns(visit, flow), flow)
        error_type = _ERROR_TYPES.get(str(visit.next).lower())
        shown = [str(attributes["error.type"]) for attributes in _facts(span, "website_error")]
        wanted = {
            **_common(flow),
            "managed_auth.step.ordinal": ordinal,
            "managed_auth.step.next": visit.next,
            "managed_auth.incomplete": visit.next is None,
            "error.type": error_type and (shown or [error_type])[-1],
        }
        _same(_compared(values(span.attributes)), _present(wanted), flow)
        _same(_status(span), _error("") if error_type else _UNSET, flow)
        assert not span.links, "the root links to other flows, and steps to nothing"
    check_facts(spans, flow)


def check_facts(spans: list[Span], flow: FlowRecord) -> None:
    """What happened during the steps is told once, in its order, by the step it happened in."""
    classify = load_classifier()
    errors = [
        (span.name, attributes["error.type"])
        for span in spans
        for attributes in _facts(span, "website_error")
    ]
    _same(errors, [(error.step, classify(error.text)) for error in flow.website_errors], flow)
    requests = [
        (attributes["managed_auth.input.kind"], attributes["managed_auth.input.retry"])
        for span in spans
        for attributes in _facts(span, "input_requested")
    ]
    _same(requests, [(request.kind, request.retry) for request in flow.input_requests], flow)
    _same(sum(len(span.events) for span in spans), len(errors) + len(requests), flow)
    for span in spans:
        for event in span.events:
            assert span.start_time_unix_nano <= event.time_unix_nano <= span.end_time_unix_nano


def check_links(roots: Mapping[str, Span], ledger: list[FlowRecord]) -> None:
    """A REAUTH flow links to the root of the last flow of its connection; no other flow links."""
    last: dict[str, Span] = {}
    for flow in sorted(ledger, key=lambda flow: flow.started_ns):
        root, before = roots[flow.flow_id], last.get(flow.connection_id)
        linked = [before] if before and flow.flow_type == "REAUTH" else []
        _same(
            [(link.trace_id, link.span_id) for link in root.links],
            [(span.trace_id, span.span_id) for span in linked],
            flow,
        )
        last[flow.connection_id] = root


def linked(received: Iterable[Span]) -> int:
    """How many spans link to another one."""
    return sum(bool(span.links) for span in received)


def _same(told: object, wanted: object, flow: FlowRecord) -> None:
    assert told == wanted, f"{told}\nand not\n{wanted}\nof {flow}"


def _close(told_ns: int, wanted_ns: int, flow: FlowRecord) -> None:
    apart_ns = abs(told_ns - wanted_ns)
    assert apart_ns <= TOLERANCE_NS, f"{apart_ns / 1e9} s apart: {told_ns}, {wanted_ns} of {flow}"


def _error(description: str) -> tuple[int, str]:
    return Status.STATUS_CODE_ERROR, description


def _status(span: Span) -> tuple[int, str]:
    return span.status.code, span.status.message


def _common(flow: FlowRecord) -> Attributes:
    return {
        "server.address": flow.domain,
        "managed_auth.connection.id": flow.connection_id,
        "managed_auth.profile.name": flow.profile_name,
        "managed_auth.flow.type": flow.flow_type,
        "managed_auth.incomplete": flow.outcome == "superseded",
    }


def _compared(attributes: Attributes) -> Attributes:
    return {key: value for key, value in attributes.items() if key not in _TOLD_ELSEWHERE}


def _present(attributes: Attributes) -> Attributes:
    return {key: value for key, value in attributes.items() if value is not None}


def _facts(span: Span, name: str) -> list[dict[str, Value]]:
    return [
        values(event.attributes) for event in span.events if event.name == f"managed_auth.{name}"
    ]


def _left_ns(visit: StepVisit, flow: FlowRecord) -> int:
    return visit.left_ns or _ended_ns(flow)


def _ended_ns(flow: FlowRecord) -> int:
    assert flow.ended_ns is not None
    return flow.ended_ns
