import logging

from exporter.sinks.traces.throttle import INTERVAL_SECONDS, Throttle

LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(LOGGER, logging.WARNING, "", 0, message, args, None)


def test_a_message_passes_once_in_an_interval_whatever_its_arguments() -> None:
    now = 0.0
    throttle = Throttle(clock=lambda: now)
    passed = []
    for now in range(int(3 * INTERVAL_SECONDS)):
        passed += [now] if throttle.filter(record("failed: %s", now)) else []
    assert passed == [0, INTERVAL_SECONDS, 2 * INTERVAL_SECONDS]


def test_one_message_does_not_silence_another() -> None:
    throttle = Throttle(clock=lambda: 0.0)
    assert throttle.filter(record("one"))
    assert throttle.filter(record("two"))
    assert not throttle.filter(record("one"))


def test_a_stack_trace_stays_out() -> None:
    error = RuntimeError("x")
    failed = logging.LogRecord(
        LOGGER, logging.ERROR, "", 0, "failed", (), (type(error), error, None)
    )
    assert Throttle().filter(failed)
    assert failed.exc_info is None


def test_it_is_gone_when_it_is_removed() -> None:
    throttle = Throttle()
    throttle.install()
    assert throttle in logging.getLogger(LOGGER).filters
    throttle.remove()
    assert throttle not in logging.getLogger(LOGGER).filters
