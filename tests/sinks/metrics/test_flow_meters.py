"""What each flow observation does to the metrics, value by value."""

import pytest
from prometheus_client import CollectorRegistry

from exporter.core.observations import (
    Entry,
    FactNoted,
    FlowFact,
    FlowResumed,
    FlowStarted,
    Gap,
    GapCause,
    IllegalReason,
    IllegalTransition,
    InputKind,
    InputRequest,
    Observed,
    Outcome,
    StepEntered,
    TotalsRestored,
    WebsiteError,
)
from exporter.core.vocabulary import ERROR_CODES
from exporter.sinks.metrics import MetricsSink
from tests.sinks.metrics.conftest import Value
from tests.sinks.metrics.samples import SECOND_NS, START_NS, ended, finished, flow, total


def test_a_start_counts_by_type_entry_and_domain(sink: MetricsSink, value: Value) -> None:
    sink.observe(FlowStarted(flow(flow_type="REAUTH"), Entry.JOINED_LATE))

    seen = {"flow_type": "REAUTH", "entry": "joined_late", "domain": "example.com"}
    assert value("flows_started_total", seen) == 1
    assert value("flows_started_total", seen | {"entry": "discovering"}) == 0


def test_a_success_counts_as_an_end_and_not_as_a_failure(
    sink: MetricsSink, value: Value, registry: CollectorRegistry
) -> None:
    sink.observe(ended(flow()))

    labels = {"flow_type": "LOGIN", "observed": "stream", "domain": "example.com"}
    assert value("flows_ended_total", labels, outcome="success") == 1
    assert total(registry, "managed_auth_flows_ended_total") == 1
    assert total(registry, "managed_auth_flow_failures_total") == 0


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.EXPIRED])
def test_a_failed_or_expired_flow_counts_as_a_failure_by_code_and_last_step(
    sink: MetricsSink, value: Value, outcome: Outcome
) -> None:
    sink.observe(
        ended(flow(), outcome, error_code="captcha_blocked", last_step="DISCOVERING"),
    )

    labels = {"last_step": "DISCOVERING", "flow_type": "LOGIN"}
    assert value("flow_failures_total", labels, error_code="captcha_blocked") == 1


@pytest.mark.parametrize(
    "outcome", [Outcome.SUCCESS, Outcome.CANCELED, Outcome.SUPERSEDED, Outcome.UNKNOWN]
)
def test_no_other_outcome_counts_as_a_failure(
    sink: MetricsSink, registry: CollectorRegistry, outcome: Outcome
) -> None:
    sink.observe(ended(flow(), outcome, error_code="captcha_blocked"))

    assert total(registry, "managed_auth_flows_ended_total", outcome=outcome) == 1
    assert total(registry, "managed_auth_flow_failures_total") == 0


def test_a_failure_that_only_the_timeline_told_of_has_its_series_at_0_beforehand(
    sink: MetricsSink, value: Value
) -> None:
    labels = {"error_code": "bot_detected", "last_step": "unknown", "flow_type": "REAUTH"}
    assert value("flow_failures_total", labels) == 0
    of = flow(flow_type="REAUTH")
    sink.observe(ended(of, Outcome.FAILED, error_code="bot_detected", last_step="UNKNOWN"))

    assert value("flow_failures_total", labels) == 1


@pytest.mark.parametrize(
    ("error_code", "label"),
    [(code, code) for code in ERROR_CODES] + [(None, "none"), ("", "none"), ("made_up", "other")],
)
def test_an_error_code_is_a_known_one_or_other_or_none(
    sink: MetricsSink, value: Value, error_code: str | None, label: str
) -> None:
    sink.observe(ended(flow(), Outcome.FAILED, error_code=error_code))

    labels = {"last_step": "SUBMITTING", "flow_type": "LOGIN", "error_code": label}
    assert value("flow_failures_total", labels) == 1


@pytest.mark.parametrize(
    ("family", "seconds"),
    [("flow_duration_seconds", 12), ("flow_waiting_seconds", 7), ("flow_working_seconds", 5)],
)
def test_the_times_of_a_whole_flow_are_observed(
    sink: MetricsSink, value: Value, family: str, seconds: float
) -> None:
    sink.observe(ended(flow(), Outcome.CANCELED))

    labels = {"outcome": "canceled", "flow_type": "LOGIN"}
    assert value(f"{family}_count", labels) == 1
    assert value(f"{family}_sum", labels) == seconds
    assert value(f"{family}_bucket", labels, le="13.0") == 1
    assert value(f"{family}_bucket", labels, le="3.0") == 0


