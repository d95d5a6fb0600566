"""What the timelines tell shows in the metrics, value by value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exporter.core.observations import (
    HealthCheckSeen,
    TimelineCovered,
    TimelineNoted,
    TimelineResult,
)
from exporter.sinks.metrics import MetricsSink
from tests.sinks.metrics.conftest import Value
from tests.sinks.metrics.samples import SECOND_NS, START_NS, total

LAST_CHECK = "last_health_check_timestamp_seconds"
STALEST = "timeline_stalest_read_timestamp_seconds"


@pytest.mark.parametrize("result", TimelineResult)
def test_entries_count_by_what_became_of_them_and_are_there_at_0(
    sink: MetricsSink, value: Value, registry: CollectorRegistry, result: TimelineResult
) -> None:
    assert value("timeline_entries_total", result=result.value) == 0
    sink.observe(TimelineNoted(result))

    assert value("timeline_entries_total", result=result.value) == 1
    assert total(registry, "managed_auth_timeline_entries_total") == 1


@pytest.mark.parametrize(
    ("result", "label"),
    [
        ("AUTHENTICATED", "AUTHENTICATED"),
        ("NEEDS_AUTH", "NEEDS_AUTH"),
        ("a stranger's word", "unknown"),
        ("", "unknown"),
    ],
)
def test_health_checks_count_by_what_they_found_and_are_there_at_0(
    sink: MetricsSink, value: Value, registry: CollectorRegistry, result: str, label: str
) -> None:
    assert value("health_checks_total", result=label) == 0
    sink.observe(HealthCheckSeen(result, START_NS))

    assert value("health_checks_total", result=label) == 1
    assert total(registry, "managed_auth_health_checks_total") == 1


@given(st.lists(st.integers(0, 10**6), max_size=8))
def test_the_last_health_check_is_always_the_newest_in_whatever_order_they_are_read(
    seconds: list[int],
) -> None:
    registry = CollectorRegistry()
    sink = MetricsSink(registry)
    for each in seconds:
        sink.observe(HealthCheckSeen("AUTHENTICATED", START_NS + each * SECOND_NS))

    newest = START_NS / SECOND_NS + max(seconds) if seconds else None
    assert registry.get_sample_value(f"managed_auth_{LAST_CHECK}") == newest


def test_the_stalest_read_is_what_was_said_last_and_has_no_series_without_connections(
    sink: MetricsSink, value: Value
) -> None:
    assert value(STALEST) is None
    sink.observe(TimelineCovered(START_NS))
    assert value(STALEST) == START_NS / SECOND_NS
    sink.observe(TimelineCovered(START_NS - SECOND_NS))
    assert value(STALEST) == START_NS / SECOND_NS - 1
    sink.observe(TimelineCovered(None))
    assert value(STALEST) is None
