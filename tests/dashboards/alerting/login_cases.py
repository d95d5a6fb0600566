"""The stories of the alerts on logins and their error budget."""

from typing import Final

from dashboards.alerting.rule import Severity
from dashboards.settings import DEFAULT_SLO
from tests.dashboards.alerting.case import Case, Firing, climb, steady


def ended(outcome: str, flow_type: str = "LOGIN", domain: str = "a.example") -> str:
    labels = f'outcome="{outcome}",flow_type="{flow_type}",domain="{domain}"'
    return f'managed_auth_flows_ended_total{{{labels},observed="stream"}}'


def failures(code: str) -> str:
    labels = f'error_code="{code}",last_step="SUBMITTING",flow_type="LOGIN"'
    return f"managed_auth_flow_failures_total{{{labels}}}"


def _burn(flow_type: str, window: str, severity: Severity, value: str) -> tuple[Firing, ...]:
    labels = {"flow_type": flow_type, "window": window, "severity": str(severity)}
    return (Firing(labels, value),)


def _hour(flow_type: str, failed: int, success: int, too_few: int) -> Case:
    """Trouble that has begun: over the threshold in the hour and in the last five minutes."""
    bad, good = ended("failed", flow_type), ended("success", flow_type)
    share = failed / (failed + success)
    return Case(
        "ManagedAuthErrorBudgetBurnFast",
        {
            bad: climb(failed, 60 - failed),
            good: f"{climb(success, 50 - success, 14)} {success + 1}+1x5 {success + 6}x300",
        },
        (
            {bad: climb(failed - 1, 61 - failed)},
            {bad: climb(too_few, 60 - too_few), good: climb(1, 59)},
            # It was bad, but the short windows show that it is over.
            {bad: climb(4 * failed, 5), good: climb(2, 58)},
        ),
        at="62m",
        healed="70m",
        firing=_burn(flow_type, "1h", Severity.CRITICAL, f"{share * 100:.4g}%"),
    )


def _slow(flow_type: str, window: str, share: float, alert: str, *, at: str, healed: str) -> Case:
    """A share of the flows fails all the time until it does not, just enough of them."""
    bad, good = ended("failed", flow_type), ended("success", flow_type)
    critical = window == "6h"
    each = 0.1
    stop = 80 if critical else 150
    failed = round(each * share, 6)
    less = failed * 0.9
    return Case(
        alert,
        {bad: f"0+{failed}x{stop} {failed * stop}x800", good: steady(each - failed, 900)},
        ({bad: steady(less, 900), good: steady(each - less, 900)},),
        at=at,
        healed=healed,
        firing=_burn(
            flow_type,
            window,
            Severity.CRITICAL if critical else Severity.WARNING,
            f"{share * 100:.4g}%",
        ),
    )


BURNS: Final = (
    _hour("LOGIN", failed=4, success=2, too_few=3),
    _hour("REAUTH", failed=3, success=6, too_few=2),
    *(
        case
        for flow_type, slo in DEFAULT_SLO.items()
        for case in (
            _slow(
                flow_type,
                "6h",
                3.2 * (1 - slo),
                "ManagedAuthErrorBudgetBurnFast",
                at="80m",
                healed="130m",
            ),
            _slow(
                flow_type,
                "3d",
                1.1 * (1 - slo),
                "ManagedAuthErrorBudgetBurnSlow",
                at="150m",
                healed="300m",
            ),
        )
    ),
)
_ON_DOMAIN: Final = {"domain": "a.example"}
_CATEGORY: Final = (
    'managed_auth_website_errors_total{category="captcha",step="SUBMITTING",domain="a.example"}'
)
_BLOCKED: Final = 'managed_auth_connections_reauth_blocked{reason="no_credential"}'
_DAY: Final = 1500


def _of_domain(alert: str, outcome: str, few: tuple[int, int], value: str, *, good: int) -> Case:
    least, below = few
    return Case(
        alert,
        {ended(outcome): climb(least), ended("success"): climb(good)},
        (
            {ended("success"): climb(below)},
            {ended(outcome): climb(2), ended("success"): climb(1)},
        ),
        at="45m",
        healed="100m",
        firing=(Firing(_ON_DOMAIN, value),),
    )


def _visits(bucket: str, per_minute: float, then: str, minutes: int = 41) -> dict[str, str]:
    """Visits that end in one bucket for a day, in another one for a while, and in the first again.

    A cumulative bucket counts from its own visits on.
    """
    step = 'step="SUBMITTING",flow_type="LOGIN",next="SUCCESS"'
    name = "managed_auth_step_duration_seconds"
    bounds = ("2", "3", "5", "8", "13", "+Inf")
    series = {}
    for bound in bounds:
        usual = per_minute if float(bound) >= float(bucket) else 0
        later = per_minute if float(bound) >= float(then) else 0
        before = usual * _DAY
        after = before + later * minutes
        series[f'{name}_bucket{{{step},le="{bound}"}}'] = (
            f"0+{usual:g}x{_DAY} {before + later:g}+{later:g}x{minutes - 1} {after:g}+{usual:g}x200"
        )
    series[f"{name}_count{{{step}}}"] = steady(per_minute, _DAY + 250)
    return series


LOGINS: Final = (
    _of_domain("ManagedAuthDomainFailing", "failed", (3, 3), "60%", good=2),
    _of_domain("ManagedAuthLoginsExpiring", "expired", (3, 9), "27.27%", good=8),
    Case(
        "ManagedAuthErrorCodeDominating",
        {failures("bot_detected"): climb(6), failures("website_error"): climb(4)},
        (
            {failures("website_error"): climb(6)},
            {failures("bot_detected"): climb(4), failures("website_error"): climb(1)},
            # Codes of which nobody can do anything are left to the error budget.
            {failures("bot_detected"): climb(1), failures("browser_error"): climb(6)},
        ),
        at="45m",
        healed="100m",
        firing=(Firing({"error_code": "bot_detected"}, "60%"),),
    ),
    Case(
        "ManagedAuthWebsiteErrorsRising",
        {_CATEGORY: f"0+0.05x{_DAY} 75.4+0.4x40 91.4x300"},
        (
            {_CATEGORY: f"0+0.05x{_DAY} 75.14+0.14x340"},
            {_CATEGORY: f"0+0.01x{_DAY} 15.08+0.08x340"},
            {_CATEGORY: "_x1300 0+0.05x200 10.4+0.4x340"},
        ),
        at="1535m",
        healed="1700m",
        firing=(Firing({"category": "captcha"}, "8.472m"),),
        alone=False,
        every="5m",
    ),
    Case(
        "ManagedAuthConnectionsNeedLogin",
        {_BLOCKED: "1x20 0x40"},
        ({_BLOCKED: "0x60"},),
        at="20m",
        healed="30m",
        firing=(Firing({"reason": "no_credential"}, "2"),),
        alone=False,
    ),
    Case(
        "ManagedAuthStepSlow",
        _visits("3", 0.5, "13"),
        (_visits("3", 0.5, "8"), _visits("3", 0.07, "13")),
        at="1540m",
        healed="1640m",
        firing=(Firing({"step": "SUBMITTING", "flow_type": "LOGIN", "quantile": "0.9"}, "12.25s"),),
        alone=False,
        every="5m",
    ),
)
