"""One sink that stands for many: isolated, timed, counted."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from exporter.core.observations import FollowingChanged, Observation, StreamOpened
from exporter.sinks.fanout import FanOut, SinkAccount
from exporter.sinks.metrics import build_metrics, register_sink_accounts

SECRET = "conn-secret"
OBSERVATION = StreamOpened(SECRET)


class Recorder:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def observe(self, observation: Observation, /) -> None:
        self.seen.append(observation)


class Broken:
    """Cannot take anything, and says what."""

    def observe(self, observation: Observation, /) -> None:
        raise RuntimeError(f"cannot take {observation}")


class Clock:
    """Goes forward by the given steps, one a reading, then stands."""

    def __init__(self, *steps: float) -> None:
        self._steps: Iterator[float] = iter(steps)
        self.now = 0.0

    def __call__(self) -> float:
        self.now += next(self._steps, 0.0)
        return self.now


def test_every_sink_gets_every_observation_in_order() -> None:
    one, two = Recorder(), Recorder()
    fan_out = FanOut({"one": one, "two": two})
    fan_out.observe(OBSERVATION)
    fan_out.observe(FollowingChanged(3))

    assert one.seen == two.seen == [OBSERVATION, FollowingChanged(3)]


def test_a_sink_that_raises_does_not_stop_the_others_and_is_counted() -> None:
    before, after = Recorder(), Recorder()
    fan_out = FanOut({"before": before, "broken": Broken(), "after": after})
    with capture_logs():
        for _ in range(3):
            fan_out.observe(OBSERVATION)

    assert before.seen == after.seen == [OBSERVATION] * 3
    assert {name: account.errors for name, account in fan_out.accounts().items()} == {
        "before": 0,
        "broken": 3,
        "after": 0,
    }


def test_what_is_no_error_but_the_end_of_the_process_passes() -> None:
    class Interrupted:
        def observe(self, observation: Observation, /) -> None:  # noqa: ARG002 - as a sink has it
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FanOut({"interrupted": Interrupted()}).observe(OBSERVATION)


def test_each_sink_is_timed() -> None:
    clock = Clock(0, 0.25, 0.5, 100, 1, 2)
    fan_out = FanOut({"one": Recorder(), "two": Recorder()}, clock=clock)
    fan_out.observe(OBSERVATION)
    fan_out.observe(OBSERVATION)

    assert fan_out.accounts() == {"one": SinkAccount(0, 1.25), "two": SinkAccount(0, 2.5)}


def test_a_failing_sink_is_logged_once_a_minute_without_what_it_failed_on() -> None:
    clock = Clock()
    fan_out = FanOut({"broken": Broken(), "worse": Broken()}, clock=clock)
    with capture_logs() as logs:
        for now in (0.0, 1.0, 59.0, 60.0, 61.0):
            clock.now = now
            fan_out.observe(OBSERVATION)

    told = [(line["sink"], line["errors"]) for line in logs]
    assert told == [("broken", 1), ("worse", 1), ("broken", 4), ("worse", 4)]
    assert {line["error"] for line in logs} == {"RuntimeError"}
    assert all(str(line["at"]).startswith("test_fanout.py:") for line in logs)
    assert SECRET not in str(logs)


def test_the_accounts_show_in_the_metrics_beside_the_sink_that_makes_them() -> None:
    registry = CollectorRegistry()
    metrics = build_metrics(registry, version="1")
    fan_out = FanOut({"metrics": metrics, "broken": Broken()}, clock=Clock(0, 0.5, 0.25))
    register_sink_accounts(registry, fan_out.accounts)
    with capture_logs():
        fan_out.observe(FollowingChanged(7))

    def read(name: str, sink: str) -> float | None:
        return registry.get_sample_value(f"managed_auth_exporter_sink_{name}", {"sink": sink})

    assert registry.get_sample_value("managed_auth_followed_connections") == 7
    assert (read("errors_total", "broken"), read("seconds_total", "broken")) == (1, 0.25)
    assert (read("errors_total", "metrics"), read("seconds_total", "metrics")) == (0, 0.5)
