"""The alerts on the exporter itself: is it there and ready, does it keep and send what it saw?"""

from typing import Final

from dashboards.alerting.rule import Alert, AlertGroup, Condition, Dashboard, Runbook, Severity
from dashboards.alerting.windows import Pace
from dashboards.settings import Settings

BUILD_INFO: Final = "managed_auth_exporter_build_info"


def group(settings: Settings) -> AlertGroup:
    """The alerts on the exporter."""
    pace = Pace(settings)
    return AlertGroup(
        "managed-auth-exporter",
        "The exporter itself",
        (
            _absent(pace),
            _down(pace),
            _not_ready(pace),
            _journal_failing(pace),
            _journal_off(pace),
            _spans_dropped(pace),
            _sink_errors(pace),
            _label_overflow(pace),
        ),
    )


def _absent(pace: Pace) -> Alert:
    week = pace.of("1w")
    return Alert(
        "ManagedAuthExporterAbsent",
        (
            Condition(
                f"(group by (job) (max_over_time({BUILD_INFO}[{week}]))\n"
                f"  unless on (job) group by (job) ({BUILD_INFO}))\n"
                f"or (absent({BUILD_INFO})\n"
                f"  unless on () group (max_over_time({BUILD_INFO}[{week}])))",
                pace.of("5m"),
                Severity.CRITICAL,
            ),
        ),
        "No managed-auth-exporter is scraped any more",
        "Prometheus has no metrics of any exporter of this job: logins go unseen. First see whether"
        " the process runs, then whether Prometheus still has it among its targets.",
        Dashboard.EXPORTER,
        Runbook(
            "No instance answers, of a job that was there within a week, or of any job at all."
            " Where a job was renamed or taken away on purpose, silence this alert for a week.",
            """\
1. Prometheus, *Status → Targets*: is the job there, and what does it say?
2. `curl http://HOST:10464/-/healthy` from Prometheus' machine.
3. The exporter's log: a mistake in an option ends it with status 2 and one line.""",
            """\
- It does not run: start it. With `--data-dir`, what ended meanwhile is counted from the timelines.
- It runs but is no target: mend the scrape configuration, or the service discovery.""",
        ),
    )


def _down(pace: Pace) -> Alert:
    ours = f"group by (job) (max_over_time({BUILD_INFO}[{pace.of('1w')}]))"
    return Alert(
        "ManagedAuthExporterDown",
        (
            Condition(
                f"up == 0\nand on (job) {ours}",
                pace.of("5m"),
                Severity.CRITICAL,
            ),
        ),
        "managed-auth-exporter {{ $labels.instance }} does not answer",
        "Prometheus cannot scrape {{ $labels.instance }} ({{ $labels.job }}): its connections go"
        " unseen. First see whether the process runs, and what its log says.",
        Dashboard.EXPORTER,
        Runbook(
            "A target of a job of ours does not answer: it went away, or never came up.",
            """\
1. Prometheus, *Status → Targets*: refused, timed out, or an error of TLS or authentication?
2. The exporter's log and memory: was it killed?""",
            """\
- As for [ManagedAuthExporterAbsent](#managedauthexporterabsent).
- The scrape times out: raise `scrape_timeout`, or lower the number of domains
  (`--metrics.max-domains`).""",
        ),
    )


def _not_ready(pace: Pace) -> Alert:
    return Alert(
        "ManagedAuthExporterNotReady",
        (
            Condition(
                "min by (job, instance, side) (managed_auth_exporter_ready) == 0",
                pace.of("5m"),
                Severity.CRITICAL,
            ),
        ),
        "managed-auth-exporter {{ $labels.instance }} is not ready: {{ $labels.side }}",
        "The {{ $labels.side }} side of {{ $labels.instance }} ({{ $labels.job }}) does not work."
        " First read its /-/ready page: it says why, and what mends it.",
        Dashboard.EXPORTER,
        Runbook(
            "`source`: connections cannot be listed, so new flows may go unseen. `sink`: what is"
            " seen cannot be counted, shown or written.",
            """\
1. `curl http://INSTANCE/-/ready`: one line for each side.
2. Exporter dashboard, *Requests, by call and status*, *Journal now* and *Errors of sinks*.""",
            """\
- `source`, the key is refused: see [ManagedAuthKeyRefused](#managedauthkeyrefused).
- `source`, no complete list: the API fails or is slow; see its status page.
- `sink`, the journal: see [ManagedAuthJournalFailing](#managedauthjournalfailing).
- `sink`, failing: a defect of ours. Report it with the log.""",
        ),
    )


