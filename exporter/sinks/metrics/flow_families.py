"""The families that say what happened to logins."""

from itertools import product
from typing import Final

from exporter.core.machine import WAITING, WORKING, FlowState, fault, is_legal
from exporter.core.observations import Entry, IllegalReason, InputKind, Observed, Outcome
from exporter.core.vocabulary import ERROR_CODES, FLOW_TYPES, OTHER
from exporter.core.website_errors import CATEGORIES
from exporter.sinks.metrics.family import Family, Kind
from exporter.sinks.metrics.labels import (
    CATEGORY,
    CAUSE,
    DOMAIN,
    ENTRY,
    ERROR_CODE,
    FLOW_TYPE,
    FROM,
    ILLEGAL_REASON,
    KIND,
    LAST_STEP,
    NEXT,
    NONE,
    OBSERVED,
    OUTCOME,
    RETRY,
    STEP,
    TO,
    UNKNOWN,
)

STEP_BUCKETS: Final[tuple[float, ...]] = (
    *(0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0),
    *(30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0),
)
FLOW_BUCKETS: Final[tuple[float, ...]] = (*STEP_BUCKETS, 900.0, 1200.0)
"""Kernel gives a flow 10 minutes for input and 20 minutes overall."""

_KERNELS: Final = (Outcome.SUCCESS, Outcome.FAILED, Outcome.EXPIRED, Outcome.CANCELED)
_OBSERVABLE: Final = (
    *product((*_KERNELS, Outcome.SUPERSEDED), (Observed.STREAM,)),
    *product((*_KERNELS, Outcome.SUPERSEDED, Outcome.UNKNOWN), (Observed.LISTING,)),
    *product((*_KERNELS, Outcome.SUPERSEDED), (Observed.TIMELINE,)),
)
_USUAL_MOVES: Final = (
    (FlowState.DISCOVERING, FlowState.AWAITING_INPUT),
    (FlowState.DISCOVERING, FlowState.SUBMITTING),
    (FlowState.AWAITING_INPUT, FlowState.SUBMITTING),
    (FlowState.SUBMITTING, FlowState.AWAITING_INPUT),
    (FlowState.SUBMITTING, FlowState.AWAITING_EXTERNAL_ACTION),
    (FlowState.SUBMITTING, FlowState.SUCCESS),
    (FlowState.SUBMITTING, FlowState.FAILED),
    (FlowState.AWAITING_EXTERNAL_ACTION, FlowState.SUCCESS),
)
_TO_WORK: Final = tuple(pair for pair in product(FlowState, WORKING) if is_legal(*pair))
_OF_THE_MOVE: Final = tuple(
    (reason, *pair) for pair in product(FlowState, FlowState) if (reason := fault(*pair))
)
_OF_THE_EVENT: Final = (
    IllegalReason.STATUS_STEP_MISMATCH,
    IllegalReason.TIMESTAMP_REGRESSION,
    IllegalReason.FLOW_TYPE_CHANGED,
    IllegalReason.UNKNOWN_FLOW_TYPE,
)
_FINDINGS: Final = (
    *(finding for finding in _OF_THE_MOVE if finding[2] is not FlowState.IDLE),
    *product((IllegalReason.UNKNOWN_STATUS, IllegalReason.UNKNOWN_STEP), FlowState, (UNKNOWN,)),
    *((IllegalReason.MISSING_PAUSE_DETAILS, *pair) for pair in _TO_WORK if pair[1] in WAITING),
    *((reason, *pair) for reason, pair in product(_OF_THE_EVENT, _TO_WORK)),
)
"""What the table of moves makes possible, as far as it can be listed: an event may be at fault in
any other move as well."""