def test_times_that_were_not_seen_whole_are_not_observed(
    sink: MetricsSink, registry: CollectorRegistry
) -> None:
    sink.observe(ended(flow(), duration_ns=None, waiting_ns=None, working_ns=None))

    for family in ("duration", "waiting", "working"):
        assert total(registry, f"managed_auth_flow_{family}_seconds_count") == 0
    assert total(registry, "managed_auth_flows_ended_total") == 1


def test_a_whole_visit_of_a_step_is_timed(sink: MetricsSink, value: Value) -> None:
    sink.observe(finished(flow(), "SUBMITTING", "AWAITING_INPUT", 2.5))

    labels = {"step": "SUBMITTING", "flow_type": "LOGIN", "next": "AWAITING_INPUT"}
    assert value("step_duration_seconds_sum", labels) == 2.5
    assert value("step_duration_seconds_bucket", labels, le="2.0") == 0
    assert value("step_duration_seconds_bucket", labels, le="3.0") == 1


def test_a_visit_that_was_not_seen_whole_or_led_nowhere_gives_no_time(
    sink: MetricsSink, registry: CollectorRegistry
) -> None:
    whole = finished(flow(), "SUBMITTING", None, 2)
    cut = type(whole)(flow(), "SUBMITTING", 1, START_NS, START_NS + 1, "FAILED", False, ())  # noqa: FBT003
    sink.observe(whole)
    sink.observe(cut)

    assert total(registry, "managed_auth_step_duration_seconds_count") == 0


@pytest.mark.parametrize(
    ("fact", "family", "labels"),
    [
        (
            WebsiteError(START_NS, "wrong_code", "the code is wrong"),
            "website_errors_total",
            {"category": "wrong_code", "step": "AWAITING_INPUT", "domain": "example.com"},
        ),
        (
            WebsiteError(START_NS, "no category of ours", "text"),
            "website_errors_total",
            {"category": "other", "step": "AWAITING_INPUT", "domain": "example.com"},
        ),
        (
            InputRequest(START_NS, InputKind.ONE_TIME_CODE, retry=True),
            "input_requests_total",
            {"kind": "one_time_code", "retry": "true"},
        ),
        (
            InputRequest(START_NS, InputKind.SSO, retry=False),
            "input_requests_total",
            {"kind": "sso", "retry": "false"},
        ),
        (
            IllegalTransition(START_NS, IllegalReason.SKIPPED_STEP, "AWAITING_INPUT", "SUCCESS"),
            "illegal_transitions_total",
            {"reason": "skipped_step", "from": "AWAITING_INPUT", "to": "SUCCESS"},
        ),
        (
            IllegalTransition(START_NS, IllegalReason.UNKNOWN_STEP, "SUBMITTING", "UNKNOWN"),
            "illegal_transitions_total",
            {"reason": "unknown_step", "from": "SUBMITTING", "to": "unknown"},
        ),
        (Gap(START_NS, GapCause.TAKEOVER), "gaps_total", {"cause": "takeover"}),
    ],
)
def test_a_fact_counts_once_in_its_own_family(
    sink: MetricsSink,
    value: Value,
    registry: CollectorRegistry,
    fact: FlowFact,
    family: str,
    labels: dict[str, str],
) -> None:
    sink.observe(FactNoted("example.com", flow(), "AWAITING_INPUT", fact))

    assert value(family, labels) == 1
    assert total(registry, f"managed_auth_{family}") == 1


def test_a_fact_outside_any_flow_counts_too(sink: MetricsSink, value: Value) -> None:
    sink.observe(FactNoted("", None, "IDLE", WebsiteError(START_NS, "captcha", "are you human")))

    labels = {"category": "captcha", "step": "IDLE", "domain": "unknown"}
    assert value("website_errors_total", labels) == 1


def test_a_fact_that_a_span_repeats_is_not_counted_again(
    sink: MetricsSink, registry: CollectorRegistry
) -> None:
    gap = Gap(START_NS, GapCause.RECONNECT)
    sink.observe(ended(flow(), facts=(gap,)))

    assert total(registry, "managed_auth_gaps_total") == 0


def test_an_unknown_flow_type_shares_one_value(sink: MetricsSink, value: Value) -> None:
    sink.observe(FlowStarted(flow(flow_type="SOMETHING_NEW"), Entry.DISCOVERING))

    labels = {"flow_type": "unknown", "entry": "discovering", "domain": "example.com"}
    assert value("flows_started_total", labels) == 1


