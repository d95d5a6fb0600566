"""The JSON of a connection, alone or in a list, into listings. Pure; lenient where it can be.

An odd value in an optional member does not lose the connection; an entry without an id or a domain
is no connection and is skipped. Members that are not used here are never built.
"""

from typing import Any, Final

import msgspec

from exporter.core.decoding import MAX_TEXT
from exporter.core.events import Listing
from exporter.core.observations import StreamEndReason
from exporter.upstream.lenient import decoded, elements, moment_ns, text
from exporter.upstream.responses import ApiError

MAX_ID_CHARACTERS: Final = 256
MAX_DOMAIN_CHARACTERS: Final = 253
"""Longest host name in the DNS: RFC 1035, section 2.3.4, less the root's own octets."""


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


_entry_decoder: Final = msgspec.json.Decoder(_Wire)


def parse_page(body: bytes, requested_ns: int, received_ns: int) -> list[Listing]:
    """The connections on one page of the list.

    Raises:
        ApiError: the body is not a JSON array.
    """
    entries = elements(body)
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
    wire = decoded(_entry_decoder, entry)
    if wire is None:
        return None
    connection_id, domain = text(wire.id, MAX_TEXT), text(wire.domain, MAX_TEXT)
    if connection_id is None or domain is None or not is_connection_id(connection_id):
        return None
    return Listing(
        connection_id=connection_id,
        domain=domain[:MAX_DOMAIN_CHARACTERS],
        profile_name=text(wire.profile_name) or "",
        status=text(wire.status) or "",
        requested_ns=requested_ns,
        received_ns=received_ns,
        flow_status=text(wire.flow_status),
        flow_step=text(wire.flow_step),
        flow_type=text(wire.flow_type),
        flow_expires_ns=moment_ns(wire.flow_expires_at),
        browser_session_id=text(wire.browser_session_id),
        hosted_url=text(wire.hosted_url, MAX_TEXT),
        error_code=text(wire.error_code),
        error_message=text(wire.error_message, MAX_TEXT),
        website_error=text(wire.website_error, MAX_TEXT),
        can_reauth=wire.can_reauth if isinstance(wire.can_reauth, bool) else None,
        can_reauth_reason=text(wire.can_reauth_reason),
        last_auth_ns=moment_ns(wire.last_auth_at),
        last_auth_check_ns=moment_ns(wire.last_auth_check_at),
    )
