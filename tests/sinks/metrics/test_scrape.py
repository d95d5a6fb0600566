"""What is read at each scrape is what is true then."""

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.registry import DuplicateTimeseries

from exporter.sinks.metrics.family import Family
from exporter.sinks.metrics.journal_families import JOURNAL_UP
from exporter.sinks.metrics.scrape import collect_if_known, collect_sinks, collect_spans
from exporter.sinks.metrics.upstream_families import API_BUDGET


class Spans(msgspec.Struct):
    exported: int
    dropped: int


class Account(msgspec.Struct):
    errors: int
    seconds: float


def test_span_counts_are_read_at_each_scrape() -> None:
    registry = CollectorRegistry()
    spans = Spans(5, 1)
    collect_spans(lambda: spans, registry)
    assert registry.get_sample_value("managed_auth_spans_exported_total") == 5

    spans.exported, spans.dropped = 8, 2
    assert registry.get_sample_value("managed_auth_spans_exported_total") == 8
    assert registry.get_sample_value("managed_auth_spans_dropped_total") == 2


def test_span_counts_are_0_where_no_spans_are_exported() -> None:
    registry = CollectorRegistry()
    collect_spans(None, registry)

    assert registry.get_sample_value("managed_auth_spans_exported_total") == 0
    assert registry.get_sample_value("managed_auth_spans_dropped_total") == 0


def test_every_sink_has_its_account() -> None:
    registry = CollectorRegistry()
    collect_sinks(lambda: {"traces": Account(3, 0.5), "live": Account(0, 0.25)}, registry)

    def read(name: str, sink: str) -> float | None:
        return registry.get_sample_value(f"managed_auth_exporter_sink_{name}", {"sink": sink})

    assert (read("errors_total", "traces"), read("seconds_total", "traces")) == (3, 0.5)
    assert (read("errors_total", "live"), read("seconds_total", "live")) == (0, 0.25)


def test_a_gauge_has_no_series_while_its_value_is_not_known_and_a_known_0_is_a_value() -> None:
    registry = CollectorRegistry()
    known: dict[Family, float] = {}
    collect_if_known(
        {JOURNAL_UP: lambda: known.get(JOURNAL_UP), API_BUDGET: lambda: known.get(API_BUDGET)},
        registry,
    )
    assert registry.get_sample_value(JOURNAL_UP.name) is None
    assert registry.get_sample_value(API_BUDGET.name) is None

    known[JOURNAL_UP] = 0
    assert registry.get_sample_value(JOURNAL_UP.name) == 0
    assert registry.get_sample_value(API_BUDGET.name) is None


def test_a_second_collector_of_the_same_families_is_refused() -> None:
    registry = CollectorRegistry()
    collect_spans(None, registry)

    with pytest.raises(DuplicateTimeseries, match="managed_auth_spans_exported"):
        collect_spans(None, registry)
