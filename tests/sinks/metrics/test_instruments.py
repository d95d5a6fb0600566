"""Children are made once and kept; presets are there from the start."""

import pytest
from prometheus_client import CollectorRegistry

from exporter.sinks.metrics.family import Family, Kind
from exporter.sinks.metrics.flow_families import FLOWS_STARTED, GAPS, STEP_DURATION
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.labels import DOMAIN, STEP
from exporter.sinks.metrics.upstream_families import CONNECTIONS, STREAMS_OPEN


def test_a_child_is_looked_up_once_and_then_kept() -> None:
    registry = CollectorRegistry()
    gaps = Instruments(registry, domain_label=True).counters(GAPS)

    assert gaps["restart",] is gaps["restart",]
    gaps["restart",].inc()
    assert registry.get_sample_value("managed_auth_gaps_total", {"cause": "restart"}) == 1


def test_a_family_without_labels_is_its_own_child() -> None:
    registry = CollectorRegistry()
    Instruments(registry, domain_label=True).gauges(STREAMS_OPEN)[()].set(3)

    assert registry.get_sample_value("managed_auth_streams_open") == 3


def test_presets_exist_at_0_and_those_of_a_domain_with_the_domain() -> None:
    registry = CollectorRegistry()
    instruments = Instruments(registry, domain_label=True)
    instruments.histograms(STEP_DURATION)
    instruments.counters(FLOWS_STARTED)
    instruments.gauges(CONNECTIONS)

    def series(name: str) -> list[dict[str, str]]:
        samples = (sample for metric in registry.collect() for sample in metric.samples)
        return [s.labels for s in samples if s.name == name and s.value == 0]

    assert len(series("managed_auth_step_duration_seconds_count")) == len(STEP_DURATION.preset)
    assert series("managed_auth_flows_started_total") == []

    instruments.preset_domain("a.example")
    instruments.preset_domain("b.example")
    started = series("managed_auth_flows_started_total")
    assert len(started) == 2 * len(FLOWS_STARTED.preset)
    assert {labels["domain"] for labels in started} == {"a.example", "b.example"}
    assert len(series("managed_auth_connections")) == 2 * len(CONNECTIONS.preset)


def test_without_the_domain_label_the_families_do_not_have_it() -> None:
    registry = CollectorRegistry()
    instruments = Instruments(registry, domain_label=False)
    started = instruments.counters(FLOWS_STARTED)
    instruments.preset_domain("")
    started["LOGIN", "discovering", ""].inc()

    labels = {"flow_type": "LOGIN", "entry": "discovering"}
    assert registry.get_sample_value("managed_auth_flows_started_total", labels) == 1


def test_a_family_whose_domain_does_not_stand_last_is_refused() -> None:
    family = Family("managed_auth_odd_total", Kind.COUNTER, "Odd.", "-", (DOMAIN, STEP))

    with pytest.raises(ValueError, match="the domain is not the last label of managed_auth_odd"):
        Instruments(CollectorRegistry(), domain_label=True).counters(family)
