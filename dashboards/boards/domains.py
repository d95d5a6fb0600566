"""The domains: which of them hurt, and how each does."""

from typing import Final

from dashboards.alerting.recording import DOMAIN as BY_DOMAIN
from dashboards.alerting.recording import JUDGED, ended, judged
from dashboards.alerting.rule import Dashboard
from dashboards.alerting.slo_alerts import FAST
from dashboards.boards.promql import DOMAIN, FLOW_TYPE, in_range, per_minute, success, total
from dashboards.boards.spec import (
    PER_MINUTE,
    POINT,
    Column,
    Level,
    Page,
    Panel,
    Query,
    Row,
    Shape,
    at_most,
)
from dashboards.settings import Settings
from exporter.core.totals import FAILURES
from exporter.sinks.metrics.labels import NEEDS_AUTH

ENDED: Final = "managed_auth_flows_ended_total"
STARTED: Final = "managed_auth_flows_started_total"
ERRORS: Final = "managed_auth_website_errors_total"
FAILED: Final = f'outcome=~"{"|".join(sorted(FAILURES))}"'
WINDOW: Final = "1h"
RECORDED: Final = (ended(BY_DOMAIN, WINDOW), judged(BY_DOMAIN, WINDOW))

DRILL_DOWN: Final = (
    f"/d/{Dashboard.DOMAINS}?var-domain=${{__value.raw}}&${{__url_time_range}}"
    "&${datasource:queryparam}&${traces:queryparam}&${job:queryparam}&${flow_type:queryparam}"
)


def page(settings: Settings) -> Page:
    """The dashboard."""
    return Page(
        Dashboard.DOMAINS,
        "Which domains hurt, the worst first; a click on one shows how it does.",
        ("datasource", "traces", "job", "flow_type", "domain"),
        (Row("All domains", (_pain(settings),)), Row("$domain", _ONE)),
    )


def _pain(settings: Settings) -> Panel:
    # No filter by $domain: what is chosen must not empty the list that it is chosen from.
    failed = in_range("domain", ENDED, FLOW_TYPE, FAILED)
    judged_flows = in_range("domain", ENDED, FLOW_TYPE, f'outcome=~"{JUDGED}"')
    needing = total("domain", "managed_auth_connections", f'status="{NEEDS_AUTH}"')
    queries = (
        failed,
        judged_flows,
        f"{failed} / ({judged_flows} > 0)",
        in_range("domain", ERRORS),
        needing,
    )
    return Panel(
        "Domains by pain",
        Shape.TABLE,
        "short",
        "The time range of the dashboard: flows that failed or expired, all that succeeded, failed "
        "or expired, the share of the former, and the error messages of the website; and how many "
        "connections need a login now. A click on a domain chooses it for the panels below.",
        tuple(Query(expr) for expr in queries),
        width=24,
        height=11,
        empty="none",
        columns=(
            Column("domain", "Domain", "string", link=DRILL_DOWN),
            Column("Value #A", "Failed or expired"),
            Column("Value #B", "Judged"),
            Column("Value #C", "Share", "percentunit", 1, _levels(settings)),
            Column("Value #D", "Website errors"),
            Column("Value #E", "Need a login", levels=at_most(info=1)),
        ),
    )


def _levels(settings: Settings) -> tuple[Level, ...]:
    """What may fail by the most generous objective, and where that is burned fast."""
    budget = round(1 - min(settings.slo.values()), 6)
    return at_most(warning=budget, critical=min(1.0, budget * min(burn.rate for burn in FAST)))


_ONE: Final = (
    Panel(
        "Logins that end, by outcome",
        Shape.BARS,
        PER_MINUTE,
        "Flows of the chosen domains that ended, a minute.",
        (Query(per_minute("outcome", ENDED, DOMAIN, FLOW_TYPE), "{{outcome}}"),),
        width=12,
        interval=POINT,
    ),
    Panel(
        f"Success over {WINDOW}, by domain",
        Shape.LINES,
        "percentunit",
        "Share of flows that succeed, of those that succeeded, failed or expired, of every type: "
        f"over the {WINDOW} before each moment.",
        (Query(success("domain", *RECORDED, DOMAIN), "{{domain}}"),),
        width=12,
        empty="no login ended",
        maximum=1,
    ),
    Panel(
        "Failed or expired, by domain",
        Shape.BARS,
        PER_MINUTE,
        "Flows that failed or expired, a minute. In which step and with which error code is not "
        "counted by domain; their traces say it: managed_auth.flow.last_step and "
        "managed_auth.error.code, where server.address is the domain.",
        (Query(f"{per_minute('domain', ENDED, DOMAIN, FLOW_TYPE, FAILED)} > 0", "{{domain}}"),),
        width=12,
        empty="no login failed",
        interval=POINT,
    ),
    Panel(
        "Website errors, by category",
        Shape.BARS,
        PER_MINUTE,
        "Error messages that the websites showed, a minute, by what they are about.",
        (Query(f"{per_minute('category', ERRORS, DOMAIN)} > 0", "{{category}}"),),
        width=12,
        empty="no website showed an error",
        interval=POINT,
    ),
    Panel(
        "Website errors, by step",
        Shape.BARS,
        PER_MINUTE,
        "Error messages that the websites showed, a minute, by the step that they came in.",
        (Query(f"{per_minute('step', ERRORS, DOMAIN)} > 0", "{{step}}"),),
        empty="no website showed an error",
        interval=POINT,
    ),
    Panel(
        "Logins that begin, by domain",
        Shape.BARS,
        PER_MINUTE,
        "Flows that began to be followed, a minute.",
        (Query(f"{per_minute('domain', STARTED, DOMAIN, FLOW_TYPE)} > 0", "{{domain}}"),),
        empty="no login began",
        interval=POINT,
    ),
    Panel(
        "Connections by status",
        Shape.AREAS,
        "short",
        "Auth connections of the chosen domains, as last listed.",
        (Query(total("status", "managed_auth_connections", DOMAIN), "{{status}}"),),
        decimals=0,
    ),
)
