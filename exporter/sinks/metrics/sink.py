"""The metrics sink: takes every observation to the meter that it is for."""

from collections.abc import Callable
from typing import Final, assert_never

from prometheus_client import CollectorRegistry

from exporter.core.observations import (
    ApiBudget,
    ApiRequest,
    ConnectionForgotten,
    ConnectionListed,
    FactNoted,
    FlowEnded,
    FlowResumed,
    FlowStarted,
    FollowingChanged,
    HealthCheckSeen,
    JournalWritten,
    Observation,
    RateLimit,
    StepEntered,
    StepFinished,
    StreamEnded,
    StreamMessage,
    StreamOpened,
    TimelineCovered,
    TimelineNoted,
    TotalsRestored,
)
from exporter.sinks.metrics.domains import DEFAULT_MAX_DOMAINS, DomainLabel
from exporter.sinks.metrics.flow_meters import FlowMeters
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.journal_meters import JournalMeters
from exporter.sinks.metrics.scrape import SpanCounts, collect_spans
from exporter.sinks.metrics.timeline_meters import TimelineMeters
from exporter.sinks.metrics.upstream_families import LABEL_OVERFLOW
from exporter.sinks.metrics.upstream_meters import UpstreamMeters


class MetricsSink:
    """Turns observations into the metrics of ``registry``, which may be read from any thread.

    ``max_domains`` is how many domains keep their name as a label; ``domain_label`` False drops
    the label from every family. ``span_counts`` is read at each scrape.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        max_domains: int = DEFAULT_MAX_DOMAINS,
        domain_label: bool = True,
        span_counts: Callable[[], SpanCounts] | None = None,
    ) -> None:
        instruments = Instruments(registry, domain_label=domain_label)
        overflow = instruments.counters(LABEL_OVERFLOW)["domain",]
        domain = DomainLabel(
            max_domains if domain_label else None,
            on_new=instruments.preset_domain,
            on_overflow=overflow.inc,
        )
        self._domain: Final = domain
        self._flows: Final = FlowMeters(instruments, registry, domain)
        self._upstream: Final = UpstreamMeters(instruments, registry, domain)
        self._timeline: Final = TimelineMeters(instruments, registry)
        self._journal: Final = JournalMeters(instruments, registry)
        collect_spans(span_counts, registry)
        if not domain_label:
            instruments.preset_domain("")

    def observe(self, observation: Observation, /) -> None:  # noqa: C901, PLR0912 - a case for each
        """Count, time or note one observation; the most frequent ones stand first."""
        match observation:
            case StreamMessage():
                self._upstream.stream_message(observation)
            case StepFinished():
                self._flows.step_finished(observation)
            case StepEntered():
                self._flows.step_entered(observation)
            case ConnectionListed():
                self._upstream.listed(observation)
            case FactNoted():
                self._flows.noted(observation)
            case FlowStarted():
                self._flows.started(observation)
            case FlowEnded():
                self._flows.ended(observation)
            case StreamOpened():
                self._upstream.stream_opened(observation)
            case StreamEnded():
                self._upstream.stream_ended(observation)
            case ApiRequest():
                self._upstream.api_request(observation)
            case RateLimit():
                self._upstream.rate_limited(observation)
            case ConnectionForgotten():
                self._upstream.forgotten(observation)
            case FollowingChanged():
                self._upstream.following(observation)
            case TimelineNoted():
                self._timeline.noted(observation)
            case HealthCheckSeen():
                self._timeline.health_checked(observation)
            case TimelineCovered():
                self._timeline.covered(observation)
            case ApiBudget():
                self._upstream.budgeted(observation)
            case JournalWritten():
                self._journal.written(observation)
            case FlowResumed():
                self._flows.resumed(observation)
            case TotalsRestored():
                self._flows.restored(observation)
            case _:
                assert_never(observation)
