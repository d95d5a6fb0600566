"""The stories of the alerts on logins and their error budget."""

from typing import Final

from dashboards.alerting.login_alerts import DOMINATING_CODES
from dashboards.alerting.rule import Severity
from tests.dashboards.alerting.case import BOTH, Case, Firing, climb, jump, on, steady

FAST: Final = "ManagedAuthErrorBudgetBurnFast"
SLOW: Final = "ManagedAuthErrorBudgetBurnSlow"


def ended(outcome: str, flow_type: str = "LOGIN", domain: str = "a.example") -> str:
    labels = f'outcome="{outcome}",flow_type="{flow_type}",domain="{domain}"'
    return f'managed_auth_flows_ended_total{{{labels},observed="stream"}}'


def failures(code: str) -> str:
    labels = f'error_code="{code}",last_step="SUBMITTING",flow_type="LOGIN"'
    return f"managed_auth_flow_failures_total{{{labels}}}"


def _burn(flow_type: str, window: str, severity: Severity, value: str) -> tuple[Firing, ...]:
    labels = {"flow_type": flow_type, "window": window, "severity": str(severity)}
    return (Firing(labels, value),)


def _hour(flow_type: str, failed: tuple[int, int], success: tuple[int, int]) -> Case:
    """Trouble that has begun: ten flows in an hour, of which just too many failed, the last ones.

    The pairs are what ended on each of the two instances.
    """
    bad, good = ended("failed", flow_type), ended("success", flow_type)
    share = sum(failed) / sum(failed + success)
    fail_from, late = 60 - max(failed), 61 - max(failed)
    fails = {on(bad, i): climb(n, fail_from) for i, n in zip(BOTH, failed, strict=True)}
    succeeds = {
        on(good, i): f"{climb(n, 40, 24)} {n + 1}+1x5 {n + 6}x300"
        for i, n in zip(BOTH, success, strict=True)
    }
    return Case(
        FAST,
        fails | succeeds,
        (
            # One failure less, one flow less; and five failures of which the share is too small.
            {on(bad, "a"): climb(failed[0] - 1, late), on(good, "b"): climb(success[1] + 1, 40)},
            {on(good, "b"): climb(success[1] - 1, 40) if success[1] > 1 else "0x400"},
            {on(good, "a"): climb(20, 20)},
            # It was bad, but the short windows show that it is over.
            {on(bad, "a"): climb(16, 5), on(bad, "b"): "0x400", on(good, "a"): climb(3, 57)},
        ),
        at="61m",
        healed="70m",
        firing=_burn(flow_type, "1h", Severity.CRITICAL, f"{share * 100:.4g}%"),
    )


def _slow(flow_type: str, window: str, share: float, alert: str, *, at: str, healed: str) -> Case:
    """A share of the flows fails all the time until it does not, just enough of them."""
    bad, good = ended("failed", flow_type), ended("success", flow_type)
    critical = window == "6h"
    each = 1.0 if critical else 2.0
    stop = int(at.removesuffix("m")) + 20
    failed = round(each * share, 6)
    less = failed * 0.9
    return Case(
        alert,
        {bad: f"0+{failed}x{stop} {failed * stop}x1200", good: steady(each - failed, 1400)},
        ({bad: steady(less, 1400), good: steady(each - less, 1400)},),
        at=at,
        healed=healed,
        firing=_burn(
            flow_type,
            window,
            Severity.CRITICAL if critical else Severity.WARNING,
            f"{share * 100:.4g}%",
        ),
        alone=False,
    )


BURNS: Final = (
    _hour("LOGIN", failed=(4, 3), success=(2, 1)),
    _hour("REAUTH", failed=(3, 2), success=(3, 2)),
    _slow("LOGIN", "6h", 0.32, FAST, at="44m", healed="300m"),
    _slow("REAUTH", "6h", 0.16, FAST, at="56m", healed="300m"),
    _slow("LOGIN", "3d", 0.11, SLOW, at="95m", healed="900m"),
    _slow("REAUTH", "3d", 0.055, SLOW, at="110m", healed="900m"),
)
_ON_DOMAIN: Final = {"domain": "a.example"}
_CATEGORY: Final = (
    'managed_auth_website_errors_total{category="captcha",step="SUBMITTING",domain="a.example"}'
)
_BLOCKED: Final = 'managed_auth_connections_reauth_blocked{reason="no_credential"}'
_DAY: Final = 1500
LASTING: Final = 100


