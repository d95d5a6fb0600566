"""How the journal does shows in the metrics, value by value."""

from exporter.core.observations import JournalWritten
from exporter.sinks.metrics import MetricsSink
from tests.sinks.metrics.conftest import Value
from tests.sinks.metrics.samples import SECOND_NS, START_NS

LAST_WRITE = "journal_last_write_timestamp_seconds"


def test_with_memory_only_there_is_no_journal_that_could_be_up(
    sink: MetricsSink, value: Value
) -> None:
    assert sink is not None
    assert value("journal_up") is None
    assert value(LAST_WRITE) is None
    assert value("journal_write_errors_total") == 0


def test_a_journal_that_is_written_is_up(sink: MetricsSink, value: Value) -> None:
    sink.observe(JournalWritten(ok=True, at_ns=START_NS))

    assert value("journal_up") == 1
    assert value(LAST_WRITE) == START_NS / SECOND_NS
    assert value("journal_write_errors_total") == 0


def test_a_journal_that_could_never_be_written_is_down_and_has_no_last_write(
    sink: MetricsSink, value: Value
) -> None:
    sink.observe(JournalWritten(ok=False, at_ns=START_NS))

    assert value("journal_up") == 0
    assert value(LAST_WRITE) is None
    assert value("journal_write_errors_total") == 1


def test_a_write_that_failed_leaves_the_time_of_the_last_good_one(
    sink: MetricsSink, value: Value
) -> None:
    sink.observe(JournalWritten(ok=True, at_ns=START_NS))
    for seconds in (1, 2):
        sink.observe(JournalWritten(ok=False, at_ns=START_NS + seconds * SECOND_NS))
    assert value("journal_up") == 0
    assert value(LAST_WRITE) == START_NS / SECOND_NS
    assert value("journal_write_errors_total") == 2

    sink.observe(JournalWritten(ok=True, at_ns=START_NS + 3 * SECOND_NS))
    assert value("journal_up") == 1
    assert value(LAST_WRITE) == START_NS / SECOND_NS + 3
    assert value("journal_write_errors_total") == 2
