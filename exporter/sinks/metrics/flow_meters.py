"""Counts and times what happens to flows."""

from collections.abc import Callable
from typing import Final, assert_never

from prometheus_client import CollectorRegistry

from exporter.core.observations import (
    FactNoted,
    FlowEnded,
    FlowRef,
    FlowResumed,
    FlowStarted,
    Gap,
    IllegalTransition,
    InputRequest,
    StepEntered,
    StepFinished,
    TotalsRestored,
    WebsiteError,
)
from exporter.core.totals import FAILURES
from exporter.sinks.metrics import flow_families as families
from exporter.sinks.metrics import labels
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.open_flows import OpenFlows
from exporter.sinks.metrics.restored import restored


class FlowMeters:
    """Takes the flow observations; ``domain`` turns a domain into its label value."""

    def __init__(
        self,
        instruments: Instruments,
        registry: CollectorRegistry,
        domain: Callable[[str], str],
    ) -> None:
        self._domain: Final = domain
        self._flow_type: Final = labels.FLOW_TYPE.bounded()
        self._state: Final = labels.STEP.bounded()
        self._error_code: Final = labels.ERROR_CODE.bounded()
        self._category: Final = labels.CATEGORY.bounded()
        self._flows: Final = OpenFlows(instruments, registry)
        self._failures: Final = instruments.counters(families.FLOW_FAILURES)
        self._duration: Final = instruments.histograms(families.FLOW_DURATION)
        self._waiting: Final = instruments.histograms(families.FLOW_WAITING)
        self._working: Final = instruments.histograms(families.FLOW_WORKING)
        self._step_duration: Final = instruments.histograms(families.STEP_DURATION)
        self._website_errors: Final = instruments.counters(families.WEBSITE_ERRORS)
        self._input_requests: Final = instruments.counters(families.INPUT_REQUESTS)
        self._illegal: Final = instruments.counters(families.ILLEGAL_TRANSITIONS)
        self._gaps: Final = instruments.counters(families.GAPS)

    def restored(self, observation: TotalsRestored) -> None:
        """Go on from what earlier processes counted."""
        sums = restored(observation.counts, self._domain)
        self._flows.restored(sums.started, sums.ended)
        for labels_of, count in sums.failed.items():
            self._failures[labels_of].inc(count)

    def resumed(self, observation: FlowResumed) -> None:
        """Note where a flow is that an earlier process counted as started."""
        self._flows.entered(observation.flow, observation.step, observation.entered_ns)

    def started(self, observation: FlowStarted) -> None:
        """Count a flow that begins to be followed."""
        flow = observation.flow
        domain = self._domain(flow.domain)
        self._flows.started(flow, (self._flow_type(flow.flow_type), observation.entry, domain))

    def step_entered(self, observation: StepEntered) -> None:
        """Note where the flow is now."""
        self._flows.entered(observation.flow, observation.step, observation.entered_ns)

    def step_finished(self, observation: StepFinished) -> None:
        """Time the visit of a step, where it was seen from its start to its end."""
        if not observation.seen_whole or observation.next is None:
            return
        flow = observation.flow
        step, following = self._state(observation.step), self._state(observation.next)
        histogram = self._step_duration[step, self._flow_type(flow.flow_type), following]
        histogram.observe(observation.duration_ns / 1e9, _exemplar(flow))

    def noted(self, observation: FactNoted) -> None:
        """Count something that happened during a flow."""
        fact = observation.fact
        match fact:
            case WebsiteError():
                step, domain = self._state(observation.step), self._domain(observation.domain)
                self._website_errors[self._category(fact.category), step, domain].inc()
            case InputRequest():
                self._input_requests[fact.kind, "true" if fact.retry else "false"].inc()
            case IllegalTransition():
                source, target = self._state(fact.source), self._state(fact.target)
                self._illegal[fact.reason, source, target].inc()
            case Gap():
                self._gaps[(fact.cause,)].inc()
            case _:
                assert_never(fact)

    def ended(self, observation: FlowEnded) -> None:
        """Count a flow that is over, and time it where it was seen whole."""
        flow, outcome = observation.flow, observation.outcome
        flow_type = self._flow_type(flow.flow_type)
        domain = self._domain(flow.domain)
        self._flows.ended(flow, (outcome, flow_type, observation.observed, domain))
        exemplar = _exemplar(flow)
        if outcome in FAILURES:
            code, step = self._error_code(observation.error_code), observation.last_step
            self._failures[code, self._state(step), flow_type].inc(exemplar=exemplar)
        for histograms, duration_ns in (
            (self._duration, observation.duration_ns),
            (self._waiting, observation.waiting_ns),
            (self._working, observation.working_ns),
        ):
            if duration_ns is not None:
                histograms[outcome, flow_type].observe(duration_ns / 1e9, exemplar)


def _exemplar(flow: FlowRef) -> dict[str, str]:
    """The label that lets a backend open the trace; hexadecimal as in W3C Trace Context."""
    return {"trace_id": f"{flow.trace_id:032x}"}