def _each(selector: str, counts: tuple[int, int]) -> dict[str, str]:
    """So many on each of the two instances, at once."""
    return {on(selector, i): jump(n) for i, n in zip(BOTH, counts, strict=True)}


def _of_domain(alert: str, outcome: str, good: tuple[int, int], value: str) -> Case:
    bad, best = ended(outcome), ended("success")
    return Case(
        alert,
        _each(bad, (3, 2)) | _each(best, good),
        (
            _each(best, (good[0] + 1, good[1])),
            _each(bad, (2, 2)) | _each(best, (1, 1)),
            # Another outcome is none of its business.
            _each(bad, (0, 0)) | _each(ended("canceled"), (9, 9)),
        ),
        at="35m",
        healed="90m",
        firing=(Firing(_ON_DOMAIN, value),),
    )


def _dominating(code: str) -> Case:
    own, others = failures(code), failures("website_error")
    return Case(
        "ManagedAuthErrorCodeDominating",
        _each(own, (5, 5)) | _each(others, (4, 5)),
        (
            _each(others, (5, 5)),
            _each(own, (5, 4)) | _each(others, (2, 2)),
            # Codes of which nobody can do anything are left to the error budget.
            _each(own, (0, 0)) | _each(failures("browser_error"), (9, 9)),
        ),
        at="35m",
        healed="90m",
        firing=(Firing({"error_code": code}, "52.63%"),),
    )


def _rising(usual: float, later: float, since: int = _DAY) -> dict[str, str]:
    """Website errors that come at a steady pace, and at another one from some minute on."""
    then = usual * since + later
    # A little more at the end: what is added up again and again ends a hair's breadth higher.
    last = then + later * LASTING + 0.01
    return {_CATEGORY: f"0+{usual:g}x{since} {then:g}+{later:g}x{LASTING} {last:g}x400"}


def _visits(
    bucket: str, per_minute: float, then: str, name_of_step: str = "SUBMITTING"
) -> dict[str, str]:
    """Visits that end in one bucket for a day, in another one for a while, and in the first again.

    A cumulative bucket counts from its own visits on.
    """
    step, minutes = f'step="{name_of_step}",flow_type="LOGIN",next="SUCCESS"', 41
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


def _young(series: dict[str, str], minutes: int = 1300) -> dict[str, str]:
    """The same, but nothing is known of its first minutes."""
    return {key: f"_x{minutes} {values}" for key, values in series.items()}


LOGINS: Final = (
    _of_domain("ManagedAuthDomainFailing", "failed", (2, 2), "55.56%"),
    _of_domain("ManagedAuthLoginsExpiring", "expired", (7, 7), "26.32%"),
    *(_dominating(code) for code in DOMINATING_CODES),
    Case(
        "ManagedAuthWebsiteErrorsRising",
        _rising(0.05, 0.4) | {ended("success"): steady(0.5, 2000)},
        (
            _rising(0.05, 0.145, since=1440),
            _rising(0.008, 0.079, since=1440),
            # Three times the errors, of three times the flows.
            _rising(0.05, 0.2, since=1440) | {ended("success"): f"0+0.5x1440 {720 + 2:g}+2x600"},
            _young(_rising(0.05, 0.4, since=200)),
        ),
        at="1530m",
        healed="1700m",
        firing=(Firing({"category": "captcha"}, "45%"),),
        alone=False,
        every="5m",
    ),
    Case(
        "ManagedAuthConnectionsNeedLogin",
        {_BLOCKED: "1x20 0x40"},
        ({_BLOCKED: "0x60"}, {_BLOCKED: "0x0 1x60"}),
        at="15m",
        healed="30m",
        firing=(Firing({"reason": "no_credential"}, "2"),),
        alone=False,
    ),
    Case(
        "ManagedAuthStepSlow",
        _visits("3", 0.5, "13"),
        (
            _visits("3", 0.5, "8"),
            _visits("3", 0.079, "13"),
            _young(_visits("3", 0.5, "13"), 20),
            # How long people take is theirs.
            _visits("3", 0.5, "3") | _visits("3", 0.5, "13", "AWAITING_INPUT"),
        ),
        at="1525m",
        healed="1640m",
        firing=(Firing({"step": "SUBMITTING", "flow_type": "LOGIN", "quantile": "0.9"}, "11.8s"),),
        alone=False,
        every="5m",
    ),
)
