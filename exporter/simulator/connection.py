"""A simulated auth connection: what the API shows of it, its timeline, and its newest flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.simulator.clock import rfc3339
from exporter.simulator.timeline import Timeline, TimelineEntry

if TYPE_CHECKING:
    from exporter.simulator.flow import Flow
    from exporter.simulator.hub import Hub

HEALTH_CHECK_INTERVAL_SECONDS = 3600


class Connection:
    """One browser profile that is to stay logged in to one domain."""

    def __init__(
        self,
        connection_id: str,
        domain: str,
        profile_name: str,
        status: str,
        hub: Hub,
        timeline: Timeline | None = None,
    ) -> None:
        self.id = connection_id
        self.domain = domain
        self.profile_name = profile_name
        self.status = status
        self.searchable = f"{connection_id} {domain} {profile_name}".lower()
        self.hub = hub
        self.timeline = timeline or Timeline()
        self.options: dict[str, object] = {}
        self.flow: Flow | None = None
        self.last_auth_ns: int | None = None
        self.last_check_ns: int | None = None
        self._reported_ns = 0

    @property
    def running_flow(self) -> Flow | None:
        """The flow in progress, if there is one."""
        return self.flow if self.flow is not None and not self.flow.is_over else None

    def tick(self, now_ns: int) -> int:
        """The time of the next report: a clock that steps back must not look like a misdeed."""
        self._reported_ns = max(now_ns, self._reported_ns)
        return self._reported_ns

    def check(self, check_id: str, now_ns: int, finds: str) -> None:
        """A health check finds the session AUTHENTICATED or, before every REAUTH, NEEDS_AUTH."""
        now_ns = self.tick(now_ns)
        entry = TimelineEntry(
            id=check_id,
            type="health_check",
            timestamp=rfc3339(now_ns),
            status=finds,
            previous_status=self.status,
        )
        self.timeline.put(entry, now_ns)
        self.status = finds
        self.last_check_ns = now_ns

    def members(self) -> dict[str, object]:
        """The connection as the API shows it."""
        has_credential = self.last_auth_ns is not None or self.status == "AUTHENTICATED"
        shown: dict[str, object] = {
            "id": self.id,
            "domain": self.domain,
            "profile_name": self.profile_name,
            "status": self.status,
            "record_session": False,
            "save_credentials": True,
            "health_checks": True,
            "health_check_interval": HEALTH_CHECK_INTERVAL_SECONDS,
            "auto_reauth": True,
            "can_reauth": has_credential,
            "can_reauth_reason": "has_credential" if has_credential else "no_credential",
            "last_auth_at": rfc3339(self.last_auth_ns) if self.last_auth_ns else None,
            "last_auth_check_at": rfc3339(self.last_check_ns) if self.last_check_ns else None,
            "flow_status": None,
            "flow_step": None,
            "flow_type": None,
            "flow_expires_at": None,
            **self.options,
        }
        if self.flow is not None:
            shown |= self.flow.connection_members()
        return shown
