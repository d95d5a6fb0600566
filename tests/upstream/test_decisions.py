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


def test_connection_missing_from_a_list_is_gone_the_second_time_in_a_row() -> None:
    after, gone = compare(known("abc"), known("bcd"))
    assert (after, gone) == ({**known("a", misses=1), **known("bcd")}, [])
    assert compare(after, known("bc")) == ({**known("d", misses=1), **known("bc")}, ["a"])
    assert compare(after, known("abcd")) == (known("abcd"), [])


@given(
    st.lists(st.text("abcde", max_size=5), max_size=8),
)
def test_nobody_is_gone_who_was_never_listed_and_nobody_twice_nor_by_one_list(
    lists: list[str],
) -> None:
    now: dict[str, Known] = {}
    present: set[str] = set()
    before: set[str] = set()
    for ids in lists:
        now, gone = compare(now, known(ids))
        assert set(gone) <= present - set(ids) - before
        before = set(ids)
        present = (present | set(ids)) - set(gone)
        assert set(now) == present
