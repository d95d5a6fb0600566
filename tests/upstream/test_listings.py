import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.decoding import MAX_TEXT
from exporter.core.events import Listing
from exporter.core.observations import StreamEndReason
from exporter.upstream.listings import (
    MAX_DOMAIN_CHARACTERS,
    MAX_ID_CHARACTERS,
    is_connection_id,
    parse_connection,
    parse_page,
)
from exporter.upstream.responses import ApiError

FULL = {
    "id": "c1",
    "domain": "example.com",
    "profile_name": "p",
    "status": "NEEDS_AUTH",
    "flow_status": "IN_PROGRESS",
    "flow_step": "AWAITING_INPUT",
    "flow_type": "LOGIN",
    "flow_expires_at": "2025-06-15T15:06:40Z",
    "browser_session_id": "b1",
    "hosted_url": "https://secret",
    "error_code": None,
    "website_error": "Wrong password",
    "can_reauth": False,
    "can_reauth_reason": "no_credential",
    "discovered_fields": [{"name": "email"}],
    "a_member_of_tomorrow": {"x": [1, 2]},
}


def page(*entries: object) -> list[Listing]:
    return parse_page(msgspec.json.encode(entries), 1, 2)


def test_members_arrive_typed() -> None:
    assert page(FULL) == [
        Listing(
            connection_id="c1",
            domain="example.com",
            profile_name="p",
            status="NEEDS_AUTH",
            requested_ns=1,
            received_ns=2,
            flow_status="IN_PROGRESS",
            flow_step="AWAITING_INPUT",
            flow_type="LOGIN",
            flow_expires_ns=1_750_000_000 * 10**9,
            browser_session_id="b1",
            hosted_url="https://secret",
            website_error="Wrong password",
            can_reauth=False,
            can_reauth_reason="no_credential",
        )
    ]


@pytest.mark.parametrize("member", sorted(set(FULL) - {"id", "domain"}))
@pytest.mark.parametrize("odd", [None, 7, [], {"a": 1}, True, ""])
def test_odd_optional_member_does_not_lose_the_connection(member: str, odd: object) -> None:
    [listing] = page(FULL | {member: odd})
    assert (listing.connection_id, listing.domain) == ("c1", "example.com")


@pytest.mark.parametrize("expiry", ["never", "2025-13-01T00:00:00Z", "0001-01-01T00:00:00Z", 17])
def test_odd_expiry_is_none(expiry: object) -> None:
    [listing] = page(FULL | {"flow_expires_at": expiry})
    assert listing.flow_expires_ns is None


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        "c1",
        [],
        {},
        {"id": "c1"},
        {"domain": "example.com"},
        FULL | {"id": 7},
        FULL | {"id": ""},
        FULL | {"id": ".."},
        FULL | {"id": "a\nb"},
        FULL | {"id": "x" * (MAX_ID_CHARACTERS + 1)},
        FULL | {"domain": None},
    ],
)
def test_entry_that_is_no_connection_is_skipped_and_the_others_stay(entry: object) -> None:
    assert [listing.connection_id for listing in page(FULL, entry, FULL | {"id": "c2"})] == [
        "c1",
        "c2",
    ]


def test_endless_texts_are_cut() -> None:
    [listing] = page(FULL | {"domain": "d" * 10_000, "website_error": "e" * 10_000})
    assert len(listing.domain) == MAX_DOMAIN_CHARACTERS
    assert len(listing.website_error or "") == MAX_TEXT


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[", b"<html>", b"\xff", b"[" * 100_000])
def test_list_that_is_no_array_is_an_error(body: bytes) -> None:
    with pytest.raises(ApiError, match="not a JSON array") as caught:
        parse_page(body, 1, 2)
    assert caught.value.reason is StreamEndReason.PROTOCOL


def test_one_connection_is_parsed_alike() -> None:
    assert [parse_connection(msgspec.json.encode(FULL), 1, 2)] == page(FULL)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"<html>", b"\xff"])
def test_answer_that_is_no_connection_is_an_error(body: bytes) -> None:
    with pytest.raises(ApiError, match="not a connection"):
        parse_connection(body, 1, 2)


@given(st.binary(max_size=200))
def test_hostile_bytes_never_raise_anything_else(noise: bytes) -> None:
    for body in (noise, b"[" + noise + b"]", b'[{"id":"c","domain":"d","status":' + noise + b"}]"):
        try:
            listings = parse_page(body, 1, 2)
        except ApiError:
            continue
        assert all(is_connection_id(listing.connection_id) for listing in listings)
