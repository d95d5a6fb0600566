"""Decodes one message of the event stream: JSON text in, one typed event out, never an exception.

The shape of the messages is Kernel's (`GET /auth/connections/{id}/events` in its API reference).
The discriminator is the JSON member ``event``, as in the official SDKs; the SSE ``event:`` line is
ignored. Members that this version does not use are never built, so an unknown member costs nothing
and an odd value in an optional member does not lose the state that came with it.
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from exporter.core.observations import GapCause

WORKING_STEPS: Final = (
    "DISCOVERING",
    "AWAITING_INPUT",
    "AWAITING_EXTERNAL_ACTION",
    "SUBMITTING",
)
TERMINAL_STATUSES: Final = ("SUCCESS", "FAILED", "EXPIRED", "CANCELED")
IN_PROGRESS: Final = "IN_PROGRESS"
COMPLETED: Final = "COMPLETED"
FLOW_STATUSES: Final = frozenset({IN_PROGRESS, *TERMINAL_STATUSES})
FLOW_STEPS: Final = frozenset({COMPLETED, *WORKING_STEPS})
FLOW_TYPES: Final = ("LOGIN", "REAUTH")

MAX_TEXT: Final = 4096
"""Longest free text that is looked at, in characters. A website's error line is far shorter; more
would only cost time in redaction and classification."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_UNIX_NS: Final = 2**63 - 1


class Pause(msgspec.Struct, frozen=True):
    """What a flow that waits is waiting for, reduced to the kinds of it (values are never kept).

    ``field_types`` and ``choice_types`` hold Kernel's words (``password``, ``code``,
    ``mfa_method`` ...); ``rejected`` says that the website refused a value it was given before.
    """

    field_types: tuple[str, ...] = ()
    choice_types: tuple[str, ...] = ()
    mfa_options: bool = False
    sso_buttons: bool = False
    sign_in_options: bool = False
    external_action_message: bool = False
    rejected: bool = False
    interaction_id: str | None = None

    @property
    def asks(self) -> bool:
        """Whether there is anything in it that a person could fill in or choose."""
        return bool(
            self.field_types
            or self.choice_types
            or self.mfa_options
            or self.sso_buttons
            or self.sign_in_options
        )


NO_PAUSE: Final = Pause()


class StateEvent(msgspec.Struct, frozen=True):
    """``managed_auth_state``: where a flow stands, as the upstream reported it at ``at_ns``.

    The enumerations stay strings: a value that this version does not know is the flow tracker's
    to count, not the decoder's to refuse.
    """

    at_ns: int
    flow_status: str
    flow_step: str
    flow_type: str | None = None
    pause: Pause = NO_PAUSE
    website_error: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    hosted_url: str | None = None


class Heartbeat(msgspec.Struct, frozen=True):
    """``sse_heartbeat``: the stream is alive."""

    at_ns: int


class StreamError(msgspec.Struct, frozen=True):
    """``error``: the upstream reports a failure of the stream, not of the flow."""

    at_ns: int | None
    code: str


class UnknownEvent(msgspec.Struct, frozen=True):
    """An ``event`` of a later version of the API. Its name is hostile text: never a label."""


class WireError(msgspec.Struct, frozen=True):
    """A message that is not what the API promises; ``problem`` is ours and safe to show."""

    problem: str


Event = StateEvent | Heartbeat | StreamError | UnknownEvent | WireError


class Listing(msgspec.Struct, frozen=True):
    """A connection as the API showed it in a list or on its own: a sample, not a report.

    ``requested_ns`` and ``received_ns`` are local times around the request, so that a listing that
    was overtaken by the stream can be told. ``hosted_url`` is secret: it only ever serves, hashed,
    to tell one flow from another.
    """

    connection_id: str
    domain: str
    profile_name: str
    status: str
    requested_ns: int
    received_ns: int
    flow_status: str | None = None
    flow_step: str | None = None
    flow_type: str | None = None
    flow_expires_ns: int | None = None
    browser_session_id: str | None = None
    hosted_url: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    website_error: str | None = None
    can_reauth: bool | None = None
    can_reauth_reason: str | None = None


class StreamAttached(msgspec.Struct, frozen=True):
    """A stream was opened: its next state may repeat one already seen.

    ``after`` says what came before it when a stream of the same flow was lost or left; None for a
    fresh stream.
    """

    after: GapCause | None = None


class StreamDetached(msgspec.Struct, frozen=True):
    """The stream is gone; from now on a listing may end the flow."""


class DeadlineCheck(msgspec.Struct, frozen=True):
    """Time has passed without a stream: a flow beyond its ``flow_expires_at`` ends as unknown."""


class Forgotten(msgspec.Struct, frozen=True):
    """The connection is no more (404, 410, or gone from the list): what is open ends as unknown."""


TrackerInput = StateEvent | Listing | StreamAttached | StreamDetached | DeadlineCheck | Forgotten
