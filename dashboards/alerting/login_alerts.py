"""The alerts on logins: which domains fail, who never finishes, what websites complain about."""

from typing import Final

from dashboards.alerting.recording import (
    DOMAIN,
    FLOW_TYPE,
    ended,
    failures,
    judged,
    step_quantile,
    step_visits,
    website_errors,
)
from dashboards.alerting.rule import Alert, AlertGroup, Condition, Dashboard, Runbook, Severity
from dashboards.alerting.windows import Pace, at_least
from dashboards.settings import Settings

FAILED_SHARE: Final = 0.5
EXPIRED_SHARE: Final = 0.25
MIN_OF_DOMAIN: Final = 5
DOMINATING_SHARE: Final = 0.5
MIN_OF_CODE: Final = 10
RISE: Final = 3
MIN_WEBSITE_ERRORS: Final = 10
SLOWDOWN: Final = 2
SLOWDOWN_SECONDS: Final = 2
MIN_VISITS: Final = 10

DOMINATING_CODES: Final = ("bot_detected", "captcha_blocked", "credentials_invalid")
WORKING_STEPS: Final = ("DISCOVERING", "SUBMITTING")
"""The steps in which nobody is waited for: how long a person takes is no fault of the website."""


def group(settings: Settings) -> AlertGroup:
    """The alerts on logins."""
    pace = Pace(settings)
    return AlertGroup(
        "managed-auth-logins",
        "Logins",
        (
            _domain_failing(pace),
            _expiring(pace),
            _code_dominating(pace),
            _website_errors_rising(pace),
            _need_login(pace),
            _step_slow(pace),
        ),
    )


def _share_of_domain(outcome: str, share: float, pace: Pace) -> str:
    """Of the domain's flows of an hour, at least some and more than that share ended so."""
    own, hour = f'{ended(DOMAIN, "1h")}{{outcome="{outcome}"}}', pace.per("1h")
    return (
        f"(sum by (job, domain) ({own})\n"
        f"  / ({judged(DOMAIN, '1h')} > 0) > {share:g})\n"
        f"and ({at_least(f'sum by (job, domain) ({own}) * {hour}', MIN_OF_DOMAIN)})"
    )


def _domain_failing(pace: Pace) -> Alert:
    return Alert(
        "ManagedAuthDomainFailing",
        (
            Condition(
                _share_of_domain("failed", FAILED_SHARE, pace), pace.of("5m"), Severity.WARNING
            ),
        ),
        "Most logins to {{ $labels.domain }} fail ({{ $labels.job }})",
        "{{ $value | humanizePercentage }} of the logins to {{ $labels.domain }} in the last hour"
        " failed. First open the traces of a failed one: the error code and the website's own words"
        " say whether the site changed, blocks, or refuses the credentials.",
        Dashboard.DOMAINS,
        Runbook(
            f"More than half of the flows of one domain failed within an hour, {MIN_OF_DOMAIN} or"
            " more. A website that changes its login page looks like this, and one that has begun"
            " to block.",
            """\
1. Domains dashboard, the domain chosen: since when? *Website errors, by category* and
   *Website errors, by step* say what the site tells people.
2. *Failures, by error code* on the overview: what rose at the same time?
3. Traces with `server.address=<domain>` and `managed_auth.flow.outcome=failed`: the status says the
   error code, the events what the website showed.""",
            """\
- `login_form_not_found`, `navigation_confused`, `stuck_in_loop`: the site changed. Tell Kernel's
  support, with the connection id of a trace.
- `bot_detected`, `captcha_blocked`: slow down, and see the settings of proxies and profiles.
- `credentials_invalid`: stored credentials are wrong or were rotated. Renew them.
- `website_error` with `site_unavailable`: the site is down. Wait, and stop retrying meanwhile.""",
        ),
    )


