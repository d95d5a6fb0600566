"""Whether the spans that a collector received are one tree for each flow, and tell its outcome."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from exporter.simulator.ledger import FlowRecord
from tests.otlp_receiver import values

TOLERANCE_NS: Final = 50_000_000


def check_trees(received: Iterable[Span], ledger: Iterable[FlowRecord]) -> None:
    """Every flow has one trace: a root that knows its outcome, and steps right under that root.

    A span that came twice (because nobody knew whether it had been sent) counts once, by its id.
    """
    traces: dict[bytes, dict[bytes, Span]] = defaultdict(dict)
    for span in received:
        traces[span.trace_id][span.span_id] = span
    flows = _by_connection(ledger)
    told: dict[str, bytes] = {}
    for trace_id, spans in traces.items():
        roots = [span for span in spans.values() if not span.parent_span_id]
        assert len(roots) == 1, f"{len(roots)} roots in the trace of {[s.name for s in roots]}"
        root = roots[0]
        parents = {span.parent_span_id for span in spans.values() if span is not root}
        assert parents <= {root.span_id}
        flow = _flow_of(root, flows)
        assert told.setdefault(flow.flow_id, trace_id) == trace_id, f"two traces of {flow}"
        _check_root(root, flow)
    missing = [flow for several in flows.values() for flow in several if flow.flow_id not in told]
    assert not missing, f"{len(missing)} flows without a trace, such as {missing[0]}"


def _by_connection(ledger: Iterable[FlowRecord]) -> dict[str, list[FlowRecord]]:
    flows: dict[str, list[FlowRecord]] = defaultdict(list)
    for flow in sorted(ledger, key=lambda flow: flow.started_ns):
        flows[flow.connection_id].append(flow)
    return flows


def _flow_of(root: Span, flows: dict[str, list[FlowRecord]]) -> FlowRecord:
    """The newest flow of its connection that had begun when the root begins."""
    connection_id = str(values(root.attributes)["managed_auth.connection.id"])
    begun = [
        flow
        for flow in flows[connection_id]
        if flow.started_ns <= root.start_time_unix_nano + TOLERANCE_NS
    ]
    assert begun, f"a trace of {connection_id} from before its first flow"
    return begun[-1]


def _check_root(root: Span, flow: FlowRecord) -> None:
    attributes = values(root.attributes)
    assert root.name == f"{flow.flow_type} flow"
    assert attributes["managed_auth.flow.outcome"] == flow.outcome, flow
    assert attributes["server.address"] == flow.domain
    assert flow.ended_ns is not None
    assert root.start_time_unix_nano <= flow.ended_ns + TOLERANCE_NS
