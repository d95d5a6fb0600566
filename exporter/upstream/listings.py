"""The JSON of a connection, alone or in a list, into listings. Pure; lenient where it can be.

An odd value in an optional member does not lose the connection; an entry without an id or a domain
is no connection and is skipped. Members that are not used here are never built.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from exporter.core.decoding import MAX_IDENTIFIER, MAX_TEXT, tolerant, unix_ns
from exporter.core.events import Listing
from exporter.core.observations import StreamEndReason
from exporter.upstream.responses import ApiError

MAX_ID_CHARACTERS: Final = 256
MAX_DOMAIN_CHARACTERS: Final = 253
"""Longest host name in the DNS: RFC 1035, section 2.3.4, less the root's own octets."""

_BAD_JSON: Final = (msgspec.MsgspecError, RecursionError, UnicodeError)


class _Wire(msgspec.Struct):
    """The members that are used, each of whatever type it came in."""

    id: Any = None
    domain: Any = None
    profile_name: Any = None
    status: Any = None
    flow_status: Any = None
    flow_step: Any = None
    flow_type: Any = None
    flow_expires_at: Any = None
    browser_session_id: Any = None
    hosted_url: Any = None
    error_code: Any = None
    error_message: Any = None
    website_error: Any = None
    can_reauth: Any = None
    can_reauth_reason: Any = None
    last_auth_at: Any = None
    last_auth_check_at: Any = None


_page_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])
_entry_decoder: Final = msgspec.json.Decoder(_Wire)


def parse_page(body: bytes, requested_ns: int, received_ns: int) -> list[Listing]:
    """The connections on one page of the list.

    Raises:
        ApiError: the body is not a JSON array.
    """
    try:
        entries = tolerant(_page_decoder.decode, body)
    except _BAD_JSON:
        entries = None
    if entries is None:
        raise ApiError(StreamEndReason.PROTOCOL, "the list is not a JSON array", status=200)
    listings = (_listing(entry, requested_ns, received_ns) for entry in entries)
    return [listing for listing in listings if listing is not None]


def parse_connection(body: bytes, requested_ns: int, received_ns: int) -> Listing:
    """The one connection that was asked for.

    Raises:
        ApiError: the body is not a connection.
    """
    listing = _listing(body, requested_ns, received_ns)
    if listing is None:
        raise ApiError(StreamEndReason.PROTOCOL, "the answer is not a connection", status=200)
    return listing


def is_connection_id(value: str) -> bool:
    """Whether this can name a connection in a path: ``.`` and ``..`` would name something else."""
    return 0 < len(value) <= MAX_ID_CHARACTERS and value.isprintable() and value not in {".", ".."}


def _listing(entry: bytes | msgspec.Raw, requested_ns: int, received_ns: int) -> Listing | None:
    try:
        wire = tolerant(_entry_decoder.decode, bytes(entry))
    except _BAD_JSON:
        return None
    connection_id, domain = _text(wire.id), _text(wire.domain)
    if connection_id is None or domain is None or not is_connection_id(connection_id):
        return None
    return Listing(
        connection_id=connection_id,
        domain=domain[:MAX_DOMAIN_CHARACTERS],
        profile_name=_word(wire.profile_name) or "",
        status=_word(wire.status) or "",
        requested_ns=requested_ns,
        received_ns=received_ns,
        flow_status=_word(wire.flow_status),
        flow_step=_word(wire.flow_step),
        flow_type=_word(wire.flow_type),
        flow_expires_ns=_unix_ns(wire.flow_expires_at),
        browser_session_id=_word(wire.browser_session_id),
        hosted_url=_text(wire.hosted_url),
        error_code=_word(wire.error_code),
        error_message=_text(wire.error_message),
        website_error=_text(wire.website_error),
        can_reauth=wire.can_reauth if isinstance(wire.can_reauth, bool) else None,
        can_reauth_reason=_word(wire.can_reauth_reason),
        last_auth_ns=_unix_ns(wire.last_auth_at),
        last_auth_check_ns=_unix_ns(wire.last_auth_check_at),
    )


def _word(value: object) -> str | None:
    """An identifier or an enumeration's value; null, absent and empty are the same."""
    return value[:MAX_IDENTIFIER] if isinstance(value, str) and value else None


def _text(value: object) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _unix_ns(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        return unix_ns(msgspec.convert(value, datetime))
    except msgspec.ValidationError:
        return None
