"""The core alone: JSON -> event -> ``FlowTracker.apply``, without and with the metrics sink.

The peer reads the same JSON into the models of Kernel's SDK, validated, which is the faster of the
two ways that they can be made.
"""

from collections.abc import Iterator

import pydantic
from kernel.types.auth import ConnectionFollowResponse
from prometheus_client import CollectorRegistry

from benchmarks.events import flow
from benchmarks.machine import cpu_seconds, settle
from benchmarks.rows import Row, Target
from exporter.core.decoding import decode
from exporter.core.events import StateEvent, StreamAttached
from exporter.core.flow import FlowTracker
from exporter.core.observations import Sink
from exporter.sinks.metrics import build_metrics
from exporter.website_error_rules import load_classifier

TRACKERS = 100
PEER = "kernel's models, validated from the same JSON"
_MODELS: pydantic.TypeAdapter[ConnectionFollowResponse] = pydantic.TypeAdapter(
    ConnectionFollowResponse
)


def replay(events: list[bytes], sink: Sink | None) -> float:
    """Events per CPU second through a hundred trackers."""
    classify = load_classifier()
    trackers = [
        FlowTracker(f"ma_{number}", domain=f"site-{number % 10}.example", classify=classify)
        for number in range(TRACKERS)
    ]
    for tracker in trackers:
        tracker.apply(StreamAttached(), 0)
    settle()
    began = cpu_seconds()
    for tracker in trackers:
        for data in events:
            event = decode(data)
            assert isinstance(event, StateEvent)
            for observation in tracker.apply(event, event.at_ns):
                if sink:
                    sink.observe(observation)
    return TRACKERS * len(events) / (cpu_seconds() - began)


def models(events: list[bytes]) -> float:
    """The same events into the SDK's models."""
    settle()
    began = cpu_seconds()
    for _ in range(TRACKERS):
        for data in events:
            _MODELS.validate_json(data)
    return TRACKERS * len(events) / (cpu_seconds() - began)


def run(*, quick: bool) -> Iterator[Row]:
    """Without sinks, then into metrics."""
    rounds, flows = (2, 5) if quick else (5, 60)
    events = [event for number in range(flows) for event in flow(number)]
    metrics = build_metrics(CollectorRegistry(), version="0")
    found = [
        (replay(events, None), replay(events, metrics), models(events)) for _ in range(rounds + 1)
    ]
    bare, counted, theirs = zip(*found[1:], strict=True)
    unit = "events/CPU s"
    for what, ours, wanted in (
        ("decode and tracker", bare, 50_000),
        ("the same and metrics", counted, 25_000),
    ):
        yield Row(what, unit, ours, theirs, PEER, Target(wanted, of_ours=True))
