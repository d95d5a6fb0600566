"""Decodes one message of the event stream: JSON text in, one typed event out, never an exception.

The shape is Kernel's (`GET /auth/connections/{id}/events` in its API reference). The discriminator
is the JSON member ``event``, as in the official SDKs; the SSE ``event:`` line is ignored. Members
that this version does not use are never built, so an unknown member costs nothing, and an odd value
in an optional member does not lose the state that came with it.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from exporter.core.events import (
    NO_PAUSE,
    Event,
    Heartbeat,
    Pause,
    StateEvent,
    StreamError,
    UnknownEvent,
    WireError,
)
from exporter.core.vocabulary import CHOICE_TYPES, FIELD_TYPES, OTHER

MAX_TEXT: Final = 4096
"""Longest free text that is looked at, in characters. A website's error line is far shorter; more
would only cost time in redaction and classification."""

MAX_IDENTIFIER: Final = 512
"""Longest identifier or enumeration value that is looked at, in characters: Kernel's are under
100."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS: Final = 2**63 - 1
"""OTLP and most time series databases end here, in the year 2262."""

_NOTHING: Final = msgspec.Raw(b"null")
_T = TypeVar("_T")


class _Message(msgspec.Struct):
    event: str
    timestamp: datetime | None = None
    flow_status: Any = None
    flow_step: Any = None
    flow_type: Any = None
    discovered_fields: msgspec.Raw = _NOTHING
    fields: msgspec.Raw = _NOTHING
    choices: msgspec.Raw = _NOTHING
    mfa_options: msgspec.Raw = _NOTHING
    pending_sso_buttons: msgspec.Raw = _NOTHING
    sign_in_options: msgspec.Raw = _NOTHING
    interaction_id: Any = None
    external_action_message: Any = None
    website_error: Any = None
    error_message: Any = None
    error_code: Any = None
    hosted_url: Any = None
    error: msgspec.Raw = _NOTHING


class _PauseMember(msgspec.Struct):
    type: Any = None
    reason: Any = None


class _ErrorMember(msgspec.Struct):
    code: str = ""


_decode_message: Final = msgspec.json.Decoder(_Message).decode
_decode_members: Final = msgspec.json.Decoder(list[_PauseMember] | None).decode
_decode_error: Final = msgspec.json.Decoder(_ErrorMember | None).decode


def decode(data: str | bytes) -> Event:
    """What the ``data`` of one SSE message says. Never raises, whatever it is given."""
    try:
        message = tolerant(_decode_message, data)
    except msgspec.ValidationError:
        return WireError("a member has the wrong type")
    except (msgspec.DecodeError, UnicodeError):
        return WireError("not JSON")
    except RecursionError:
        return WireError("nested too deeply")
    match message.event:
        case "managed_auth_state":
            return _state(message)
        case "sse_heartbeat":
            return Heartbeat(unix_ns(message.timestamp))
        case "error":
            error = _lenient(_decode_error, message.error)
            return StreamError(unix_ns(message.timestamp), error.code if error else "")
        case _:
            return UnknownEvent()


def tolerant(decoder: Callable[[str | bytes], _T], data: str | bytes) -> _T:
    """Decode; where escapes of half a surrogate pair make that fail, once more without them.

    JSON allows such escapes (RFC 8259, section 8.2), and whoever cuts an emoji in two sends one. It
    must not cost more than the character.

    Raises:
        msgspec.DecodeError: it is not JSON, or not what the decoder wants.
        RecursionError: it is nested too deeply.
    """
    try:
        return decoder(data)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeError) as error:
        try:
            whole = json.dumps(json.loads(data), ensure_ascii=False).encode(errors="replace")
        except ValueError:
            raise error from None
        return decoder(whole)


def unix_ns(moment: datetime | None) -> int | None:
    """Unix nanoseconds; None for a time that is absent or outside 1970 to 2262.

    A time without an offset is taken as UTC.
    """
    if moment is None:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    ns = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
    return ns if 0 <= ns <= _LATEST_NS else None


def _state(message: _Message) -> StateEvent | WireError:
    at_ns = unix_ns(message.timestamp)
    if at_ns is None:
        return WireError("a state without a usable timestamp")
    status, step = message.flow_status, message.flow_step
    if not isinstance(status, str) or not isinstance(step, str):
        return WireError("a state without flow_status or flow_step")
    return StateEvent(
        at_ns=at_ns,
        flow_status=status[:MAX_IDENTIFIER],
        flow_step=step[:MAX_IDENTIFIER],
        flow_type=None if message.flow_type is None else str(message.flow_type)[:MAX_IDENTIFIER],
        pause=_pause(message),
        website_error=_text(message.website_error),
        error_code=_text(message.error_code, MAX_IDENTIFIER),
        error_message=_text(message.error_message),
        hosted_url=_text(message.hosted_url),
    )


def _pause(message: _Message) -> Pause:
    fields = _members(message.discovered_fields) + _members(message.fields)
    choices = _members(message.choices)
    pause = Pause(
        field_types=_types(fields, FIELD_TYPES),
        choice_types=_types(choices, CHOICE_TYPES),
        mfa_options=bool(_members(message.mfa_options)),
        sso_buttons=bool(_members(message.pending_sso_buttons)),
        sign_in_options=bool(_members(message.sign_in_options)),
        external_action_message=bool(_text(message.external_action_message)),
        rejected=any(field.reason == "rejected" for field in fields),
        interaction_id=_text(message.interaction_id, MAX_IDENTIFIER),
    )
    return NO_PAUSE if pause == NO_PAUSE else pause


def _types(members: list[_PauseMember], known: frozenset[str]) -> frozenset[str]:
    return frozenset(
        member.type if isinstance(member.type, str) and member.type in known else OTHER
        for member in members
    )


def _members(raw: msgspec.Raw) -> list[_PauseMember]:
    if raw is _NOTHING:
        return []
    return _lenient(_decode_members, raw) or []


def _lenient(decoder: Callable[[msgspec.Raw], _T], raw: msgspec.Raw) -> _T | None:
    try:
        return decoder(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _text(value: object, longest: int = MAX_TEXT) -> str | None:
    return value[:longest] if isinstance(value, str) and value else None
