"""The families are those that dashboards and alerts rely on, and their table is in order."""

import pytest

from exporter.core.machine import FlowState, fault, is_legal
from exporter.sinks.metrics.catalogue import FAMILIES
from exporter.sinks.metrics.family import Family, Kind
from exporter.sinks.metrics.flow_families import FLOW_BUCKETS, ILLEGAL_TRANSITIONS, STEP_BUCKETS
from exporter.sinks.metrics.labels import DOMAIN

# What is promised to those who write queries: a change here is a breaking change.
PROMISED = """
flows_started_total counter domain entry flow_type
flows_ended_total counter domain flow_type observed outcome
flow_failures_total counter error_code flow_type last_step
flows_in_progress gauge flow_type step
flow_duration_seconds histogram flow_type outcome
step_duration_seconds histogram flow_type next step
flow_waiting_seconds histogram flow_type outcome
flow_working_seconds histogram flow_type outcome
website_errors_total counter category domain step
input_requests_total counter kind retry
illegal_transitions_total counter from reason to
gaps_total counter cause
connections gauge domain status
connections_reauth_blocked gauge reason
oldest_step_entered_timestamp_seconds gauge step
oldest_flow_started_timestamp_seconds gauge
stream_last_event_timestamp_seconds gauge
label_overflow_total counter label
streams_open gauge
followed_connections gauge
stream_events_total counter event
stream_ends_total counter reason
event_lag_seconds histogram
api_requests_total counter code endpoint
api_request_duration_seconds histogram code endpoint
api_ratelimit_limit gauge
api_ratelimit_remaining gauge
api_budget_requests_per_minute gauge
timeline_entries_total counter result
health_checks_total counter result
last_health_check_timestamp_seconds gauge
timeline_stalest_read_timestamp_seconds gauge
journal_up gauge
journal_write_errors_total counter
journal_last_write_timestamp_seconds gauge
spans_exported_total counter
spans_dropped_total counter
exporter_sink_errors_total counter sink
exporter_sink_seconds_total counter sink
event_loop_stall_seconds histogram
exporter_ready gauge side
exporter_build_info info python revision version
"""


def test_names_types_and_labels_are_as_promised() -> None:
    promised = {tuple(line.split()) for line in PROMISED.strip().splitlines()}
    there = {
        (
            family.name.removeprefix("managed_auth_"),
            family.kind.value,
            *sorted(family.label_names()),
        )
        for family in FAMILIES
    }
    assert there == promised
    assert len(FAMILIES) == len(promised)


def test_the_buckets_reach_to_the_limits_of_a_flow() -> None:
    steps = [0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 45.0, 60.0, 90.0]
    steps += [120.0, 180.0, 300.0, 600.0]
    assert list(STEP_BUCKETS) == steps
    assert list(FLOW_BUCKETS) == [*steps, 900.0, 1200.0]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_preset_is_a_combination_of_allowed_values(family: Family) -> None:
    labels = [label for label in family.labels if label is not DOMAIN]
    for values in family.preset:
        assert len(values) == len(labels)
        for label, value in zip(labels, values, strict=True):
            assert label.free or value in label.values
    assert len(set(family.preset)) == len(family.preset)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_follow_the_conventions(family: Family) -> None:
    assert family.name.startswith("managed_auth_")
    assert (family.kind is Kind.COUNTER) == family.name.endswith("_total")
    assert (family.kind is Kind.INFO) == family.name.endswith("_info")
    assert (family.kind is Kind.HISTOGRAM) == bool(family.buckets)
    assert family.help.endswith(".")
    assert family.by_domain == ("domain" in family.label_names())
    assert "domain" not in family.label_names(domain_label=False)


def test_every_move_that_the_table_forbids_is_there_at_0() -> None:
    forbidden = {
        (reason, source, target)
        for source in FlowState
        for target in FlowState
        if target is not FlowState.IDLE and (reason := fault(source, target))
    }
    assert forbidden <= set(ILLEGAL_TRANSITIONS.preset)
    assert all(not is_legal(source, target) for _, source, target in forbidden)
    assert ("skipped_step", "AWAITING_INPUT", "SUCCESS") in ILLEGAL_TRANSITIONS.preset
