"""Observations to feed a sink with: one of each by hand, and arbitrary ones by hypothesis."""

import types
from enum import Enum
from typing import Any, get_args, get_origin

import msgspec
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exporter.core import totals
from exporter.core.observations import (
    Entry,
    FlowEnded,
    FlowRef,
    Observation,
    Observed,
    Outcome,
    StepFinished,
)
from exporter.core.vocabulary import ERROR_CODES

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS


def flow(
    connection_id: str = "conn-1",
    *,
    domain: str = "example.com",
    flow_type: str = "LOGIN",
    trace_id: int = 0xABC,
) -> FlowRef:
    return FlowRef(connection_id, domain, "profile", flow_type, START_NS, trace_id)


def ended(of: FlowRef, outcome: Outcome = Outcome.SUCCESS, **changes: Any) -> FlowEnded:
    whole = FlowEnded(
        flow=of,
        outcome=outcome,
        observed=Observed.STREAM,
        last_step="SUBMITTING",
        started_ns=START_NS,
        ended_ns=START_NS + 12 * SECOND_NS,
        error_code=None,
        error_message=None,
        incomplete=False,
        duration_ns=12 * SECOND_NS,
        waiting_ns=7 * SECOND_NS,
        working_ns=5 * SECOND_NS,
        facts=(),
    )
    return msgspec.structs.replace(whole, **changes)


def finished(of: FlowRef, step: str, next_: str | None, seconds: float) -> StepFinished:
    end_ns = START_NS + int(seconds * SECOND_NS)
    return StepFinished(of, step, 1, START_NS, end_ns, next_, seen_whole=True, facts=())


def total(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """The sum over the series of ``name`` that have these labels."""
    return sum(
        sample.value
        for metric in registry.restricted_registry([name]).collect()
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


_WORDS = ("", "LOGIN", "DISCOVERING", "SUCCESS", "NEEDS_AUTH", "Example.COM.", "a.example:80")
_TEXTS = st.sampled_from((*_WORDS, *ERROR_CODES)) | st.text(st.characters(), max_size=300)
_KEYS = st.one_of(
    st.tuples(st.just(totals.STARTED), _TEXTS, st.sampled_from(Entry) | _TEXTS, _TEXTS),
    st.tuples(
        st.just(totals.ENDED),
        st.sampled_from(Outcome) | _TEXTS,
        _TEXTS,
        st.sampled_from(Observed) | _TEXTS,
        _TEXTS,
    ),
    st.tuples(st.just(totals.FAILED), _TEXTS, _TEXTS, _TEXTS),
    st.lists(_TEXTS, max_size=6).map(tuple),
)
TOTALS = st.lists(st.tuples(_KEYS, st.integers(0, 2**63 - 1)), max_size=4).map(tuple)
"""What a journal may hold, and what it should not."""

_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "trace_id": st.integers(1, 2**128 - 1),
    "linked_trace_id": st.integers(0, 2**128 - 1),
    "lag_ns": st.none() | st.integers(-(2**63), 2**63),
    "code": st.none() | st.integers(),
    "duration_seconds": st.floats(0, 1e9),
    "requests_per_minute": st.floats(0, 1e9),
    "counts": TOTALS,
}
_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXTS,
    int: st.integers(0, 2**63 - 1),
    bool: st.booleans(),
    type(None): st.none(),
}


def _of(kind: Any) -> st.SearchStrategy[Any]:
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if isinstance(kind, types.UnionType):
        return st.one_of(*(_of(each) for each in get_args(kind)))
    if get_origin(kind) is tuple:
        return st.lists(_of(get_args(kind)[0]), max_size=2).map(tuple)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    members = msgspec.structs.fields(kind)
    return st.builds(
        kind,
        **{x.name: _BY_NAME[x.name] if x.name in _BY_NAME else _of(x.type) for x in members},
    )


def _in_order(observation: Observation) -> Observation:
    """No visit ends before it began: that much the core promises."""
    if isinstance(observation, StepFinished) and observation.duration_ns < 0:
        return msgspec.structs.replace(observation, finished_ns=observation.entered_ns)
    return observation


OBSERVATIONS: st.SearchStrategy[Observation] = _of(Observation).map(_in_order)
