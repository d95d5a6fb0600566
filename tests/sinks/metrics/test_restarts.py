"""A process that goes on with the totals and open flows of another is like one that never ended.

The families that outlive a process, and the gauges of what is open, must not tell a restart.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exporter.core.events import StateEvent
from exporter.core.flow import FlowTracker
from exporter.core.observations import (
    Entry,
    FlowEnded,
    FlowRef,
    FlowResumed,
    FlowStarted,
    Observation,
    Observed,
    Outcome,
    StepEntered,
    TotalsRestored,
)
from exporter.core.totals import Totals
from exporter.sinks.metrics import MetricsSink
from tests.sinks.metrics.samples import SECOND_NS, START_NS, ended, flow, total

STARTED = "managed_auth_flows_started_total"
ENDED = "managed_auth_flows_ended_total"
IN_PROGRESS = "managed_auth_flows_in_progress"
LASTING = (
    STARTED,
    ENDED,
    IN_PROGRESS,
    "managed_auth_flow_failures_total",
    "managed_auth_oldest_step_entered_timestamp_seconds",
)
DOMAINS = {"a": "one.example", "b": "one.example", "c": "two.example", "d": "not a host name"}

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def series(registry: CollectorRegistry) -> Series:
    """Every sample of what lasts."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name in LASTING
    }


class Lives:
    """Metrics sinks, one process after the other, and what a journal keeps for the next."""

    def __init__(self, *, domain_label: bool) -> None:
        self._domain_label = domain_label
        self._totals = Totals()
        self._open: dict[tuple[str, int], FlowResumed] = {}
        self.registry = CollectorRegistry()
        self._sink = MetricsSink(self.registry, domain_label=domain_label)

    def observe(self, observation: Observation) -> None:
        self._sink.observe(observation)
        self._totals.count(observation)
        match observation:
            case StepEntered(flow=of, step=step, entered_ns=entered_ns):
                self._open[_key(of)] = FlowResumed(of, step, entered_ns)
            case FlowEnded(flow=of):
                self._open.pop(_key(of), None)
            case _:
                pass

    def restart(self) -> None:
        counts = tuple(self._totals.counts.items())
        self._totals = Totals()
        self._totals.restore(counts)
        self.registry = CollectorRegistry()
        self._sink = MetricsSink(self.registry, domain_label=self._domain_label)
        self._sink.observe(TotalsRestored(counts))
        self.check()
        for resumed in self._open.values():
            self._sink.observe(resumed)
            self.check()

    def check(self) -> None:
        """The conservation law, as a scrape at this moment sees it."""
        in_progress = total(self.registry, IN_PROGRESS)
        assert in_progress == len(self._open)
        assert total(self.registry, STARTED) == total(self.registry, ENDED) + in_progress


def _key(of: FlowRef) -> tuple[str, int]:
    return of.connection_id, of.trace_id


def timeline_only(name: str, number: int, outcome: Outcome) -> list[Observation]:
    """A flow that nobody streamed: it is over when it becomes known."""
    of = flow(name, domain=DOMAINS[name], flow_type="REAUTH", trace_id=number)
    over = ended(of, outcome, observed=Observed.TIMELINE, error_code="NEW")
    return [FlowStarted(of, Entry.TIMELINE), over]


_STATES = st.builds(
    StateEvent,
    at_ns=st.integers(START_NS, START_NS + 900 * SECOND_NS),
    flow_status=st.sampled_from(["IN_PROGRESS", "IN_PROGRESS", "SUCCESS", "FAILED", "CANCELED"]),
    flow_step=st.sampled_from(["DISCOVERING", "AWAITING_INPUT", "SUBMITTING", "COMPLETED"]),
    flow_type=st.sampled_from([None, "LOGIN", "REAUTH"]),
    error_code=st.sampled_from([None, "captcha_blocked", "NEW"]),
)
_ENTRIES = st.tuples(st.integers(1, 2**127), st.sampled_from(Outcome))
_RESTART = st.just("restart")


@pytest.mark.parametrize("domain_label", [True, False])
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("abcd"), _STATES),
            st.tuples(st.sampled_from("abcd"), _STATES),
            st.tuples(st.sampled_from("abcd"), _ENTRIES),
            _RESTART,
        ),
        max_size=30,
    )
)
def test_after_any_restarts_what_lasts_is_always_as_if_there_had_been_none(
    domain_label: bool,  # noqa: FBT001 - a parameter of the test
    moves: list[tuple[str, StateEvent | tuple[int, Outcome]] | str],
) -> None:
    lives, unbroken = Lives(domain_label=domain_label), Lives(domain_label=domain_label)
    trackers = {
        name: FlowTracker(name, domain=domain, classify=lambda _: "other")
        for name, domain in DOMAINS.items()
    }
    for move in moves:
        match move:
            case (str(name), StateEvent() as event):
                observations: list[Observation] = [*trackers[name].apply(event, START_NS)]
            case (str(name), (int(number), Outcome() as outcome)):
                observations = timeline_only(name, number, outcome)
            case _:
                observations = []
                lives.restart()
        for observation in observations:
            lives.observe(observation)
            unbroken.observe(observation)
        lives.check()
        unbroken.check()
        assert series(lives.registry) == series(unbroken.registry)
