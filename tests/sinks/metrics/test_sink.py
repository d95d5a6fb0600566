"""What always holds of the metrics, for any observations and for any flows."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from exporter.core.events import (
    DeadlineCheck,
    Forgotten,
    Listing,
    StateEvent,
    StreamAttached,
    StreamDetached,
    TrackerInput,
)
from exporter.core.flow import FlowTracker
from exporter.core.observations import ConnectionListed, Entry, FlowStarted, GapCause, Observation
from exporter.core.vocabulary import FLOW_STATUSES, FLOW_STEPS
from exporter.sinks.metrics import FAMILIES, MetricsSink, Renderer
from exporter.sinks.metrics.labels import status_code
from tests.sinks.metrics.samples import OBSERVATIONS, SECOND_NS, START_NS, flow, total

MAX_DOMAINS = 2
BY_NAME = {family.name: family for family in FAMILIES}


def fed(observations: Iterable[Observation], *, domain_label: bool = True) -> CollectorRegistry:
    registry = CollectorRegistry()
    sink = MetricsSink(registry, max_domains=MAX_DOMAINS, domain_label=domain_label)
    for observation in observations:
        sink.observe(observation)
    return registry


def label_sets(registry: CollectorRegistry) -> dict[str, list[dict[str, str]]]:
    """The labels of every series, by family."""
    families = {family.name.removesuffix("_total"): family for family in FAMILIES}
    return {
        families[metric.name].name: [
            {key: value for key, value in sample.labels.items() if key != "le"}
            for sample in metric.samples
        ]
        for metric in registry.collect()
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(OBSERVATIONS, max_size=12))
def test_no_observation_ever_raises_or_makes_a_label_value_that_is_not_allowed(
    observations: list[Observation],
) -> None:
    series = label_sets(fed(observations))

    # The build's, readiness', the stalls' and the fan-out's are not the sink's.
    assert len(series) == len(FAMILIES) - 5
    for name, label_set in series.items():
        family = BY_NAME[name]
        for labels in label_set:
            assert labels.keys() == set(family.label_names())
            for label in family.labels:
                value = labels[label.name]
                if label.name == "code":
                    assert value == "none" or value == status_code(int(value))
                elif label.name != "domain":
                    assert value in label.values
    domains = {x["domain"] for label_set in series.values() for x in label_set if "domain" in x}
    assert len(domains - {"other", "unknown"}) <= MAX_DOMAINS


@settings(max_examples=20, deadline=None)
@given(st.lists(OBSERVATIONS, max_size=8))
def test_whatever_comes_in_the_official_parser_reads_what_comes_out(
    observations: list[Observation],
) -> None:
    body, _ = Renderer(fed(observations)).render("application/openmetrics-text")

    families = {family.name for family in parse(body.decode())}  # type: ignore[no-untyped-call]
    assert families >= {"managed_auth_flows_started", "managed_auth_flow_duration_seconds"}


def _states() -> st.SearchStrategy[StateEvent]:
    return st.builds(
        StateEvent,
        at_ns=st.integers(START_NS, START_NS + 900 * SECOND_NS),
        flow_status=st.sampled_from([*sorted(FLOW_STATUSES), "IN_PROGRESS", "IN_PROGRESS", "NEW"]),
        flow_step=st.sampled_from([*sorted(FLOW_STEPS), "NEW"]),
        flow_type=st.sampled_from([None, "LOGIN", "REAUTH", "NEW"]),
        website_error=st.sampled_from([None, "Wrong password", "Try again later"]),
        error_code=st.sampled_from([None, "captcha_blocked", "NEW"]),
        hosted_url=st.sampled_from([None, "https://a.example", "https://b.example"]),
    )


def _listing(status: str | None, step: str | None) -> Listing:
    end_ns = START_NS + 900 * SECOND_NS
    return Listing("a", "", "", "NEEDS_AUTH", end_ns, end_ns, status, step, "LOGIN")


_INPUTS: st.SearchStrategy[TrackerInput] = st.one_of(
    _states(),
    _states(),
    st.builds(
        _listing,
        st.none() | st.sampled_from(sorted(FLOW_STATUSES)),
        st.none() | st.sampled_from(sorted(FLOW_STEPS)),
    ),
    st.builds(StreamAttached, st.none() | st.sampled_from(GapCause)),
    st.sampled_from([StreamDetached(), DeadlineCheck(), Forgotten()]),
)
_DOMAINS = {"a": "one.example", "b": "one.example", "c": "two.example"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), _INPUTS), max_size=40))
def test_flows_started_always_equal_flows_ended_plus_flows_in_progress(
    inputs: list[tuple[str, TrackerInput]],
) -> None:
    registry = CollectorRegistry()
    sink = MetricsSink(registry)
    trackers = {
        name: FlowTracker(name, domain=domain, classify=lambda _: "other")
        for name, domain in _DOMAINS.items()
    }
    for name, event in inputs:
        for observation in trackers[name].apply(event, START_NS + 900 * SECOND_NS):
            sink.observe(observation)

        for domain in _DOMAINS.values():
            open_now = sum(trackers[x].in_progress for x in _DOMAINS if _DOMAINS[x] == domain)
            started = total(registry, "managed_auth_flows_started_total", domain=domain)
            ended = total(registry, "managed_auth_flows_ended_total", domain=domain)
            assert started == ended + open_now
        in_progress = total(registry, "managed_auth_flows_in_progress")
        assert in_progress == sum(tracker.in_progress for tracker in trackers.values())


def test_a_listing_alone_makes_a_domain_known() -> None:
    registry = fed([ConnectionListed("conn-1", "example.com", "AUTHENTICATED", None, None)])

    started = label_sets(registry)["managed_auth_flows_started_total"]
    assert len(started) == len(BY_NAME["managed_auth_flows_started_total"].preset)
    assert total(registry, "managed_auth_flows_started_total") == 0


def test_domains_beyond_the_limit_share_one_value_and_are_counted() -> None:
    starts = [FlowStarted(flow(domain=f"{x}.example"), Entry.DISCOVERING) for x in "abcd"]
    registry = fed(starts)

    assert total(registry, "managed_auth_flows_started_total", domain="other") == 2
    assert total(registry, "managed_auth_label_overflow_total", label="domain") == 2


def test_without_the_domain_label_no_family_has_it_and_presets_are_there_at_once() -> None:
    registry = fed([], domain_label=False)
    assert total(registry, "managed_auth_flows_started_total", flow_type="LOGIN") == 0
    samples = [sample for metric in registry.collect() for sample in metric.samples]

    assert not [sample for sample in samples if "domain" in sample.labels]
    started = [s for s in samples if s.name == "managed_auth_flows_started_total"]
    assert len(started) == len(BY_NAME["managed_auth_flows_started_total"].preset)


@pytest.mark.parametrize("accept", [None, "application/openmetrics-text"])
def test_the_id_of_a_connection_never_shows(accept: str | None) -> None:
    secret = "conn-that-must-not-show"
    listed = ConnectionListed(secret, "example.com", "NEEDS_AUTH", False, secret)  # noqa: FBT003
    started = FlowStarted(flow(secret), Entry.DISCOVERING)
    body, _ = Renderer(fed([listed, started])).render(accept)

    assert b"example.com" in body
    assert secret.encode() not in body