def test_every_outcome_that_can_be_is_there_at_0_as_soon_as_the_domain_is_known(
    sink: MetricsSink, value: Value, registry: CollectorRegistry
) -> None:
    assert value("flows_ended_total", {"domain": "example.com"}) is None
    sink.observe(FlowStarted(flow(), Entry.DISCOVERING))

    kernels = ("success", "failed", "expired", "canceled")
    expected = {
        "stream": (*kernels, "superseded"),
        "listing": (*kernels, "superseded", "unknown"),
        "timeline": (*kernels, "superseded"),
    }
    there = {
        (s.labels["observed"], s.labels["outcome"], s.labels["flow_type"], s.value)
        for metric in registry.collect()
        for s in metric.samples
        if s.name == "managed_auth_flows_ended_total"
    }
    assert there == {
        (observed, outcome, flow_type, 0)
        for observed, outcomes in expected.items()
        for outcome in outcomes
        for flow_type in ("LOGIN", "REAUTH")
    }


def test_a_flow_that_is_resumed_is_in_its_step_since_it_entered_it_and_did_not_start_again(
    sink: MetricsSink, value: Value, registry: CollectorRegistry
) -> None:
    start = ("started", "LOGIN", "discovering", "example.com")
    sink.observe(TotalsRestored(((start, 1),)))
    sink.observe(FlowResumed(flow(), "AWAITING_INPUT", START_NS + SECOND_NS))

    assert value("flows_in_progress", step="AWAITING_INPUT", flow_type="LOGIN") == 1
    oldest = value("oldest_step_entered_timestamp_seconds", step="AWAITING_INPUT")
    assert oldest == START_NS / SECOND_NS + 1
    assert total(registry, "managed_auth_flows_in_progress") == 1
    assert total(registry, "managed_auth_flows_started_total") == 1

    sink.observe(ended(flow()))
    assert total(registry, "managed_auth_flows_in_progress") == 0
    assert total(registry, "managed_auth_flows_ended_total") == 1


def test_counts_go_on_where_earlier_processes_left_them(sink: MetricsSink, value: Value) -> None:
    sink.observe(
        TotalsRestored(
            (
                (("started", "LOGIN", "timeline", "example.com"), 7),
                (("ended", "failed", "LOGIN", "timeline", "example.com"), 6),
                (("failed", "none", "SUBMITTING", "LOGIN"), 4),
            )
        )
    )
    sink.observe(FlowStarted(flow(), Entry.TIMELINE))
    sink.observe(ended(flow(), Outcome.FAILED, observed=Observed.TIMELINE))

    labels = {"flow_type": "LOGIN", "domain": "example.com"}
    assert value("flows_started_total", labels, entry="timeline") == 8
    assert value("flows_ended_total", labels, outcome="failed", observed="timeline") == 7
    of_failures = {"error_code": "none", "last_step": "SUBMITTING", "flow_type": "LOGIN"}
    assert value("flow_failures_total", of_failures) == 5


def test_the_domains_that_came_first_keep_their_names_over_a_restart(
    sink: MetricsSink, registry: CollectorRegistry
) -> None:
    keys = [("started", "LOGIN", "discovering", f"{x}.example") for x in "zyxab"]
    sink.observe(TotalsRestored(tuple((key, 1) for key in keys)))
    sink.observe(FlowStarted(flow(domain="a.example"), Entry.DISCOVERING))

    def started(domain: str) -> float:
        return total(registry, "managed_auth_flows_started_total", domain=domain)

    assert [started(f"{x}.example") for x in "zyxab"] == [1, 1, 1, 0, 0]
    assert started("other") == 3


def test_the_conservation_law_holds_over_a_plain_login(
    sink: MetricsSink, registry: CollectorRegistry
) -> None:
    one = flow()
    for observation in (
        FlowStarted(one, Entry.DISCOVERING),
        StepEntered(one, "DISCOVERING", START_NS),
        finished(one, "DISCOVERING", "SUBMITTING", 3),
        StepEntered(one, "SUBMITTING", START_NS + 3 * SECOND_NS),
    ):
        sink.observe(observation)
    assert total(registry, "managed_auth_flows_in_progress", step="SUBMITTING") == 1

    sink.observe(finished(one, "SUBMITTING", "SUCCESS", 9))
    sink.observe(ended(one, observed=Observed.LISTING))
    assert total(registry, "managed_auth_flows_in_progress") == 0
    assert total(registry, "managed_auth_flows_started_total") == 1
    assert total(registry, "managed_auth_flows_ended_total") == 1
