"""What whoever generates rules and dashboards may choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

DEFAULT_SLO: Final[Mapping[str, float]] = MappingProxyType({"LOGIN": 0.90, "REAUTH": 0.95})
"""Share of flows that shall succeed. Somebody takes part in a LOGIN, and people err and give up."""

MAX_SLO: Final = 0.9999
MAX_SPEED: Final = 300.0
"""So fast that a rule of one minute runs five times a second: Prometheus does not get faster."""

MAX_INTERVAL_SECONDS: Final = 7 * 86_400.0
_NOT_IN_URLS: Final = set("#{}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the generator.

    Attributes:
        slo: flow type -> the share of its flows that shall succeed.
        min_flows: how many flows must have ended within the long window of a burn rate, so that
            one failure in a quiet night pages nobody.
        min_failures: how many of these must have failed or expired, for the same reason.
        timeline_interval_seconds: the exporter's ``--timeline.interval``.
        runbooks_url: what stands before ``#alertname`` in ``runbook_url``.
        grafana_url: what stands before ``/d/<dashboard>`` in ``dashboard_url``.
        speed: above 1, every window and every ``for`` is so many times shorter: for a demonstration
            in which logins are as much faster. The names of the rules stay the same.
    """

    slo: Mapping[str, float] = field(default_factory=lambda: DEFAULT_SLO)
    min_flows: int = 10
    min_failures: int = 5
    timeline_interval_seconds: float = 300.0
    runbooks_url: str = "docs/runbooks.md"
    grafana_url: str = "http://localhost:3000"
    speed: float = 1.0

    def __post_init__(self) -> None:
        """Refuses what cannot work.

        Raises:
            ValueError: with one line that names the setting and the mend.
        """
        checks = (
            *(
                (
                    0 < target <= MAX_SLO,
                    f"slo {kind}={target:g} is no share: it must be above 0 and at most {MAX_SLO}",
                )
                for kind, target in self.slo.items()
            ),
            (self.min_flows >= 1, "min-flows must be at least 1"),
            (self.min_failures >= 1, "min-failures must be at least 1"),
            (
                0 < self.timeline_interval_seconds < MAX_INTERVAL_SECONDS,
                f"timeline-interval must be above 0 and below {MAX_INTERVAL_SECONDS:g} seconds",
            ),
            *(
                (not set(url) & _NOT_IN_URLS, f"{name} must be a plain URL, without any of #{{}}")
                for name, url in (
                    ("runbooks-url", self.runbooks_url),
                    ("grafana-url", self.grafana_url),
                )
            ),
            (1 <= self.speed <= MAX_SPEED, f"speed must be 1 to {MAX_SPEED:g}"),
        )
        for holds, message in checks:
            if not holds:
                raise ValueError(message)
