"""The families that say how the journal does: what would survive the end of the process."""

from typing import Final

from exporter.sinks.metrics.family import Family, Kind

JOURNAL_UP: Final = Family(
    "managed_auth_journal_up",
    Kind.GAUGE,
    "Whether the journal could be written the last time (1) or not (0); "
    "no series where everything is kept in memory only.",
    "JournalWritten",
)
JOURNAL_WRITE_ERRORS: Final = Family(
    "managed_auth_journal_write_errors_total",
    Kind.COUNTER,
    "Times that the journal could not be written.",
    "JournalWritten that is not ok",
    preset=((),),
)
JOURNAL_LAST_WRITE: Final = Family(
    "managed_auth_journal_last_write_timestamp_seconds",
    Kind.GAUGE,
    "Unix time at which the journal was last written; no series before it was.",
    "JournalWritten that is ok",
)

JOURNAL_FAMILIES: Final = (
    JOURNAL_UP,
    JOURNAL_WRITE_ERRORS,
    JOURNAL_LAST_WRITE,
)
