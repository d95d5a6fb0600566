"""What is written down about one flow: its record in the ledger and its entry in the timeline."""

import msgspec

from exporter.simulator.clock import rfc3339
from exporter.simulator.connection import Connection
from exporter.simulator.ledger import (
    FlowRecord,
    InputRequested,
    Ledger,
    StepVisit,
    WebsiteErrorShown,
)
from exporter.simulator.timeline import TimelineEntry

FIRST_STEP = "DISCOVERING"
"""Where every flow begins."""


class Notes:
    """Keeps the ledger's record and the timeline's entry of a flow in step."""

    def __init__(self, record: FlowRecord, connection: Connection, ledger: Ledger) -> None:
        self.record = record
        self._connection = connection
        self._ledger = ledger
        self._shown_texts: set[str] = set()
        self._asked_kinds: set[str] = set()
        self._entry = TimelineEntry(
            id=record.flow_id,
            type=record.flow_type.lower(),
            timestamp=rfc3339(record.created_ns),
            status="IN_PROGRESS",
            step="INITIALIZED",
            browser_session_id=record.browser_session_id,
        )
        ledger.open(record)
        self._note(record.created_ns)

    @property
    def step(self) -> str:
        """The working step that the flow is in, or died in."""
        return self.record.steps[-1].step if self.record.steps else FIRST_STEP

    def entered(self, step: str, now_ns: int) -> None:
        """The flow moved to a working step; a new submission is a new attempt."""
        if not self.record.steps:
            self.record.started_ns = now_ns
        self._left(step, now_ns)
        self.record.steps.append(StepVisit(step, now_ns))
        self._note(now_ns, step=step)
        if step == "SUBMITTING":
            self._shown_texts.clear()

    def asked(self, kind: str) -> None:
        """A person was asked for input."""
        self.record.input_requests.append(InputRequested(kind, kind in self._asked_kinds))
        self._asked_kinds.add(kind)

    def showed(self, text: str, now_ns: int) -> None:
        """The website shows an error: the same text counts once an attempt."""
        self._note(now_ns, website_error=text)
        if text not in self._shown_texts:
            self._shown_texts.add(text)
            self.record.website_errors.append(WebsiteErrorShown(text, self.step))

    def ended(
        self, status: str, step: str, now_ns: int, code: str | None, message: str | None
    ) -> None:
        """The flow reached a terminal status, reported with that step."""
        self._left(status, now_ns)
        self.record.error_code, self.record.final_step = code, step
        self._close(status, step, now_ns, error_code=code, error_message=message)
        self._ledger.close(self.record, status.lower(), now_ns)
        if status == "SUCCESS":
            self._connection.status = "AUTHENTICATED"
            self._connection.last_auth_ns = now_ns
        elif status == "FAILED":
            self._connection.status = "NEEDS_AUTH"

    def superseded(self, now_ns: int) -> None:
        """Another login took the connection over; the timeline knows that as EXPIRED."""
        self._left(None, now_ns)
        self._close("EXPIRED", "EXPIRED", now_ns)
        self._ledger.close(self.record, "superseded", now_ns)

    def _left(self, target: str | None, now_ns: int) -> None:
        if self.record.steps:
            visit = self.record.steps[-1]
            visit.left_ns, visit.next = now_ns, target

    def _close(self, status: str, step: str, now_ns: int, **more: str | None) -> None:
        step = "EXPIRED" if status == "EXPIRED" else step
        self._note(now_ns, status=status, step=step, completed_at=rfc3339(now_ns), **more)

    def _note(self, now_ns: int, **changes: str | None) -> None:
        """The entry changes, and the timeline shows it (as soon as it shows anything)."""
        changes["updated_at"] = rfc3339(now_ns)
        self._entry = msgspec.structs.replace(self._entry, **changes)
        self._connection.timeline.put(self._entry, now_ns)
