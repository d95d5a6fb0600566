"""What each upstream observation does to the metrics, value by value."""

import pytest
from prometheus_client import CollectorRegistry

from exporter.core.observations import (
    ApiBudget,
    ApiRequest,
    ConnectionForgotten,
    ConnectionListed,
    FollowingChanged,
    RateLimit,
    StreamEnded,
    StreamEndReason,
    StreamEventKind,
    StreamMessage,
    StreamOpened,
)
from exporter.sinks.metrics import MetricsSink
from tests.sinks.metrics.conftest import Value
from tests.sinks.metrics.samples import SECOND_NS, START_NS, total


def listed(
    status: str = "NEEDS_AUTH",
    *,
    can_reauth: bool | None = False,
    reason: str | None = "no_credential",
    domain: str = "example.com",
) -> ConnectionListed:
    return ConnectionListed("conn-1", domain, status, can_reauth, reason)


def test_streams_open_follows_what_opens_and_ends(sink: MetricsSink, value: Value) -> None:
    sink.observe(StreamOpened("conn-1"))
    sink.observe(StreamOpened("conn-2"))
    assert value("streams_open") == 2

    sink.observe(StreamEnded("conn-1", StreamEndReason.TERMINAL, opened=True))
    assert value("streams_open") == 1
    assert value("stream_ends_total", reason="terminal") == 1


def test_a_stream_that_could_not_be_opened_is_counted_but_was_never_open(
    sink: MetricsSink, value: Value
) -> None:
    sink.observe(StreamEnded("conn-1", StreamEndReason.HTTP_429, opened=False))

    assert value("stream_ends_total", reason="http_429") == 1
    assert value("streams_open") == 0


@pytest.mark.parametrize("reason", StreamEndReason)
def test_every_reason_is_there_at_0(
    sink: MetricsSink, value: Value, reason: StreamEndReason
) -> None:
    assert value("stream_ends_total", reason=reason.value) == 0
    sink.observe(StreamEnded("conn-1", reason, opened=False))
    assert value("stream_ends_total", reason=reason.value) == 1


@pytest.mark.parametrize("kind", StreamEventKind)
def test_messages_count_by_kind(sink: MetricsSink, value: Value, kind: StreamEventKind) -> None:
    assert value("stream_events_total", event=kind.value) == 0
    sink.observe(StreamMessage(kind, START_NS))

    assert value("stream_events_total", event=kind.value) == 1
    assert value("stream_last_event_timestamp_seconds") == START_NS / SECOND_NS
    assert value("event_lag_seconds_count") == 0


@pytest.mark.parametrize(
    ("lag_ns", "lag_seconds"), [(40_000_000, 0.04), (-5 * SECOND_NS, 0), (90 * SECOND_NS, 90)]
)
def test_the_lag_of_a_message_is_never_negative(
    sink: MetricsSink, value: Value, lag_ns: int, lag_seconds: float
) -> None:
    sink.observe(StreamMessage(StreamEventKind.STATE, START_NS, lag_ns))

    assert value("event_lag_seconds_sum") == lag_seconds
    assert value("event_lag_seconds_count") == 1
    assert value("event_lag_seconds_bucket", le="60.0") == (lag_seconds <= 60)


@pytest.mark.parametrize(
    ("code", "label"), [(200, "200"), (503, "503"), (None, "none"), (7, "none"), (99999, "none")]
)
def test_requests_count_and_are_timed_by_endpoint_and_status(
    sink: MetricsSink, value: Value, code: int | None, label: str
) -> None:
    sink.observe(ApiRequest("retrieve", code, 0.3))

    labels = {"endpoint": "retrieve", "code": label}
    assert value("api_requests_total", labels) == 1
    assert value("api_request_duration_seconds_sum", labels) == 0.3


def test_an_endpoint_that_is_not_known_shares_one_value(sink: MetricsSink, value: Value) -> None:
    sink.observe(ApiRequest("/auth/connections/conn-1", 200, 0.1))

    assert value("api_requests_total", endpoint="other", code="200") == 1


def test_the_rate_limit_shows_once_the_api_has_told_it(sink: MetricsSink, value: Value) -> None:
    assert value("api_ratelimit_limit") is None
    assert value("api_ratelimit_remaining") is None
    sink.observe(RateLimit(600, 597))

    assert value("api_ratelimit_limit") == 600
    assert value("api_ratelimit_remaining") == 597


