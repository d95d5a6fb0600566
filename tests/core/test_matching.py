"""Which entry of a timeline is which flow."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.matching import SKEW_NS, SLACK_NS, Fit, Span, fit_of, match

SECOND: Final = 10**9


def span(start: float, end: float, flow_type: str = "REAUTH", **members: Any) -> Span:
    return Span(flow_type, round(start * SECOND), round(end * SECOND), **members)


@pytest.mark.parametrize(
    ("entry", "flow", "fit"),
    [
        (span(0, 5), span(0, 5), Fit.OVERLAP),
        (span(0, 5), span(3, 5), Fit.OVERLAP),  # joined late
        (span(0, 5), span(0.2, 5.4), Fit.OVERLAP),
        (span(0, 5), span(2, 2), Fit.OVERLAP),  # seen once
        (span(0, 5), span(0, 0), Fit.OVERLAP),
        (span(0, 5), span(5, 8), Fit.NEAR),  # the next one, begun as it ended
        (span(5, 8), span(0, 5.001), Fit.NEAR),
        (span(0, 5), span(5, 5), Fit.NEAR),  # likewise, and seen once
        (span(0, 5), span(6.9, 8), Fit.NEAR),
        (span(0, 5), span(7, 8), Fit.NEAR),
        (span(0, 5), span(7.1, 8), Fit.NONE),
        (span(0, 5), span(60, 64, by_our_clock=True), Fit.NEAR),
        (span(0, 5), span(66, 70, by_our_clock=True), Fit.NONE),
        (span(0, 5), span(0, 5, "LOGIN"), Fit.NONE),
        (span(0, 5), span(0, 5, "unknown"), Fit.OVERLAP),
        (span(0, 5, session="a"), span(0, 5, session="b"), Fit.NONE),
        (span(0, 5, session="a"), span(90, 95, session="a"), Fit.SESSION),
        (span(0, 5, session="a"), span(0, 5), Fit.OVERLAP),
    ],
)
def test_how_well_they_fit(entry: Span, flow: Span, fit: Fit) -> None:
    assert fit_of(entry, flow) is fit


def test_of_flows_that_follow_one_another_each_finds_its_own_entry() -> None:
    entries = [span(0, 5), span(5, 8), span(8, 8.5)]
    flows = [span(7.9, 8.4), span(5.1, 8)]
    assert match(entries, flows) == {1: (1, Fit.OVERLAP), 2: (0, Fit.OVERLAP)}


def test_of_two_entries_the_one_that_shares_more_time_with_the_flow_is_it() -> None:
    assert match([span(0, 5), span(3, 9)], [span(2, 8)]) == {1: (0, Fit.OVERLAP)}
    assert match([span(1, 9), span(0, 5)], [span(0, 8)]) == {0: (0, Fit.OVERLAP)}


def test_of_two_entries_that_share_as_much_the_one_that_begins_nearer_is_it() -> None:
    assert match([span(1, 9), span(3, 7)], [span(3, 7)]) == {1: (0, Fit.OVERLAP)}
    assert match([span(3, 7), span(1, 9)], [span(3, 7)]) == {0: (0, Fit.OVERLAP)}


def test_the_browser_session_goes_before_time() -> None:
    entries = [span(0, 5, session="a"), span(5, 10, session="b")]
    flows = [span(5, 10, session="a")]
    assert match(entries, flows) == {0: (0, Fit.SESSION)}


lengths = st.integers(1, 30 * SECOND)
logins = st.lists(st.tuples(lengths, lengths, st.floats(0, 0.4), st.booleans()), max_size=8)


@given(logins)
def test_flows_that_were_streamed_always_find_their_own_entries_and_no_others(
    drawn: list[tuple[int, int, float, bool]],
) -> None:
    """One login after the other on a connection, each streamed from some moment on or not."""
    now = 0
    entries: list[Span] = []
    flows: list[Span] = []
    truth: dict[int, int] = {}
    for pause, length, late, streamed in drawn:
        begin = now + pause
        now = begin + length
        if streamed:
            truth[len(entries)] = len(flows)
            flows.append(Span("LOGIN", begin + int(length * late), now))
        entries.append(Span("LOGIN", begin, now))
    found = match(entries, flows)
    overlapping = {e: f for e, (f, fit) in found.items() if fit is Fit.OVERLAP}
    assert overlapping == truth


@given(
    st.lists(st.builds(Span, st.just("LOGIN"), st.integers(0, 99), st.integers(0, 99)), max_size=6),
    st.lists(st.builds(Span, st.just("LOGIN"), st.integers(0, 99), st.integers(0, 99)), max_size=6),
)
def test_nothing_is_ever_matched_twice(entries: list[Span], flows: list[Span]) -> None:
    found = match(entries, flows)
    matched = [flow for flow, _ in found.values()]
    assert len(matched) == len(set(matched))
    assert SLACK_NS < SKEW_NS