def _expiring(pace: Pace) -> Alert:
    return Alert(
        "ManagedAuthLoginsExpiring",
        (
            Condition(
                _share_of_domain("expired", EXPIRED_SHARE, pace), pace.of("5m"), Severity.WARNING
            ),
        ),
        "Logins to {{ $labels.domain }} expire: nobody finishes them ({{ $labels.job }})",
        "{{ $value | humanizePercentage }} of the logins to {{ $labels.domain }} in the last hour"
        " expired. First find out whether people are asked at all: does your product show the"
        " request for input, and does the code reach them?",
        Dashboard.DOMAINS,
        Runbook(
            f"More than a quarter of a domain's flows expired within an hour, {MIN_OF_DOMAIN} or"
            " more. Kernel waits 10 minutes for input and 20 minutes overall; then a flow expires.",
            """\
1. Traces with `server.address=<domain>` and `managed_auth.flow.outcome=expired`:
   `managed_auth.flow.last_step` says what they waited for, the event
   `managed_auth.input_requested` of which kind it was.
2. *Requests for input, by kind* on the overview: a one-time code, credentials, a choice?""",
            """\
- `AWAITING_INPUT`: see that your product shows what is asked for, and tells the person in time.
- `AWAITING_EXTERNAL_ACTION`: the push or mail never arrives, or nobody knows to look for it.
- Flows that nobody waits for any more: cancel them, so that they do not count as expired.""",
        ),
    )


def _code_dominating(pace: Pace) -> Alert:
    codes, hour = "|".join(DOMINATING_CODES), pace.per("1h")
    own = f'{failures("1h")}{{error_code=~"{codes}"}}'
    return Alert(
        "ManagedAuthErrorCodeDominating",
        (
            Condition(
                f"({own}\n"
                f"  / on (job) group_left () (sum by (job) ({failures('1h')}) > 0)"
                f" > {DOMINATING_SHARE:g})\n"
                f"and ({at_least(f'{own} * {hour}', MIN_OF_CODE)})",
                pace.of("5m"),
                Severity.WARNING,
            ),
        ),
        "Logins of {{ $labels.job }} fail for one reason: {{ $labels.error_code }}",
        "{{ $value | humanizePercentage }} of the flows that failed or expired in the last hour"
        " have"
        " the error code {{ $labels.error_code }}. First see in the runbook what this code asks"
        " for.",
        Dashboard.OVERVIEW,
        Runbook(
            "More than half of all failures of an hour have the same error code,"
            f" {MIN_OF_CODE} flows or more. One cause, so one mend.",
            """\
1. *Failures, by error code* on the overview: when did it begin?
2. Domains dashboard: is it one website, or did something change on your side?
3. Traces with `managed_auth.error.code=<code>`.""",
            """\
- `bot_detected`: websites take your browsers for machines. Look at what changed in proxies, stealth
  settings and in how many logins begin at once.
- `captcha_blocked`: the same, and see whether captchas can be solved in these sessions.
- `credentials_invalid`: one set of credentials was rotated or mistyped, or a store of credentials
  hands out old ones. Stop automatic re-logins with it: websites lock accounts.""",
        ),
    )


def _has_past(recorded: str, pace: Pace) -> str:
    """Whether it was recorded a day ago or before: less of a past knows no night."""
    return f"count_over_time({recorded}[{pace.of('6d')}] offset {pace.of('1d')}) > 0"


def _website_errors_rising(pace: Pace) -> Alert:
    hour, week = pace.per("1h"), f"[{pace.of('1w')}] offset {pace.of('1h')}"
    shown, flows = website_errors("1h"), ended(FLOW_TYPE, "1h")
    # A share of the flows, for there is more of everything where more people log in.
    now = f"({shown}\n  / on (job) group_left () (sum by (job) ({flows}) > 0))"
    past = (
        f"(sum_over_time({shown}{week})\n"
        f"  / on (job) group_left () (sum by (job) (sum_over_time({flows}{week})) > 0))"
    )
    return Alert(
        "ManagedAuthWebsiteErrorsRising",
        (
            Condition(
                f"({now}\n  > {RISE} * {past})\n"
                f"and ({at_least(f'{shown} * {hour}', MIN_WEBSITE_ERRORS)})\n"
                f"and ({_has_past(shown, pace)})",
                pace.of("10m"),
                Severity.WARNING,
            ),
        ),
        "Websites show many more errors than usual: {{ $labels.category }} ({{ $labels.job }})",
        "In the last hour websites showed {{ $value | humanizePercentage }} as many errors of"
        " category {{ $labels.category }} as flows ended, more than"
        f" {RISE} times as many as over the last week. First see in the domains dashboard which"
        " website it is.",
        Dashboard.DOMAINS,
        Runbook(
            f"For each flow, {RISE} times as many error messages of one category are shown as over"
            f" the past week, {MIN_WEBSITE_ERRORS} or more in an hour. They often come before"
            " logins fail.",
            """\
1. *Website errors, by category* on the overview: when did it begin?
2. Domains dashboard, sorted by website errors.
3. Traces: the event `managed_auth.website_error` has what the website showed, redacted.""",
            """\
- `wrong_credentials`, `wrong_code`, `unknown_account`: people or stores give wrong values.
- `account_locked`, `rate_limited`: too many tries. Stop retrying, let accounts rest.
- `captcha`: see `captcha_blocked` of
  [ManagedAuthErrorCodeDominating](#managedautherrorcodedominating).
- `site_unavailable`: the website's own trouble.
- `other`: read the texts in the traces, and write a rule of your own
  (`--website-errors.rules-file`).""",
        ),
    )


