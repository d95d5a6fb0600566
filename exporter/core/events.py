"""What can happen to a connection, as values: messages of its stream, and what else tells of it.

A flow tracker takes these one by one. Messages of the stream come out of ``core.decoding``; the
rest is made by the code that polls and keeps the streams.
"""

from typing import Final

import msgspec

from exporter.core.observations import GapCause


class Pause(msgspec.Struct, frozen=True):
    """What a flow that waits is waiting for, reduced to the kinds of it; no value is ever kept.

    ``field_types`` and ``choice_types`` hold Kernel's words (``password``, ``mfa_method`` ...), or
    ``other``; ``rejected`` says that the website refused a value that it was given before.
    """

    field_types: frozenset[str] = frozenset()
    choice_types: frozenset[str] = frozenset()
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
            or self.sign_in_options,
        )


NO_PAUSE: Final = Pause()


class StateEvent(msgspec.Struct, frozen=True):
    """``managed_auth_state``: where a flow stands, as the upstream reported it at ``at_ns``.

    The enumerations stay strings: a value that this version does not know is the flow tracker's
    to count, not the decoder's to refuse. ``hosted_url`` is secret: it only ever serves, hashed, to
    tell one flow from another.
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

    at_ns: int | None


class StreamError(msgspec.Struct, frozen=True):
    """``error``: the upstream reports a failure of the stream, not of the flow."""

    at_ns: int | None
    code: str


class UnknownEvent(msgspec.Struct, frozen=True):
    """An ``event`` of a later version of the API. Its name is a stranger's text: never a label."""


class WireError(msgspec.Struct, frozen=True):
    """A message that is not what the API promises; ``problem`` is our own text, safe to show."""

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
    last_auth_ns: int | None = None
    last_auth_check_ns: int | None = None


class TimelineEntry(msgspec.Struct, frozen=True):
    """One login, re-authentication or health check of a connection's timeline.

    ``entry_id`` is Kernel's stable key, ``at_ns`` when it began and ``completed_ns`` when it first
    reached a terminal status; both by the server's clock. The enumerations stay strings.
    """

    entry_id: str
    type: str
    at_ns: int
    status: str
    completed_ns: int | None = None
    updated_ns: int | None = None
    step: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    website_error: str | None = None
    browser_session_id: str | None = None


class TimelineRead(msgspec.Struct, frozen=True):
    """The newest entries of a connection's timeline: all that ``FlowTracker.lacks`` asked for.

    ``complete`` is false where there were more of them than are ever read. ``requested_ns`` and
    ``received_ns`` are local times, before the first request and after the last answer.
    """

    entries: tuple[TimelineEntry, ...]
    requested_ns: int
    received_ns: int
    complete: bool = True


class Resumed(msgspec.Struct, frozen=True):
    """The process that follows is another one than before: what happened meanwhile is a gap."""


class StreamAttached(msgspec.Struct, frozen=True):
    """A stream was opened: its next state may repeat one that was already seen.

    ``after`` says why a stream of the same flow had to be opened again; None for a fresh one.
    """

    after: GapCause | None = None


class StreamDetached(msgspec.Struct, frozen=True):
    """The stream is gone; from now on a listing may end the flow."""


class DeadlineCheck(msgspec.Struct, frozen=True):
    """Time has passed without a stream.

    A flow beyond its ``flow_expires_at`` ends as unknown, once the timeline was read since and did
    not tell how it went.
    """


class Forgotten(msgspec.Struct, frozen=True):
    """The connection is no more (404, 410, or gone from the list): what is open ends as unknown."""


TrackerInput = (
    StateEvent
    | Listing
    | TimelineRead
    | StreamAttached
    | StreamDetached
    | Resumed
    | DeadlineCheck
    | Forgotten
)
