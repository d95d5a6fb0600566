"""A metrics sink with a registry of its own, and a way to read values from it."""

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from exporter.sinks.metrics import MetricsSink, build_metrics

Value = Callable[..., float | None]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def sink(registry: CollectorRegistry) -> MetricsSink:
    return build_metrics(registry, version="1.2.3", revision="abc", max_domains=3)


@pytest.fixture
def value(registry: CollectorRegistry) -> Value:
    """The value of one series, its name without the common prefix; None where it does not exist."""

    def read(name: str, labels: dict[str, str] | None = None, /, **more: str) -> float | None:
        return registry.get_sample_value(f"managed_auth_{name}", (labels or {}) | more)

    return read
