"""The alerts on flows as such: stuck ones, and what the API did not promise."""

from typing import Final

from dashboards.alerting.rule import Alert, AlertGroup, Condition, Dashboard, Runbook, Severity
from dashboards.alerting.windows import Pace
from dashboards.settings import Settings

INPUT_LIMIT: Final = "10m"
FLOW_LIMIT: Final = "20m"
"""Kernel's limits for a person's input and for a whole flow (Kernel's docs, programmatic auth)."""

LIMIT_GRACE: Final = "2m"
MIN_ILLEGAL: Final = 3
GAP_SHARE: Final = 0.1
MIN_GAPS: Final = 5


def group(settings: Settings) -> AlertGroup:
    """The alerts on flows."""
    pace = Pace(settings)
    alerts = (_stuck(pace), _illegal(pace), _unknown(pace), _gaps(pace), _out_of_reach(pace))
    return AlertGroup("managed-auth-flows", "Flows and what the API promises", alerts)


def _older_than(entered: str, limit: str, pace: Pace) -> str:
    seconds = pace.seconds(limit) + pace.seconds(LIMIT_GRACE)
    return f"(time() - {entered} > {seconds:g})"


def _stuck(pace: Pace) -> Alert:
    entered = 'managed_auth_oldest_step_entered_timestamp_seconds{step="AWAITING_INPUT"}'
    waiting = _older_than(f"min by (job, step) ({entered})", INPUT_LIMIT, pace)
    began = "min by (job) (managed_auth_oldest_flow_started_timestamp_seconds)"
    whole = _older_than(began, FLOW_LIMIT, pace)
    return Alert(
        "ManagedAuthFlowStuck",
        (
            Condition(
                f'{waiting}\nor label_replace({whole}, "step", "whole", "", "")',
                pace.of("2m"),
                Severity.WARNING,
            ),
        ),
        "A flow is open for longer than Kernel allows: {{ $labels.step }} ({{ $labels.job }})",
        "The oldest has been open for {{ $value | humanizeDuration }}: AWAITING_INPUT may take 10"
        " minutes, a whole flow 20. First look at the exporter's status page: which connection is"
        " it, and is its stream open?",
        Dashboard.OVERVIEW,
        Runbook(
            "Kernel ends a flow after 10 minutes of waiting for input and after 20 minutes overall."
            " One is older. Either Kernel did not end it, or its end never arrived here. The label"
            " `step` says which limit: `AWAITING_INPUT`, or `whole` for the flow.",
            """\
1. The exporter's status page (`/`) lists the flows in progress, the oldest with its connection.
2. Ask Kernel for that connection: does it show the flow as IN_PROGRESS too?
3. Exporter dashboard: are streams open, and is the timeline read often enough?""",
            """\
- Kernel shows it as over: the timeline will tell of it; see
  [ManagedAuthTimelineStale](#managedauthtimelinestale) if it does not.
- Kernel shows it as running: cancel it, or begin another login, which supersedes it. Tell Kernel's
  support.
- The clock of this machine is wrong: the age is our time minus Kernel's.""",
        ),
    )


def _illegal(pace: Pace) -> Alert:
    seen = 'managed_auth_illegal_transitions_total{reason!~"unknown_.*"}'
    return Alert(
        "ManagedAuthIllegalTransitions",
        (
            Condition(
                f"sum by (job, reason) (increase({seen}[{pace.of('1h')}])) >= {MIN_ILLEGAL}",
                "0s",
                Severity.WARNING,
            ),
        ),
        "Flows of {{ $labels.job }} break the rules: {{ $labels.reason }}",
        "About {{ $value | humanize }} events in the last hour were illegal: {{ $labels.reason }}."
        " First read in docs/concepts.md what that reason means, then open a trace with it.",
        Dashboard.EXPORTER,
        Runbook(
            f"{MIN_ILLEGAL} events or more within an hour did what the table of legal transitions"
            " does not allow. The exporter follows Kernel all the same, so outcomes are right, but"
            " steps may be missing or wrong.",
            """\
1. Exporter dashboard, *Illegal transitions, by reason*: which reason, since when?
2. Traces with the event `managed_auth.illegal_transition`: from which state to which, which domain?
3. [The reasons](concepts.md#illegal-transitions), and `managed-auth-exporter check` on a recorded
   stream.""",
            """\
- It began with a change of Kernel's API: upgrade the exporter, or report it with such a trace.
- `timestamp_regression` on one connection: two flows at once, or a proxy that reorders.
- `skipped_step`: events get lost on the way; see
  [ManagedAuthStreamsFlapping](#managedauthstreamsflapping).""",
        ),
    )


