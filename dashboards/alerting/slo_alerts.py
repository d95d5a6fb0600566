"""The alerts on the error budget of logins: multi-window, multi-burn-rate.

After the Google SRE Workbook, chapter 5, "Alerting on SLOs": a burn rate of N uses up the budget of
a period in an Nth of it, and a short window lets an alert end soon after the trouble has. The
book's factors (14.4, 6, 1) are for objectives of 99.9 %. Where one login in ten may fail, 14.4
times that is more than all of them, and such an alert never fires: hence the smaller ones here.
"""

from typing import Final, NamedTuple

from dashboards.alerting.recording import FLOW_TYPE, judged, success
from dashboards.alerting.rule import Alert, AlertGroup, Condition, Dashboard, Runbook, Severity
from dashboards.alerting.windows import Pace, at_least
from dashboards.settings import Settings


class Burn(NamedTuple):
    """A burn rate that is too high over the long window, unless the short one shows it is over."""

    rate: float
    long: str
    short: str
    hold: str


FAST: Final = (Burn(6, "1h", "5m", "2m"), Burn(3, "6h", "30m", "15m"))
SLOW: Final = Burn(1, "3d", "6h", "1h")


def threshold(settings: Settings, flow_type: str, burn: Burn) -> float:
    """The share of failing flows at which the budget burns that fast.

    Raises:
        ValueError: it would be all of them or more, so the alert could never fire.
    """
    share = round(burn.rate * (1 - settings.slo[flow_type]), 6)
    if share >= 1:
        lowest = 1 - 1 / burn.rate
        raise ValueError(
            f"slo {flow_type}={settings.slo[flow_type]:g} leaves no room to burn {burn.rate:g}"
            f" times too fast: choose {lowest + 0.005:.2f} or more"
        )
    return share


def group(settings: Settings) -> AlertGroup:
    """The alerts on the error budget."""
    return AlertGroup("managed-auth-slo", "Error budget", (_fast(settings), _slow(settings)))


def _condition(
    settings: Settings, flow_type: str, burn: Burn, severity: Severity, pace: Pace
) -> Condition:
    share = threshold(settings, flow_type, burn)
    own = f'{{flow_type="{flow_type}"}}'
    flows = f"{judged(FLOW_TYPE, burn.long)}{own} * {pace.per(burn.long)}"
    failed = f"(1 - {success(FLOW_TYPE, burn.long)}{own}) * {flows}"
    return Condition(
        f"(1 - {success(FLOW_TYPE, burn.long)}{own} > {share:g})\n"
        # Where few log in, the short window is often empty: that does not show that it is over.
        f"unless (1 - {success(FLOW_TYPE, burn.short)}{own} <= {share:g})\n"
        f"and ({at_least(flows, settings.min_flows)})\n"
        f"and ({at_least(failed, settings.min_failures)})",
        pace.of(burn.hold),
        severity,
        {"flow_type": flow_type, "window": burn.long},
    )


def _conditions(
    settings: Settings, burns: tuple[Burn, ...], severity: Severity
) -> tuple[Condition, ...]:
    pace = Pace(settings)
    return tuple(
        _condition(settings, flow_type, burn, severity, pace)
        for flow_type in sorted(settings.slo)
        for burn in burns
    )


_LOOK: Final = """\
1. Overview dashboard, *Logins that end, by outcome*: did one outcome take over, and since when?
   `failed` is Kernel's or the websites', `expired` is people who never finish.
2. *Failures, by error code* and *Website errors, by category*: one cause, or many?
3. Domains dashboard, sorted by pain: one website, or all of them?
4. Click an exemplar in *Time in a step*, or search the traces for
   `managed_auth.flow.outcome=failed`."""

_MEND: Final = """\
- One domain: treat it as [ManagedAuthDomainFailing](#managedauthdomainfailing).
- One error code: [ManagedAuthErrorCodeDominating](#managedautherrorcodedominating).
- All domains at once: look at Kernel's status page, and at what your own product changed last.
- The objective does not fit your logins: generate the rules with another one, `--slo`."""


def _fast(settings: Settings) -> Alert:
    return Alert(
        "ManagedAuthErrorBudgetBurnFast",
        _conditions(settings, FAST, Severity.CRITICAL),
        "{{ $labels.flow_type }} logins of {{ $labels.job }} fail far more often than they may",
        "{{ $value | humanizePercentage }} of the {{ $labels.flow_type }} flows of the last"
        " {{ $labels.window }} failed or expired. First open the dashboard and see whether it is"
        " one domain, one error code or everything.",
        Dashboard.OVERVIEW,
        Runbook(
            "So many flows fail or expire that the error budget goes several times faster than"
            " planned, over the last hour or over six hours, and nothing since shows that it is"
            f" over. It takes {settings.min_flows} flows or more that ended in the long window, and"
            f" {settings.min_failures} of them that failed or expired.",
            _LOOK,
            _MEND,
        ),
    )


def _slow(settings: Settings) -> Alert:
    return Alert(
        "ManagedAuthErrorBudgetBurnSlow",
        _conditions(settings, (SLOW,), Severity.WARNING),
        "{{ $labels.flow_type }} logins of {{ $labels.job }} have missed their objective for days",
        "{{ $value | humanizePercentage }} of the {{ $labels.flow_type }} flows of the last"
        " {{ $labels.window }} failed or expired, and it goes on. First sort the domains by pain"
        " and take the worst one.",
        Dashboard.OVERVIEW,
        Runbook(
            "Nothing broke in a moment, but over three days more flows fail or expire than the"
            " objective allows, and over the last six hours as well.",
            _LOOK,
            _MEND,
        ),
    )
