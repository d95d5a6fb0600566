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
    told: dict[str, Span] = {}
    for spans in traces.values():
        roots = [span for span in spans.values() if not span.parent_span_id]
        assert len(roots) == 1, (
            f"{len(roots)} roots in a trace of {[span.name for span in spans.values()]}"
        )
        root = roots[0]
        parents = {span.parent_span_id for span in spans.values() if span is not root}
        assert parents <= {root.span_id}
        flow = _flow_of(root, flows)
        other = told.setdefault(flow.flow_id, root)
        assert other is root, f"two traces of {flow}:\n{other}\n{root}"
        _check_root(root, flow)
    missing = [flow for several in flows.values() for flow in several if flow.flow_id not in told]
    assert not missing, f"{len(missing)} flows without a trace, such as {missing[0]}"


def _by_connection(ledger: Iterable[FlowRecord]) -> dict[str, list[FlowRecord]]:
    flows: dict[str, list[FlowRecord]] = defaultdict(list)
    for flow in ledger:
        flows[flow.connection_id].append(flow)
    return flows


def _flow_of(root: Span, flows: dict[str, list[FlowRecord]]) -> FlowRecord:
    """The flow of its connection that shares the most time with it.

    A poll that finds a flow is sent a little before; so a root may begin a little before its flow.
    """

    def shared_ns(flow: FlowRecord) -> int:
        assert flow.ended_ns is not None
        begin_ns = max(flow.started_ns, root.start_time_unix_nano)
        return min(flow.ended_ns, root.end_time_unix_nano) - begin_ns

    connection_id = str(values(root.attributes)["managed_auth.connection.id"])
    flow = max(flows[connection_id], key=shared_ns)
    assert shared_ns(flow) >= -TOLERANCE_NS, f"a trace of {connection_id} while it had no flow"
    return flow


def _check_root(root: Span, flow: FlowRecord) -> None:
    attributes = values(root.attributes)
    assert root.name == f"{flow.flow_type} flow"
    assert attributes["managed_auth.flow.outcome"] == flow.outcome, flow
    assert attributes["server.address"] == flow.domain
