"""The labels: which values each may take, and what becomes of a value that is not among them.

What comes down a stream is the upstream's free choice; what becomes a label is ours. Kernel's words
are from its API reference for managed auth (``flow_type``, ``flow_step``, ``error_code``,
``can_reauth_reason``).
"""

from collections.abc import Callable
from typing import Final

import msgspec

from exporter.core.machine import FlowState
from exporter.core.observations import (
    Entry,
    GapCause,
    IllegalReason,
    InputKind,
    Observed,
    Outcome,
    StreamEndReason,
    StreamEventKind,
    TimelineResult,
)
from exporter.core.vocabulary import ERROR_CODES, FLOW_TYPES, OTHER
from exporter.core.website_errors import CATEGORIES

UNKNOWN: Final = "unknown"
NONE: Final = "none"

BLOCKED_REASONS: Final = (
    "no_prior_successful_login",
    "no_credential",
    "no_viable_plans",
    "viable_plans_require_external_action",
    "requires_external_action",
    "requires_totp_without_secret",
    "requires_sms_code",
    "requires_email_code",
    "requires_customer_input",
)
_AFFIRMATIVE_REASONS: Final = (
    "external_credential",
    "cua_has_credential",
    "has_credential",
    "viable_plans_found",
    "no_requirements_recorded",
    "totp_reauth_allowed",
    "optimistic_totp_attempt",
    "requirements_satisfiable",
)
ENDPOINTS: Final = ("list", "retrieve", "events", "timeline")
NEEDS_AUTH: Final = "NEEDS_AUTH"
CONNECTION_STATUSES: Final = ("AUTHENTICATED", NEEDS_AUTH)


class Label(msgspec.Struct, frozen=True):
    """A label and its allowed values.

    ``known`` may appear as they are; anything else becomes ``other``, nothing at all ``absent``.
    Without these two the values come from an enumeration of ours and cannot surprise. ``free``
    says in words what bounds the values where they cannot be listed.
    """

    name: str
    meaning: str
    known: tuple[str, ...] = ()
    other: str | None = None
    absent: str | None = None
    free: str | None = None

    @property
    def values(self) -> tuple[str, ...]:
        """Every value that the label may take, without doubles."""
        fallbacks = (value for value in (self.other, self.absent) if value is not None)
        return tuple(dict.fromkeys((*self.known, *fallbacks)))

    def bounded(self) -> Callable[[str | None], str]:
        """A function from whatever the upstream said to an allowed value.

        Raises:
            ValueError: the label has no value for what is not known.
        """
        other = self.other
        if other is None:
            raise ValueError(f"the label {self.name} has no value for the unknown")
        absent = self.absent if self.absent is not None else other
        table: dict[str | None, str] = {value: value for value in self.known}
        table |= {None: absent, "": absent}

        def bound(value: str | None) -> str:
            return table.get(value, other)

        return bound


FLOW_TYPE: Final = Label(
    "flow_type", "who began the flow: somebody, or a health check", FLOW_TYPES, other=UNKNOWN
)
STEP: Final = Label("step", "the step that the flow was in", tuple(FlowState), other=UNKNOWN)
LAST_STEP: Final = Label("last_step", "the last working step", tuple(FlowState), other=UNKNOWN)
NEXT: Final = Label(
    "next", "the state that the flow left the step for", tuple(FlowState), other=UNKNOWN
)
FROM: Final = Label("from", "the state before the finding", tuple(FlowState), other=UNKNOWN)
TO: Final = Label("to", "the state that the event named", tuple(FlowState), other=UNKNOWN)
ENTRY: Final = Label("entry", "how the flow came to be known", tuple(Entry))
OUTCOME: Final = Label("outcome", "how the flow ended", tuple(Outcome))
OBSERVED: Final = Label("observed", "what told that the flow had ended", tuple(Observed))
ERROR_CODE: Final = Label(
    "error_code", "Kernel's code for the failure", ERROR_CODES, other=OTHER, absent=NONE
)
CATEGORY: Final = Label(
    "category", "what the website's error message is about", CATEGORIES, other=OTHER
)
KIND: Final = Label("kind", "what was asked for", tuple(InputKind))
RETRY: Final = Label("retry", "whether that was asked for before in the flow", ("true", "false"))
ILLEGAL_REASON: Final = Label("reason", "what is wrong with the transition", tuple(IllegalReason))
CAUSE: Final = Label("cause", "why part of the flow went unseen", tuple(GapCause))
STATUS: Final = Label("status", "the status of the connection", CONNECTION_STATUSES, other=UNKNOWN)
BLOCKED_REASON: Final = Label(
    "reason",
    "Kernel's `can_reauth_reason`",
    (*BLOCKED_REASONS, *_AFFIRMATIVE_REASONS),
    other=OTHER,
    absent=NONE,
)
TIMELINE_RESULT: Final = Label("result", "what the entry turned out to be", tuple(TimelineResult))
HEALTH: Final = Label("result", "what the health check found", CONNECTION_STATUSES, other=UNKNOWN)
EVENT: Final = Label("event", "the kind of message", tuple(StreamEventKind))
END_REASON: Final = Label("reason", "why the stream ended", tuple(StreamEndReason))
ENDPOINT: Final = Label("endpoint", "the call of the API", ENDPOINTS, other=OTHER)
CODE: Final = Label(
    "code",
    "the HTTP status, `none` where no answer came",
    absent=NONE,
    free="an HTTP status from 100 to 599, or `none`",
)
OVERFLOWED: Final = Label("label", "the label that was full", ("domain",))
SINK: Final = Label("sink", "the sink", free="the sinks that this process runs")
SIDE: Final = Label("side", "which side of the exporter", ("source", "sink"))
DOMAIN: Final = Label(
    "domain",
    "the domain of the connection",
    free=(
        "a host name, lower-case: the first `--metrics.max-domains` (200) that are seen keep their "
        "name, later ones share `other`; `unknown` where there is none, or no host name; absent "
        "with `--no-metrics.domain-label`"
    ),
)
VERSION: Final = Label("version", "the version of the exporter", free="one value")
REVISION: Final = Label("revision", "the revision that it was built from", free="one value")
PYTHON: Final = Label("python", "the version of Python", free="one value")


def status_code(code: int | None) -> str:
    """The value of the ``code`` label; status codes are three digits (RFC 9110, section 15)."""
    return str(code) if code is not None and 100 <= code <= 599 else NONE
