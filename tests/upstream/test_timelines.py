import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.decoding import MAX_IDENTIFIER, MAX_TEXT
from exporter.core.events import TimelineEntry
from exporter.core.observations import StreamEndReason
from exporter.upstream.responses import ApiError
from exporter.upstream.timelines import MAX_ENTRIES, MAX_ENTRY_ID_CHARACTERS, parse_timeline

SECOND = 10**9
FULL = {
    "id": "login_1",
    "type": "login",
    "timestamp": "2025-06-15T15:06:40Z",
    "status": "FAILED",
    "step": "SUBMITTING",
    "completed_at": "2025-06-15T17:06:52.5+02:00",
    "updated_at": "2025-06-15T15:07:00Z",
    "error_code": "credentials_invalid",
    "error_message": "it failed",
    "website_error": "Wrong password",
    "previous_status": "AUTHENTICATED",
    "browser_session_id": "b1",
    "replay_id": "r1",
    "a_member_of_tomorrow": {"x": [1, 2]},
}


def page(*entries: object) -> list[TimelineEntry]:
    return parse_timeline(msgspec.json.encode(entries))


def test_members_arrive_typed() -> None:
    assert page(FULL) == [
        TimelineEntry(
            entry_id="login_1",
            type="login",
            at_ns=1_750_000_000 * SECOND,
            status="FAILED",
            completed_ns=1_750_000_012 * SECOND + SECOND // 2,
            updated_ns=1_750_000_020 * SECOND,
            step="SUBMITTING",
            error_code="credentials_invalid",
            error_message="it failed",
            website_error="Wrong password",
            browser_session_id="b1",
        )
    ]


def test_entry_that_is_under_way_has_no_completion() -> None:
    minimal = {"id": "r", "type": "reauth", "timestamp": FULL["timestamp"], "status": "IN_PROGRESS"}
    assert page(minimal) == [
        TimelineEntry("r", "reauth", 1_750_000_000 * SECOND, "IN_PROGRESS"),
    ]


@pytest.mark.parametrize("member", sorted(set(FULL) - {"id", "timestamp"}))
@pytest.mark.parametrize("odd", [None, 7, [], {"a": 1}, True, "", "0000-00-00"])
def test_odd_optional_member_does_not_lose_the_entry(member: str, odd: object) -> None:
    [entry] = page(FULL | {member: odd})
    assert (entry.entry_id, entry.at_ns) == ("login_1", 1_750_000_000 * SECOND)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        "login_1",
        [],
        {},
        {"id": "login_1"},
        {"timestamp": FULL["timestamp"]},
        FULL | {"id": 7},
        FULL | {"id": ""},
        FULL | {"id": "x" * (MAX_ENTRY_ID_CHARACTERS + 1)},
        FULL | {"timestamp": None},
        FULL | {"timestamp": 1_750_000_000},
        FULL | {"timestamp": "yesterday"},
        FULL | {"timestamp": "0001-01-01T00:00:00Z"},
    ],
)
def test_entry_without_an_id_or_a_time_is_skipped_and_the_others_stay(entry: object) -> None:
    assert [each.entry_id for each in page(FULL, entry, FULL | {"id": "login_2"})] == [
        "login_1",
        "login_2",
    ]


def test_endless_texts_are_cut_and_the_longest_id_is_kept_whole() -> None:
    endless = dict.fromkeys(set(FULL) - {"id", "timestamp"}, "e" * 10_000)
    [entry] = page(FULL | endless | {"id": "i" * MAX_ENTRY_ID_CHARACTERS})
    assert entry.entry_id == "i" * MAX_ENTRY_ID_CHARACTERS
    assert {len(entry.error_message or ""), len(entry.website_error or "")} == {MAX_TEXT}
    words = (entry.type, entry.status, entry.step, entry.error_code, entry.browser_session_id)
    assert {len(word or "") for word in words} == {MAX_IDENTIFIER}
    assert entry.completed_ns is None


def test_no_more_entries_than_the_bound_are_taken_from_a_page() -> None:
    entries = page(*({**FULL, "id": str(number)} for number in range(MAX_ENTRIES + 1)))
    assert [entry.entry_id for entry in entries] == [str(number) for number in range(MAX_ENTRIES)]


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[", b"<html>", b"\xff", b"[" * 100_000])
def test_timeline_that_is_no_array_is_an_error(body: bytes) -> None:
    with pytest.raises(ApiError, match="not a JSON array") as caught:
        parse_timeline(body)
    assert caught.value.reason is StreamEndReason.PROTOCOL


@given(st.binary(max_size=200))
def test_hostile_bytes_never_raise_anything_else(noise: bytes) -> None:
    for body in (noise, b"[" + noise + b"]", b'[{"id":"e","timestamp":' + noise + b"}]"):
        try:
            entries = parse_timeline(body)
        except ApiError:
            continue
        assert all(0 < len(entry.entry_id) <= MAX_ENTRY_ID_CHARACTERS for entry in entries)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(FULL)), _JSON | st.datetimes(), max_size=9)))
def test_members_of_any_type_never_raise(entries: list[dict[str, object]]) -> None:
    taken = page(*entries)
    assert len(taken) <= len(entries)
    assert all(entry.at_ns >= 0 for entry in taken)
