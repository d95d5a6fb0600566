from hypothesis import given
from hypothesis import strategies as st

from exporter.upstream.backoff import MAX_SECONDS, MIN_SECONDS, Backoff

CHANCE = st.floats(0, 1, exclude_max=True)


@given(st.lists(CHANCE, min_size=1, max_size=30), st.floats(0, 500))
def test_delay_is_never_below_what_was_asked_nor_far_above_the_maximum(
    chances: list[float], at_least: float
) -> None:
    remaining = iter(chances)
    backoff = Backoff(lambda: next(remaining))
    for _ in chances:
        delay = backoff.next_seconds(at_least)
        assert at_least + MIN_SECONDS <= delay <= at_least + MAX_SECONDS


def test_ceiling_doubles_up_to_a_minute_and_starts_over_after_reset() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_seconds() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert backoff.next_seconds() == 1


def test_jitter_covers_the_whole_range() -> None:
    assert Backoff(lambda: 0.0).next_seconds() == MIN_SECONDS
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next_seconds() for _ in range(9)] == [MIN_SECONDS] * 9
