"""A running flow: its present state, and what it reports to the streams of its connection."""

import json
from collections.abc import Mapping
from random import Random

from exporter.simulator.clock import Clock, rfc3339
from exporter.simulator.connection import Connection
from exporter.simulator.ledger import FlowRecord, Ledger
from exporter.simulator.notes import FIRST_STEP, Notes
from exporter.simulator.prompts import SECRET_MARK, Prompt
from exporter.simulator.script import Forged, Scenario

EXPIRES_SECONDS = 1200.0
"""Kernel's limit for a whole flow: 20 minutes (Kernel's docs, programmatic auth)."""

_STATE = "managed_auth_state"
_NS_PER_S = 1_000_000_000


class Flow:
    """One attempt to log a connection in, as the server sees it.

    ``scripted`` flows have a person who answers by itself; others wait for ``submit`` calls.
    """

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        connection: Connection,
        *,
        flow_type: str,
        scripted: bool,
        rng: Random,
        clock: Clock,
        ledger: Ledger,
    ) -> None:
        self.id = f"flow_{rng.getrandbits(64):016x}"
        self.scenario = scenario
        self.connection = connection
        self.scripted = scripted
        self.rng = rng
        self.refusals = list(scenario.refusals)
        self.prompt: Prompt | None = None
        self.interaction_id: str | None = None
        self.is_over = False
        self._clock = clock
        started_ns = self._tick()
        self.expires_ns = started_ns + self._lifetime_ns()
        token = f"{SECRET_MARK}-{rng.getrandbits(64):016x}"
        self.hosted_url = f"https://login.simulator.example/{connection.id}?code={token}"
        self.live_view_url = f"https://live.simulator.example/view/{token}?jwt={token}"
        self.handoff_code = f"handoff-{token}"
        self._interactions = 0
        record = FlowRecord(
            flow_id=self.id,
            connection_id=connection.id,
            domain=connection.domain,
            profile_name=connection.profile_name,
            flow_type=flow_type,
            scenario=name,
            browser_session_id=f"browser_{rng.getrandbits(64):016x}",
            created_ns=started_ns,
            started_ns=started_ns,
        )
        self.notes = Notes(record, connection, ledger)
        self._state = self._base("IN_PROGRESS", FIRST_STEP)

    @property
    def record(self) -> FlowRecord:
        """What the ledger knows of this flow."""
        return self.notes.record

    def enter(
        self,
        step: str,
        *,
        prompt: Prompt | None = None,
        message: str | None = None,
        website_error: str | None = None,
        entry: Forged | None = None,
    ) -> None:
        """Moves to a working step and reports it (or what ``entry`` forges of it)."""
        self.notes.entered(step, self._tick())
        self.connection.hub.silent = False
        self._state = self._base("IN_PROGRESS", step) | {"external_action_message": message}
        self.prompt = prompt
        if prompt is not None:
            self._interactions += 1
            self.interaction_id = f"interaction_{self.id}_{self._interactions}"
            rejected = website_error is not None
            self._state |= prompt.members(self.interaction_id, rejected=rejected)
        if prompt is not None and step == "AWAITING_INPUT":
            self.notes.asked(prompt.kind)
        if website_error is not None:
            self._show(website_error)
        if entry is None:
            self._publish(self._state)
        else:
            self.forge(entry)

    def repeat(self, website_error: str | None = None) -> None:
        """Reports the same step again, with what the website shows now."""
        self._tick()
        if website_error is not None:
            self._show(website_error)
        self._publish(self._state)

    def forge(self, forged: Forged) -> None:
        """Reports something that is not true, once; the state stays as it is."""
        if forged.reason is not None:
            self.record.illegal.append(forged.reason)
        at_ns = self._tick() - round(forged.age_seconds * _NS_PER_S)
        self._publish({**self._state, **forged.members}, at_ns)

    def end(self, status: str, error_code: str | None = None, message: str | None = None) -> None:
        """Reaches a terminal status and reports it; the streams are the caller's to end."""
        now_ns = self._tick()
        # The API's history knows both forms: COMPLETED, and the step that the flow died in.
        completed = status == "SUCCESS" or self.rng.random() < 0.5
        step = "COMPLETED" if completed else self.notes.step
        shown = self._state.get("website_error") if status == "FAILED" else None
        self._state = self._base(status, step) | {
            "website_error": shown,
            "error_code": error_code,
            "error_message": message,
        }
        if status == "SUCCESS":
            landed = f"https://{self.connection.domain}/home"
            self._state["post_login_url"] = f"{landed}?session={SECRET_MARK}-post#{SECRET_MARK}"
        self._close()
        self.notes.ended(status, step, now_ns, error_code, message)
        self._publish(self._state)

    def supersede(self) -> None:
        """Another login takes the connection over: no event of its own, the next flow's tell it."""
        self._close()
        self.notes.superseded(self._tick())

    def snapshot(self, *, restamp: bool) -> list[bytes]:
        """The present state as a message, with the time of its last report or (restamp) of now.

        Nothing where nothing was reported yet: then the first report is about to come.
        """
        if not self.record.steps:
            return []
        at_ns = self._tick() if restamp else self._reported_ns
        return [self.connection.hub.encode(_STATE, self._encode(self._state, at_ns))]

    def connection_members(self) -> dict[str, object]:
        """What the connection shows of its newest flow."""
        running = not self.is_over
        return {
            **{key: value for key, value in self._state.items() if value is not None},
            "flow_expires_at": rfc3339(self.expires_ns) if running else None,
            "browser_session_id": self.record.browser_session_id if running else None,
        }

    def _lifetime_ns(self) -> int:
        seconds = self.scenario.expires_seconds
        if seconds is None and not self.scripted:
            return round(EXPIRES_SECONDS * _NS_PER_S)  # who calls the API lives in real time
        return self._clock.scaled_ns(EXPIRES_SECONDS if seconds is None else seconds)

    def _tick(self) -> int:
        self._reported_ns = self.connection.tick(self._clock.now_ns())
        return self._reported_ns

    def _base(self, status: str, step: str) -> dict[str, object]:
        flow_type = self.record.flow_type
        members: dict[str, object] = {
            "flow_status": status,
            "flow_step": step,
            "flow_type": flow_type,
        }
        if status == "IN_PROGRESS":
            members["live_view_url"] = self.live_view_url
            if flow_type == "LOGIN":
                members["hosted_url"] = self.hosted_url
        return members

    def _show(self, text: str) -> None:
        self._state["website_error"] = text
        self.notes.showed(text, self._reported_ns)

    def _close(self) -> None:
        self.is_over = True
        self.prompt = self.interaction_id = None

    def _publish(self, members: Mapping[str, object], at_ns: int | None = None) -> None:
        at_ns = self._reported_ns if at_ns is None else at_ns
        event = str(members.get("event", _STATE))
        self.connection.hub.publish(event, self._encode(members, at_ns))

    def _encode(self, members: Mapping[str, object], at_ns: int) -> bytes:
        known = {"event": _STATE, "timestamp": rfc3339(at_ns), **members}
        told = {key: value for key, value in known.items() if value is not None}
        return json.dumps({**told, **self.scenario.extra}, ensure_ascii=False).encode()