def test_the_budget_shows_once_there_is_one_as_it_is_now(sink: MetricsSink, value: Value) -> None:
    assert value("api_budget_requests_per_minute") is None
    sink.observe(ApiBudget(300.0))
    sink.observe(ApiBudget(37.5))

    assert value("api_budget_requests_per_minute") == 37.5


def test_followed_connections_is_what_was_said_last(sink: MetricsSink, value: Value) -> None:
    sink.observe(FollowingChanged(12))
    sink.observe(FollowingChanged(7))

    assert value("followed_connections") == 7


def test_a_connection_counts_where_it_is_now(sink: MetricsSink, value: Value) -> None:
    sink.observe(listed())
    assert value("connections", status="NEEDS_AUTH", domain="example.com") == 1
    assert value("connections", status="AUTHENTICATED", domain="example.com") == 0
    assert value("connections_reauth_blocked", reason="no_credential") == 1

    sink.observe(listed("AUTHENTICATED", can_reauth=True, reason="has_credential"))
    assert value("connections", status="NEEDS_AUTH", domain="example.com") == 0
    assert value("connections", status="AUTHENTICATED", domain="example.com") == 1
    assert value("connections_reauth_blocked", reason="no_credential") == 0


def test_a_connection_that_is_listed_again_unchanged_counts_once(
    sink: MetricsSink, registry: CollectorRegistry
) -> None:
    for _ in range(3):
        sink.observe(listed())

    assert total(registry, "managed_auth_connections") == 1
    assert total(registry, "managed_auth_connections_reauth_blocked") == 1


def test_a_connection_whose_domain_has_to_share_a_label_overflows_once_however_often_it_is_listed(
    sink: MetricsSink, registry: CollectorRegistry, value: Value
) -> None:
    for number in range(3):
        sink.observe(ConnectionListed(f"full-{number}", f"{number}.example", "X", None, None))
    for status in ("NEEDS_AUTH", "NEEDS_AUTH", "AUTHENTICATED", "AUTHENTICATED"):
        sink.observe(listed(status, domain="late.example"))

    assert value("label_overflow_total", label="domain") == 1
    assert value("connections", status="AUTHENTICATED", domain="other") == 1
    assert total(registry, "managed_auth_connections") == 4

    sink.observe(listed(domain="later.example"))
    assert value("label_overflow_total", label="domain") == 2


def test_a_forgotten_connection_counts_nowhere(
    sink: MetricsSink, registry: CollectorRegistry
) -> None:
    sink.observe(listed())
    sink.observe(ConnectionForgotten("conn-1"))
    sink.observe(ConnectionForgotten("conn-1"))
    sink.observe(ConnectionForgotten("never seen"))

    assert total(registry, "managed_auth_connections") == 0
    assert total(registry, "managed_auth_connections_reauth_blocked") == 0


@pytest.mark.parametrize(
    ("status", "can_reauth"), [("NEEDS_AUTH", True), ("NEEDS_AUTH", None), ("AUTHENTICATED", False)]
)
def test_reauth_is_blocked_only_where_it_is_needed_and_cannot_be(
    sink: MetricsSink,
    registry: CollectorRegistry,
    status: str,
    can_reauth: bool | None,  # noqa: FBT001
) -> None:
    sink.observe(listed(status, can_reauth=can_reauth))

    assert total(registry, "managed_auth_connections") == 1
    assert total(registry, "managed_auth_connections_reauth_blocked") == 0


@pytest.mark.parametrize(
    ("reason", "label"),
    [(None, "none"), ("a new word", "other"), ("requires_sms_code", "requires_sms_code")],
)
def test_the_reason_of_a_block_is_bounded(
    sink: MetricsSink, value: Value, reason: str | None, label: str
) -> None:
    sink.observe(listed(reason=reason))

    assert value("connections_reauth_blocked", reason=label) == 1


def test_a_status_that_is_not_known_shares_one_value(sink: MetricsSink, value: Value) -> None:
    sink.observe(listed("SLEEPING"))

    assert value("connections", status="unknown", domain="example.com") == 1