FLOWS_STARTED: Final = Family(
    "managed_auth_flows_started_total",
    Kind.COUNTER,
    "Login flows that began to be followed.",
    "FlowStarted, TotalsRestored",
    (FLOW_TYPE, ENTRY, DOMAIN),
    preset=tuple(product(FLOW_TYPES, Entry)),
)
FLOWS_ENDED: Final = Family(
    "managed_auth_flows_ended_total",
    Kind.COUNTER,
    "Login flows that ended, by outcome and by what told of it.",
    "FlowEnded, TotalsRestored",
    (OUTCOME, FLOW_TYPE, OBSERVED, DOMAIN),
    preset=tuple(
        (outcome, flow_type, observed)
        for (outcome, observed), flow_type in product(_OBSERVABLE, FLOW_TYPES)
    ),
)
FLOW_FAILURES: Final = Family(
    "managed_auth_flow_failures_total",
    Kind.COUNTER,
    "Login flows that ended as failed or expired, by Kernel's error code and the last step.",
    "FlowEnded with outcome failed or expired, TotalsRestored",
    (ERROR_CODE, LAST_STEP, FLOW_TYPE),
    # The timeline rarely tells the last working step of a flow that is over: hence the unknown one.
    preset=tuple(product((*ERROR_CODES, OTHER, NONE), (*WORKING, UNKNOWN), FLOW_TYPES)),
    exemplar=True,
)
FLOWS_IN_PROGRESS: Final = Family(
    "managed_auth_flows_in_progress",
    Kind.GAUGE,
    "Login flows that are in this step now.",
    "StepEntered, FlowEnded, FlowResumed",
    (STEP, FLOW_TYPE),
    preset=tuple(product(WORKING, FLOW_TYPE.values)),
)
OLDEST_STEP_ENTERED: Final = Family(
    "managed_auth_oldest_step_entered_timestamp_seconds",
    Kind.GAUGE,
    "Unix time at which the flow that has been in this step for longest entered it; "
    "no series for a step that no flow is in.",
    "StepEntered, FlowEnded, FlowResumed",
    (STEP,),
)
OLDEST_FLOW_STARTED: Final = Family(
    "managed_auth_oldest_flow_started_timestamp_seconds",
    Kind.GAUGE,
    "Unix time at which the flow that has been open for longest began, or was first seen; "
    "no series while no flow is open.",
    "FlowStarted, StepEntered, FlowEnded, FlowResumed",
)
FLOW_DURATION: Final = Family(
    "managed_auth_flow_duration_seconds",
    Kind.HISTOGRAM,
    "Time from the start of a login flow to its end, by the server's clock.",
    "FlowEnded, where start and end were seen",
    (OUTCOME, FLOW_TYPE),
    FLOW_BUCKETS,
    preset=tuple(product(_KERNELS, FLOW_TYPES)),
    exemplar=True,
)
FLOW_WAITING: Final = Family(
    "managed_auth_flow_waiting_seconds",
    Kind.HISTOGRAM,
    "The part of a login flow that was spent waiting for a human.",
    "FlowEnded, where the flow was seen whole",
    (OUTCOME, FLOW_TYPE),
    FLOW_BUCKETS,
    preset=tuple(product(_KERNELS, FLOW_TYPES)),
    exemplar=True,
)
FLOW_WORKING: Final = Family(
    "managed_auth_flow_working_seconds",
    Kind.HISTOGRAM,
    "The part of a login flow that was not spent waiting for a human.",
    "FlowEnded, where the flow was seen whole",
    (OUTCOME, FLOW_TYPE),
    FLOW_BUCKETS,
    preset=tuple(product(_KERNELS, FLOW_TYPES)),
    exemplar=True,
)
STEP_DURATION: Final = Family(
    "managed_auth_step_duration_seconds",
    Kind.HISTOGRAM,
    "Time that a login flow spent in one visit of a step, by the server's clock.",
    "StepFinished, where the visit was seen whole and the state it left for is known",
    (STEP, FLOW_TYPE, NEXT),
    STEP_BUCKETS,
    preset=tuple((step, kind, to) for (step, to), kind in product(_USUAL_MOVES, FLOW_TYPES)),
    exemplar=True,
)
WEBSITE_ERRORS: Final = Family(
    "managed_auth_website_errors_total",
    Kind.COUNTER,
    "Error messages that websites showed during login flows, by category.",
    "FactNoted with a WebsiteError",
    (CATEGORY, STEP, DOMAIN),
    # A website answers what was submitted: with all four steps it would be twice the series for
    # each domain, for the sake of the rare message that greets a visitor.
    preset=tuple(product(CATEGORIES, (FlowState.AWAITING_INPUT, FlowState.SUBMITTING))),
)
INPUT_REQUESTS: Final = Family(
    "managed_auth_input_requests_total",
    Kind.COUNTER,
    "Times that a login flow asked for input.",
    "FactNoted with an InputRequest",
    (KIND, RETRY),
    preset=tuple(product(InputKind, ("true", "false"))),
)
ILLEGAL_TRANSITIONS: Final = Family(
    "managed_auth_illegal_transitions_total",
    Kind.COUNTER,
    "Events that broke the rules for the transitions of a login flow.",
    "FactNoted with an IllegalTransition",
    (ILLEGAL_REASON, FROM, TO),
    preset=_FINDINGS,
)
GAPS: Final = Family(
    "managed_auth_gaps_total",
    Kind.COUNTER,
    "Stretches of login flows that nobody watched.",
    "FactNoted with a Gap",
    (CAUSE,),
    preset=tuple((cause,) for cause in CAUSE.values),
)

FLOW_FAMILIES: Final = (
    FLOWS_STARTED,
    FLOWS_ENDED,
    FLOW_FAILURES,
    FLOWS_IN_PROGRESS,
    OLDEST_STEP_ENTERED,
    OLDEST_FLOW_STARTED,
    FLOW_DURATION,
    FLOW_WAITING,
    FLOW_WORKING,
    STEP_DURATION,
    WEBSITE_ERRORS,
    INPUT_REQUESTS,
    ILLEGAL_TRANSITIONS,
    GAPS,
)
