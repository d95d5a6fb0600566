"""The counts that outlive a process: which observation counts as what. Pure.

A counter that begins at 0 with each process loses what was counted since the last scrape. So the
counts of flows that started, ended and failed are kept in the journal, and go on after a restart.
"""

from collections.abc import Iterable
from typing import Final

from exporter.core.names import host_name
from exporter.core.observations import FlowEnded, FlowStarted, Observation, Outcome
from exporter.core.vocabulary import ERROR_CODES, OTHER

STARTED: Final = "started"
ENDED: Final = "ended"
FAILED: Final = "failed"
NONE: Final = "none"
MAX_DOMAINS: Final = 10_000
"""So many domains are kept apart; the rest share ``other``. More than any dashboard can tell."""

Key = tuple[str, ...]
"""``(started, flow_type, entry, domain)``, ``(ended, outcome, flow_type, observed, domain)`` or
``(failed, error_code, last_step, flow_type)``."""

FAILURES: Final = frozenset({Outcome.FAILED, Outcome.EXPIRED})


class Totals:
    """Counts by key, in the order in which the keys first came up."""

    def __init__(self) -> None:
        self.counts: dict[Key, int] = {}
        self._domains: set[str] = set()

    def restore(self, counts: Iterable[tuple[Key, int]]) -> None:
        """Go on from these."""
        for key, count in counts:
            self.counts[key] = count
            if key[0] in (STARTED, ENDED):
                self._domains.add(key[-1])

    def count(self, observation: Observation) -> list[Key]:
        """Count an observation; returns the keys whose counts changed."""
        keys: list[Key] = []
        match observation:
            case FlowStarted(flow=flow):
                domain = self._domain(flow.domain)
                keys.append((STARTED, flow.flow_type, observation.entry, domain))
            case FlowEnded(flow=flow, outcome=outcome):
                domain = self._domain(flow.domain)
                keys.append((ENDED, outcome, flow.flow_type, observation.observed, domain))
                if outcome in FAILURES:
                    code = _code(observation.error_code)
                    keys.append((FAILED, code, observation.last_step, flow.flow_type))
            case _:
                pass
        for key in keys:
            self.counts[key] = self.counts.get(key, 0) + 1
        return keys

    def _domain(self, domain: str) -> str:
        name = host_name(domain)
        if name not in self._domains:
            if len(self._domains) >= MAX_DOMAINS:
                return OTHER
            self._domains.add(name)
        return name


def _code(error_code: str | None) -> str:
    if not error_code:
        return NONE
    return error_code if error_code in ERROR_CODES else OTHER
