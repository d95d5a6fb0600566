import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.events import Listing
from exporter.upstream.decisions import (
    GRACE_NS,
    Decision,
    Feed,
    Follow,
    Ignore,
    Known,
    Settle,
    Tracked,
    Unfollow,
    compare,
    decide,
)

NOW = 10**18
LONG_AGO, JUST_NOW = NOW - GRACE_NS, NOW - GRACE_NS + 1


@pytest.mark.parametrize(
    ("flow_status", "tracked", "decision"),
    [
        ("IN_PROGRESS", None, Follow),
        ("SUCCESS", None, Ignore),
        (None, None, Ignore),
        ("A_STATUS_OF_TOMORROW", None, Ignore),
        ("IN_PROGRESS", Tracked(None, in_progress=False), Follow),
        ("IN_PROGRESS", Tracked(None, in_progress=True), Follow),
        ("SUCCESS", Tracked(None, in_progress=True), Feed),
        (None, Tracked(None, in_progress=False), Feed),
        ("IN_PROGRESS", Tracked(LONG_AGO, in_progress=True), Feed),
        ("IN_PROGRESS", Tracked(LONG_AGO, in_progress=False), Feed),
        ("SUCCESS", Tracked(LONG_AGO, in_progress=True), Feed),
        ("SUCCESS", Tracked(JUST_NOW, in_progress=False), Ignore),
        ("IN_PROGRESS", Tracked(JUST_NOW, in_progress=False), Ignore),
        ("SUCCESS", Tracked(LONG_AGO, in_progress=False), Unfollow),
        (None, Tracked(LONG_AGO, in_progress=False), Unfollow),
        ("IN_PROGRESS", Tracked(None, in_progress=True, unsettled=True), Settle),
        ("IN_PROGRESS", Tracked(LONG_AGO, in_progress=True, unsettled=True), Settle),
        ("SUCCESS", Tracked(JUST_NOW, in_progress=True, unsettled=True), Settle),
        (None, Tracked(None, in_progress=True, unsettled=True), Settle),
    ],
)
def test_what_a_listing_means(
    flow_status: str | None, tracked: Tracked | None, decision: type[Decision]
) -> None:
    listing = Listing("c", "d", "p", "s", NOW, NOW, flow_status=flow_status)
    assert type(decide(listing, tracked)) is decision


def known(ids: str, misses: int = 0) -> dict[str, Known]:
    return {each: Known("example.com", "p", misses) for each in ids}


def test_connection_missing_from_a_one_page_list_is_gone() -> None:
    assert compare(known("abc"), known("bcd"), pages=1) == (known("bcd"), ["a"])


def test_connection_missing_from_a_list_of_pages_is_gone_the_second_time() -> None:
    after, gone = compare(known("abc"), known("bc"), pages=2)
    assert (after, gone) == ({**known("a", misses=1), **known("bc")}, [])
    assert compare(after, known("bc"), pages=2) == (known("bc"), ["a"])
    assert compare(after, known("abc"), pages=2) == (known("abc"), [])


@given(
    st.lists(st.tuples(st.text("abcde", max_size=5), st.integers(1, 3)), max_size=8),
)
def test_nobody_is_gone_who_was_never_listed_and_nobody_twice(
    lists: list[tuple[str, int]],
) -> None:
    now: dict[str, Known] = {}
    present: set[str] = set()
    for ids, pages in lists:
        now, gone = compare(now, known(ids), pages=pages)
        assert set(gone) <= present - set(ids)
        present = (present | set(ids)) - set(gone)
        assert set(now) == present
