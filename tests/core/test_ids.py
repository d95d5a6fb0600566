"""Ids that are the same on every replica and after every restart."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.core.ids import ROOT_ORDINAL, span_id, trace_id

times = st.integers(0, 2**63 - 1)


def test_the_ids_stay_what_they_were_in_the_first_release() -> None:
    trace = trace_id("ma_0123456789", 1_700_000_000_000_000_000)
    assert f"{trace:032x}" == "2e67d8a7d50e5ecc24598db716061ad9"
    assert f"{span_id(trace, ROOT_ORDINAL):016x}" == "95c3f743d4745bf9"
    assert f"{span_id(trace, 1):016x}" == "2593adb094bdb4d3"


@given(st.text(), times, st.integers(0, 2**32))
def test_ids_always_have_their_size_and_are_never_zero(
    connection: str, at_ns: int, nth: int
) -> None:
    trace = trace_id(connection, at_ns)
    assert 0 < trace < 2**128
    assert 0 < span_id(trace, nth) < 2**64


@given(st.text(), st.text(), times, times)
def test_other_flows_have_other_ids(one: str, two: str, first: int, second: int) -> None:
    same = (one, first) == (two, second)
    assert (trace_id(one, first) == trace_id(two, second)) == same