def _need_login(pace: Pace) -> Alert:
    return Alert(
        "ManagedAuthConnectionsNeedLogin",
        (
            Condition(
                "sum by (job, reason) (managed_auth_connections_reauth_blocked) > 0",
                pace.of("15m"),
                Severity.WARNING,
            ),
        ),
        "{{ $value }} connections of {{ $labels.job }} need a person to log in:"
        " {{ $labels.reason }}",
        "{{ $value }} connections are not logged in and Kernel cannot log them in by itself, for"
        " {{ $labels.reason }}. First list them in Kernel (status NEEDS_AUTH) and ask their owners"
        " to log in.",
        Dashboard.OVERVIEW,
        Runbook(
            "Auth connections have the status NEEDS_AUTH while `can_reauth` is false: agents that"
            " need them stand still until somebody logs in.",
            """\
1. *Connections that need a human* on the overview, by reason.
2. Kernel's list of connections with status NEEDS_AUTH has their ids; `managed_auth.connection.id`
   in the traces has the last flows of each.""",
            """\
- `no_prior_successful_login`, `requires_customer_input`: start a login, and let its owner finish
  it.
- `no_credential`: store credentials with the connection, then Kernel can re-login by itself.
- `requires_sms_code`, `requires_email_code`, `requires_external_action`,
  `viable_plans_require_external_action`: a person is needed each time. Choose another second factor
  for this account where you can.
- `requires_totp_without_secret`: store the TOTP secret.""",
        ),
    )


def _step_slow(pace: Pace) -> Alert:
    steps = "|".join(WORKING_STEPS)
    own = f'{step_quantile("1h")}{{quantile="0.9", step=~"{steps}"}}'
    past = f"avg_over_time({own}[{pace.of('1w')}] offset {pace.of('1h')})"
    visits, hour = f'{step_visits("1h")}{{step=~"{steps}"}}', pace.per("1h")
    return Alert(
        "ManagedAuthStepSlow",
        (
            Condition(
                f"({own} > {SLOWDOWN} * {past} + {SLOWDOWN_SECONDS})\n"
                f"and on (job, step, flow_type)"
                f" ({at_least(f'{visits} * {hour}', MIN_VISITS)})\n"
                f"and ({_has_past(own, pace)})",
                pace.of("15m"),
                Severity.WARNING,
            ),
        ),
        "{{ $labels.step }} of {{ $labels.flow_type }} flows has become slow ({{ $labels.job }})",
        "One in ten visits of {{ $labels.step }} takes {{ $value | humanizeDuration }} or more,"
        f" over {SLOWDOWN} times what was usual in the last week. First click an exemplar in the"
        " overview's heatmap of steps: is it one website?",
        Dashboard.OVERVIEW,
        Runbook(
            "The 90th percentile of a step in which nobody is waited for is more than"
            f" {SLOWDOWN} times its average of the past week, and {SLOWDOWN_SECONDS} s more.",
            """\
1. *Time in a step* on the overview: did all visits become slower, or is there a second hump?
2. Exemplars in the slow buckets open their traces: compare `server.address`.
3. The exporter dashboard: if *Event lag* rose as well, look at the stream before the websites.""",
            """\
- One website: it is slow, or shows something that Kernel has to work around. Tell Kernel's support.
- All of them: see Kernel's status page, and whether you begin many more logins than before.""",
        ),
    )
