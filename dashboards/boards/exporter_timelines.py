"""What timelines told, how far they have been read, and what was found wrong on the way."""

from typing import Final

from dashboards.boards.promql import age, events, per_minute
from dashboards.boards.spec import PER_MINUTE, Panel, Query, Shape, at_most
from dashboards.settings import Settings


def timelines(settings: Settings) -> tuple[Panel, ...]:
    """How far timelines have been read, what was found there, and what was found wrong."""
    interval = settings.timeline_interval_seconds
    return (
        Panel(
            "Timelines: longest unread",
            Shape.LINES,
            "s",
            "Time since the timeline was read that has gone unread for longest. It is meant to be "
            f"read every {interval:g} s; where it grows, some outcomes are late.",
            (
                Query(
                    age("managed_auth_timeline_stalest_read_timestamp_seconds", oldest=True), "age"
                ),
            ),
            width=6,
            empty="no connections",
            levels=at_most(warning=2 * interval),
        ),
        *_TIMELINES,
    )


_TIMELINES: Final = (
    Panel(
        "Timeline entries, by result",
        Shape.BARS,
        PER_MINUTE,
        "Ended logins that were found in timelines, a minute. Matched ones were known already, "
        "counted ones nothing else had told of; doubtful and out of reach ones may be missing from "
        "the counts.",
        (Query(per_minute("result", "managed_auth_timeline_entries_total"), "{{result}}"),),
        width=6,
    ),
    Panel(
        "Logins that begin, by how they became known",
        Shape.BARS,
        PER_MINUTE,
        "Flows that began to be followed, a minute: from their first step, joined late, or read "
        "from a timeline when they were over.",
        (Query(per_minute("entry", "managed_auth_flows_started_total"), "{{entry}}"),),
        width=6,
    ),
    Panel(
        "Logins that end, by what told of it",
        Shape.BARS,
        PER_MINUTE,
        "Flows that ended, a minute, by what told of their end.",
        (Query(per_minute("observed", "managed_auth_flows_ended_total"), "{{observed}}"),),
        width=6,
    ),
    Panel(
        "Health checks, by result",
        Shape.BARS,
        PER_MINUTE,
        "Kernel's health checks of connections, a minute, by what they found.",
        (Query(per_minute("result", "managed_auth_health_checks_total"), "{{result}}"),),
        width=6,
    ),
    Panel(
        "Last health check",
        Shape.STAT,
        "s",
        "Time since the newest health check of any connection.",
        (Query(age("managed_auth_last_health_check_timestamp_seconds")),),
        width=3,
        empty="none yet",
        decimals=0,
    ),
    Panel(
        "Gaps, by cause",
        Shape.BARS,
        "short",
        "Stretches of flows that nobody watched. They cost latencies, and never an outcome.",
        (Query(events("cause", "managed_auth_gaps_total"), "{{cause}}"),),
        width=6,
    ),
    Panel(
        "Illegal transitions, by reason",
        Shape.BARS,
        "short",
        "Events that broke the rules for the transitions of a flow: Kernel, or the exporter's idea "
        "of it, has changed.",
        (Query(events("reason", "managed_auth_illegal_transitions_total"), "{{reason}}"),),
        width=9,
    ),
)
