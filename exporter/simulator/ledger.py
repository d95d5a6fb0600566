"""What really happened, one record a flow: the truth that an exporter's output is compared with."""

from collections import Counter

import msgspec


class StepVisit(msgspec.Struct):
    """One visit of a working step, in Unix nanoseconds; ``next`` is the state it left for.

    ``left_ns`` is None while it lasts. ``next`` is None then, and where a newer flow superseded it.
    """

    step: str
    entered_ns: int
    left_ns: int | None = None
    next: str | None = None


class WebsiteErrorShown(msgspec.Struct):
    """The website showed ``text``: once per text until SUBMITTING is entered again."""

    text: str
    step: str


class InputRequested(msgspec.Struct):
    """A visit of AWAITING_INPUT; ``retry`` when the flow asked for that kind before."""

    kind: str
    retry: bool


class FlowRecord(msgspec.Struct):
    """One flow from its start to its outcome.

    ``outcome`` is ``success``, ``failed``, ``expired``, ``canceled``, ``superseded``, or None while
    the flow runs. ``illegal`` holds the reasons that a checker should give, one for each move or
    event that broke the rules. ``flow_id`` is the id of the flow's timeline entry, ``created_ns``
    is that entry's timestamp, and ``started_ns`` is when the first step was reported.
    ``final_step`` is the step that the terminal status was reported with, which may be COMPLETED;
    None where there is no such report.
    """

    flow_id: str
    connection_id: str
    domain: str
    profile_name: str
    flow_type: str
    scenario: str
    browser_session_id: str
    created_ns: int
    started_ns: int
    steps: list[StepVisit] = []
    website_errors: list[WebsiteErrorShown] = []
    input_requests: list[InputRequested] = []
    illegal: list[str] = []
    outcome: str | None = None
    error_code: str | None = None
    final_step: str | None = None
    ended_ns: int | None = None


class Total(msgspec.Struct, frozen=True):
    """How many flows ended alike."""

    outcome: str
    flow_type: str
    domain: str
    count: int


class Ledger:
    """All flows of a simulator's life, in the order in which they began."""

    def __init__(self) -> None:
        self.flows: list[FlowRecord] = []
        self._unfinished: dict[str, FlowRecord] = {}

    def open(self, record: FlowRecord) -> None:
        """A flow began."""
        self.flows.append(record)
        self._unfinished[record.flow_id] = record

    def close(self, record: FlowRecord, outcome: str, ended_ns: int) -> None:
        """A flow ended."""
        record.outcome = outcome
        record.ended_ns = ended_ns
        del self._unfinished[record.flow_id]

    def ended(self) -> list[FlowRecord]:
        """The flows that have an outcome."""
        return [record for record in self.flows if record.outcome is not None]

    def running(self) -> list[FlowRecord]:
        """The flows that have none yet."""
        return list(self._unfinished.values())

    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many flows ended, by (outcome, flow_type, domain)."""
        return Counter(
            (record.outcome, record.flow_type, record.domain)
            for record in self.flows
            if record.outcome is not None
        )

    def to_json(self) -> bytes:
        """The whole ledger: ``flows``, ``totals`` and the number of ``running`` flows."""
        totals = [Total(*key, count) for key, count in sorted(self.counts().items())]
        whole = {"flows": self.flows, "totals": totals, "running": len(self._unfinished)}
        return msgspec.json.encode(whole)
