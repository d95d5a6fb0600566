"""The families that say what the connections' timelines told, and how far they have been read."""

from typing import Final

from exporter.sinks.metrics.family import Family, Kind
from exporter.sinks.metrics.labels import HEALTH, TIMELINE_RESULT

TIMELINE_ENTRIES: Final = Family(
    "managed_auth_timeline_entries_total",
    Kind.COUNTER,
    "Ended logins and re-authentications that were found in timelines, by what became of them.",
    "TimelineNoted",
    (TIMELINE_RESULT,),
    preset=tuple((result,) for result in TIMELINE_RESULT.values),
)
HEALTH_CHECKS: Final = Family(
    "managed_auth_health_checks_total",
    Kind.COUNTER,
    "Health checks of connections, by what they found.",
    "HealthCheckSeen",
    (HEALTH,),
    preset=tuple((result,) for result in HEALTH.values),
)
LAST_HEALTH_CHECK: Final = Family(
    "managed_auth_last_health_check_timestamp_seconds",
    Kind.GAUGE,
    "Unix time of the newest health check of any connection, by the server's clock; "
    "no series before the first.",
    "HealthCheckSeen",
)
TIMELINE_STALEST_READ: Final = Family(
    "managed_auth_timeline_stalest_read_timestamp_seconds",
    Kind.GAUGE,
    "Unix time at which the connection whose timeline has gone unread for longest was last read: "
    "`time()` minus this is how stale it is; no series without connections.",
    "TimelineCovered",
)

TIMELINE_FAMILIES: Final = (
    TIMELINE_ENTRIES,
    HEALTH_CHECKS,
    LAST_HEALTH_CHECK,
    TIMELINE_STALEST_READ,
)
