"""The token bucket, with a clock of its own."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.ratelimit import RateLimit


class _Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    per_minute=st.integers(1, 600),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
def test_never_more_than_a_bucket_and_its_refill_get_through(
    per_minute: int, pauses: list[float]
) -> None:
    watch = _Watch()
    limit = RateLimit(per_minute, watch)
    granted = 0
    for pause in pauses:
        watch.now += pause
        grant = limit.take()
        granted += grant.retry_after == 0
        assert 0 <= grant.remaining < per_minute
        assert grant.limit == per_minute
    assert granted <= per_minute + watch.now * per_minute / 60 + 1e-6


@given(per_minute=st.integers(1, 600))
def test_who_waits_as_long_as_told_always_gets_through(per_minute: int) -> None:
    watch = _Watch()
    limit = RateLimit(per_minute, watch)
    while not (grant := limit.take()).retry_after:
        pass
    watch.now += grant.retry_after
    assert limit.take().retry_after == 0