def _unknown(pace: Pace) -> Alert:
    hour = pace.of("1h")
    illegal = f'increase(managed_auth_illegal_transitions_total{{reason=~"unknown_.*"}}[{hour}])'
    events = f'increase(managed_auth_stream_events_total{{event="unknown"}}[{hour}])'
    return Alert(
        "ManagedAuthUnknownValues",
        (
            Condition(
                f"(sum by (job, reason) ({illegal}) > 0)\n"
                f'or label_replace(sum by (job) ({events}) > 0, "reason", "unknown_event", "", "")',
                "0s",
                Severity.WARNING,
            ),
        ),
        "Kernel's API says something new: {{ $labels.reason }} ({{ $labels.job }})",
        "About {{ $value | humanize }} values in the last hour are not known to this version:"
        " {{ $labels.reason }}. First see whether there is a newer version of the exporter.",
        Dashboard.EXPORTER,
        Runbook(
            "Events carry a status, step, flow type or kind that this version does not know. They"
            " are counted and survived: a flow stays where it was, so its steps may be wrong.",
            """\
1. Exporter dashboard, *Illegal transitions, by reason* and *Events, by kind*: which one, and
   since when?
2. Kernel's changelog.""",
            """\
- Upgrade the exporter. If there is no newer version, report the value.
- Silence this alert until then; success ratios stay right, unless the status is what is new.""",
        ),
    )


def _gaps(pace: Pace) -> Alert:
    hour = pace.of("1h")
    gaps = f"sum by (job, cause) (increase(managed_auth_gaps_total[{hour}]))"
    started = f"sum by (job) (increase(managed_auth_flows_started_total[{hour}]))"
    return Alert(
        "ManagedAuthGaps",
        (
            Condition(
                f"({gaps}\n  / on (job) group_left () ({started} > 0) > {GAP_SHARE:g})\n"
                f"and ({gaps} >= {MIN_GAPS})",
                pace.of("5m"),
                Severity.WARNING,
            ),
        ),
        "Too much of the flows of {{ $labels.job }} goes unseen: {{ $labels.cause }}",
        "There were {{ $value | humanizePercentage }} as many gaps as flows in the last hour,"
        " caused by {{ $labels.cause }}. First see on the exporter dashboard how streams end.",
        Dashboard.EXPORTER,
        Runbook(
            "Parts of flows went unwatched, in more than one flow of ten. Outcomes are right all"
            " the same; durations of these steps are missing, so latencies rest on fewer flows.",
            """\
1. `reconnect`: *Stream ends, by reason* on the exporter dashboard.
2. `restart`: was the exporter restarted, and why? `process_start_time_seconds` tells when.""",
            """\
- Streams break: see [ManagedAuthStreamsFlapping](#managedauthstreamsflapping).
- Restarts: look at the exporter's log and at its memory limit.""",
        ),
    )


def _out_of_reach(pace: Pace) -> Alert:
    entries = 'managed_auth_timeline_entries_total{result="out_of_reach"}'
    return Alert(
        "ManagedAuthOutcomesLost",
        (
            Condition(
                f"sum by (job) (increase({entries}[{pace.of('1h')}])) > 0", "0s", Severity.WARNING
            ),
        ),
        "Outcomes of {{ $labels.job }} were given up: a timeline had too many new entries",
        "{{ $value | humanize }} times in the last hour a connection had more than 1,000 new"
        " entries since its last read. First find out how long the exporter was off.",
        Dashboard.EXPORTER,
        Runbook(
            "The newest 1,000 entries of a timeline are read; what is older than these is not"
            " counted. It takes a very long downtime, or a connection that logs in all the time.",
            """\
1. Exporter dashboard, *Timeline entries, by result* and *Timelines: longest unread*.
2. [What is guaranteed, and what is not](guarantees.md).""",
            """\
- After a long downtime there is nothing to mend: the counts of that time are too low.
- A connection with hundreds of logins an hour: something retries without a pause. Stop it.""",
        ),
    )