def _journal_failing(pace: Pace) -> Alert:
    return Alert(
        "ManagedAuthJournalFailing",
        (
            Condition(
                "min by (job, instance) (managed_auth_journal_up) == 0",
                pace.of("1m"),
                Severity.CRITICAL,
            ),
        ),
        "The journal of {{ $labels.instance }} cannot be written",
        "{{ $labels.instance }} ({{ $labels.job }}) goes on from memory: if it ends now, what it"
        " saw meanwhile is lost. First make room on its disk; do not restart it before.",
        Dashboard.EXPORTER,
        Runbook(
            "Writes to `--data-dir` fail. Flows are followed and counted all the same, but a"
            " restart would forget what was not written.",
            """\
1. The exporter's log and `/-/ready` say why: full, read-only, moved, or hanging.
2. `df -h` and `df -i` for the directory.""",
            """\
- Mend the disk first, restart later: it writes what is missing as soon as it can.
- [While the journal cannot be written](guarantees.md#while-the-journal-cannot-be-written) says what
  a restart before that costs.""",
        ),
    )


def _journal_off(pace: Pace) -> Alert:
    return Alert(
        "ManagedAuthJournalOff",
        (
            Condition(
                f"group by (job, instance) ({BUILD_INFO})\n"
                "unless on (job, instance) managed_auth_journal_up",
                pace.of("1h"),
                Severity.INFO,
            ),
        ),
        "{{ $labels.instance }} keeps everything in memory only",
        "{{ $labels.instance }} ({{ $labels.job }}) has no journal: a restart loses what ended"
        " while it was down. First decide whether you want that; if not, set --data-dir.",
        Dashboard.EXPORTER,
        Runbook(
            "The exporter runs without `--data-dir`. That is a choice, and nobody needs to get up"
            " for it, but counts begin at 0 with every restart.",
            "1. The log line at the start: `what is counted is kept in memory only`.",
            """\
- Give it a directory that outlives it: `--data-dir /var/lib/managed-auth-exporter`.
- Or leave this alert out, or silence it for good.""",
        ),
    )


def _spans_dropped(pace: Pace) -> Alert:
    dropped = f"increase(managed_auth_spans_dropped_total[{pace.of('15m')}])"
    return Alert(
        "ManagedAuthSpansDropped",
        (Condition(f"sum by (job) ({dropped}) > 0", pace.of("5m"), Severity.WARNING),),
        "Traces of {{ $labels.job }} lose spans",
        "About {{ $value | humanize }} spans were dropped in the last 15 minutes: traces of these"
        " flows lack steps. First see whether the collector answers.",
        Dashboard.EXPORTER,
        Runbook(
            "Spans could not be sent and the queue was full, or the collector refused them. Metrics"
            " are not affected.",
            """\
1. Exporter dashboard, *Spans*.
2. The exporter's log names the answer of the collector.""",
            """\
- The collector is down or unreachable: mend it, or the endpoint (`OTEL_EXPORTER_OTLP_ENDPOINT`).
- It refuses: see the token in `OTEL_EXPORTER_OTLP_HEADERS`, the protocol, the compression.
- It is too slow: raise `OTEL_BSP_MAX_QUEUE_SIZE`, or sample (`OTEL_TRACES_SAMPLER`).""",
        ),
    )


def _sink_errors(pace: Pace) -> Alert:
    errors = f"increase(managed_auth_exporter_sink_errors_total[{pace.of('15m')}])"
    return Alert(
        "ManagedAuthSinkErrors",
        (Condition(f"sum by (job, sink) ({errors}) > 0", "0s", Severity.WARNING),),
        "A part of the exporter fails: {{ $labels.sink }} ({{ $labels.job }})",
        "About {{ $value | humanize }} observations in the last 15 minutes could not be taken by"
        " {{ $labels.sink }}. First copy the line from the exporter's log: this is a defect.",
        Dashboard.EXPORTER,
        Runbook(
            "One of metrics, traces, live view failed to take something in. The others go on.",
            "1. The exporter's log names the error and where it was raised, without personal data.",
            "- Report it with that line. A restart may help until then.",
        ),
    )


def _label_overflow(pace: Pace) -> Alert:
    shared = f"increase(managed_auth_label_overflow_total[{pace.of('1h')}])"
    return Alert(
        "ManagedAuthDomainsShareOther",
        (Condition(f"sum by (job, label) ({shared}) > 0", pace.of("15m"), Severity.INFO),),
        "{{ $labels.job }} has more values of {{ $labels.label }} than may have a name",
        "Later values share `other`, so alerts by {{ $labels.label }} do not see them one by one."
        " First count how many there are, then raise --metrics.max-domains if Prometheus can take"
        " it.",
        Dashboard.EXPORTER,
        Runbook(
            "More domains were seen than `--metrics.max-domains` (200) allows. Totals stay right.",
            "1. How many domains have connections in Kernel?",
            """\
- Raise `--metrics.max-domains`: docs/metrics.md says how many series a domain has.
- Or follow fewer: `--discovery.domain`, one exporter for each group of domains.""",
        ),
    )
