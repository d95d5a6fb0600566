from exporter.upstream.health import STALE_POLLS, SourceHealth, SourceStatus

START_NS = 1_750_000_000 * 10**9


def at(health: SourceHealth, seconds: float) -> SourceStatus:
    return health.status(START_NS + int(seconds * 1e9), poll_interval_seconds=15.0)


def test_source_is_not_ready_before_the_first_poll_and_says_so() -> None:
    status = at(SourceHealth(), 0)
    assert not status.ready
    assert status.reason == "the connections have not been listed yet"


def test_source_is_ready_after_a_poll_and_stale_when_polls_stay_out() -> None:
    health = SourceHealth()
    health.poll_succeeded(START_NS)
    assert at(health, 0).ready
    assert at(health, STALE_POLLS * 15).ready
    health.poll_failed("the API answered with status 503")
    late = at(health, STALE_POLLS * 15 + 1)
    assert not late.ready
    assert late.reason == "no complete list for 61 s: the API answered with status 503"
    assert (late.consecutive_failures, late.last_success_ns) == (1, START_NS)
    health.poll_succeeded(START_NS + 62 * 10**9)
    assert at(health, 62).ready
    assert at(health, 62).consecutive_failures == 0


def test_first_poll_s_failure_is_the_reason() -> None:
    health = SourceHealth()
    health.poll_failed("no answer from the API (ConnectError)")
    assert at(health, 0).reason == "no answer from the API (ConnectError)"


def test_refused_key_fails_readiness_at_once_until_a_request_succeeds() -> None:
    health = SourceHealth()
    health.poll_succeeded(START_NS)
    health.answered("events", 401)
    status = at(health, 0)
    assert not status.ready
    assert status.key_refused
    assert "401" in status.reason
    health.answered("events", 503)
    assert at(health, 0).key_refused
    health.answered("list", 200)
    assert at(health, 0).ready


def test_one_forbidden_connection_does_not_speak_for_the_key() -> None:
    health = SourceHealth()
    health.poll_succeeded(START_NS)
    health.answered("events", 403)
    assert at(health, 0).ready
    health.answered("list", 403)
    assert at(health, 0).key_refused
