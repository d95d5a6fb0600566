"""The knobs refuse what cannot work, in one line that names the knob."""

from typing import Any

import pytest

from exporter.simulator.config import SimulatorConfig


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("connections", -1),
        ("connections", 10_000_000),
        ("domains", 0),
        ("flows_per_minute", -0.1),
        ("health_checks_per_minute", -1),
        ("timeline_lag_seconds", -0.1),
        ("patience_seconds", -0.1),
        ("max_flows", -1),
        ("time_scale", 0),
        ("api_key", ""),
        ("heartbeat_seconds", 0),
        ("rate_limit_per_minute", 0),
    ],
)
def test_a_bad_knob_is_refused_by_name(knob: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{knob} must [^\n]+$"):
        SimulatorConfig(**{knob: value})


def test_the_defaults_are_accepted() -> None:
    assert SimulatorConfig().scenarios is None
