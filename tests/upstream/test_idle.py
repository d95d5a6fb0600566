from hypothesis import given
from hypothesis import strategies as st

from exporter.upstream.idle import CEILING_SECONDS, FLOOR_SECONDS, UNLEARNT_SECONDS, IdleLimit


def test_limit_is_generous_until_heartbeats_were_seen() -> None:
    assert IdleLimit().seconds == UNLEARNT_SECONDS


def test_limit_is_three_intervals_of_the_longest_lately() -> None:
    limit = IdleLimit()
    limit.learn(15.0)
    assert limit.seconds == 45.0
    limit.learn(20.0)
    limit.learn(0.001)
    assert limit.seconds == 60.0
    for _ in range(8):
        limit.learn(12.0)
    assert limit.seconds == 36.0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_limit_never_leaves_its_bounds(intervals: list[float]) -> None:
    limit = IdleLimit()
    for interval in intervals:
        limit.learn(interval)
        assert FLOOR_SECONDS <= limit.seconds <= CEILING_SECONDS
