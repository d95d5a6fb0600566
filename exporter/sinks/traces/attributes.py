"""Every attribute and event that a span may carry, once.

The builder takes its keys from here, and the documentation is written from the table below.

Names follow the OpenTelemetry semantic conventions where one exists: ``server.address`` and
``error.type``, both stable, of the attribute registry at
https://opentelemetry.io/docs/specs/semconv/registry/attributes/. The rest is under
``managed_auth``, as https://opentelemetry.io/docs/specs/semconv/general/naming/ asks of names that
are specific to an application.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from opentelemetry.semconv.attributes import error_attributes, server_attributes

SERVER_ADDRESS: Final = server_attributes.SERVER_ADDRESS
ERROR_TYPE: Final = error_attributes.ERROR_TYPE
ERROR_TYPE_OTHER: Final = error_attributes.ErrorTypeValues.OTHER.value
CONNECTION_ID: Final = "managed_auth.connection.id"
PROFILE_NAME: Final = "managed_auth.profile.name"
FLOW_TYPE: Final = "managed_auth.flow.type"
FLOW_OUTCOME: Final = "managed_auth.flow.outcome"
FLOW_OBSERVED: Final = "managed_auth.flow.observed"
FLOW_LAST_STEP: Final = "managed_auth.flow.last_step"
FLOW_WAITING: Final = "managed_auth.flow.waiting_seconds"
FLOW_WORKING: Final = "managed_auth.flow.working_seconds"
STEP_ORDINAL: Final = "managed_auth.step.ordinal"
STEP_NEXT: Final = "managed_auth.step.next"
INCOMPLETE: Final = "managed_auth.incomplete"
ERROR_CODE: Final = "managed_auth.error.code"
ERROR_MESSAGE: Final = "managed_auth.error.message"
WEBSITE_ERROR_TEXT: Final = "managed_auth.website_error.text"
INPUT_KIND: Final = "managed_auth.input.kind"
INPUT_RETRY: Final = "managed_auth.input.retry"
TRANSITION_REASON: Final = "managed_auth.transition.reason"
TRANSITION_SOURCE: Final = "managed_auth.transition.source"
TRANSITION_TARGET: Final = "managed_auth.transition.target"
GAP_CAUSE: Final = "managed_auth.gap.cause"


class Carrier(StrEnum):
    """What can carry attributes: the two kinds of spans, and the span events by their names."""

    FLOW_SPAN = "flow span"
    STEP_SPAN = "step span"
    WEBSITE_ERROR = "managed_auth.website_error"
    INPUT_REQUESTED = "managed_auth.input_requested"
    ILLEGAL_TRANSITION = "managed_auth.illegal_transition"
    GAP = "managed_auth.gap"


SPANS: Final = (Carrier.FLOW_SPAN, Carrier.STEP_SPAN)


class Attribute(NamedTuple):
    """One attribute: its key, its OTLP type, what carries it, and what it says."""

    key: str
    type: str
    carriers: tuple[Carrier, ...]
    meaning: str


ATTRIBUTES: Final = (
    Attribute(SERVER_ADDRESS, "string", SPANS, "the domain of the website that is logged in to"),
    Attribute(
        ERROR_TYPE,
        "string",
        (*SPANS, Carrier.WEBSITE_ERROR),
        "on a flow that failed or expired: its error code, else `_OTHER` or `expired`;"
        " on the step that it ended in: the category of the last website error there, else"
        " `_OTHER` or `expired`; on a website error: its category",
    ),
    Attribute(CONNECTION_ID, "string", SPANS, "the auth connection"),
    Attribute(PROFILE_NAME, "string", SPANS, "the browser profile that the connection keeps"),
    Attribute(FLOW_TYPE, "string", SPANS, "`LOGIN`, `REAUTH` or `unknown`"),
    Attribute(
        FLOW_OUTCOME,
        "string",
        (Carrier.FLOW_SPAN,),
        "`success`, `failed`, `expired`, `canceled`, `superseded` or `unknown`",
    ),
    Attribute(
        FLOW_OBSERVED,
        "string",
        (Carrier.FLOW_SPAN,),
        "what told of the end: `stream`, `listing` or `timeline`",
    ),
    Attribute(FLOW_LAST_STEP, "string", (Carrier.FLOW_SPAN,), "the last working step"),
    Attribute(
        FLOW_WAITING,
        "double",
        (Carrier.FLOW_SPAN,),
        "seconds spent waiting for a human; absent where that was not seen whole",
    ),
    Attribute(
        FLOW_WORKING,
        "double",
        (Carrier.FLOW_SPAN,),
        "seconds spent on everything else; absent where that was not seen whole",
    ),
    Attribute(
        STEP_ORDINAL, "int", (Carrier.STEP_SPAN,), "which visit of a step in the flow, from 1"
    ),
    Attribute(
        STEP_NEXT,
        "string",
        (Carrier.STEP_SPAN,),
        "the state that it left for; absent where a newer flow or silence ended it",
    ),
    Attribute(
        INCOMPLETE,
        "boolean",
        SPANS,
        "whether part of it went unseen, a skipped step included: then its times bound it, but do"
        " not measure it",
    ),
    Attribute(ERROR_CODE, "string", (Carrier.FLOW_SPAN,), "Kernel's `error_code`, if it gave one"),
    Attribute(
        ERROR_MESSAGE, "string", (Carrier.FLOW_SPAN,), "Kernel's `error_message`, redacted and cut"
    ),
    Attribute(
        WEBSITE_ERROR_TEXT,
        "string",
        (Carrier.WEBSITE_ERROR,),
        "what the website showed, redacted and cut",
    ),
    Attribute(
        INPUT_KIND,
        "string",
        (Carrier.INPUT_REQUESTED,),
        "`credentials`, `one_time_code`, `mfa_choice`, `sso`, `account_choice` or `other`",
    ),
    Attribute(
        INPUT_RETRY,
        "boolean",
        (Carrier.INPUT_REQUESTED,),
        "whether that kind was asked for before in the flow, or refused",
    ),
    Attribute(
        TRANSITION_REASON,
        "string",
        (Carrier.ILLEGAL_TRANSITION,),
        "why it is not what the API promises, such as `skipped_step`",
    ),
    Attribute(TRANSITION_SOURCE, "string", (Carrier.ILLEGAL_TRANSITION,), "the state before"),
    Attribute(TRANSITION_TARGET, "string", (Carrier.ILLEGAL_TRANSITION,), "the state after"),
    Attribute(
        GAP_CAUSE,
        "string",
        (Carrier.GAP,),
        "why part of the flow went unseen: `reconnect`, `restart` or `takeover`",
    ),
)
