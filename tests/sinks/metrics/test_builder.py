"""What stands behind /metrics besides the observations."""

import platform

from prometheus_client import CollectorRegistry

from exporter.sinks.metrics import build_metrics
from tests.sinks.metrics.samples import total


def test_the_build_the_process_and_the_garbage_collector_show() -> None:
    registry = CollectorRegistry()
    build_metrics(registry, version="1.2.3", revision="abc")

    build = {"version": "1.2.3", "revision": "abc", "python": platform.python_version()}
    assert registry.get_sample_value("managed_auth_exporter_build_info", build) == 1
    assert (registry.get_sample_value("process_resident_memory_bytes") or 0) > 0
    assert registry.get_sample_value("python_gc_collections_total", {"generation": "0"}) is not None


def test_two_registries_in_one_process_do_not_meet() -> None:
    one, two = CollectorRegistry(), CollectorRegistry()
    build_metrics(one, version="1")
    build_metrics(two, version="2")

    assert total(one, "managed_auth_exporter_build_info", version="1") == 1
    assert total(one, "managed_auth_exporter_build_info", version="2") == 0
