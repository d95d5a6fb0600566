from hypothesis import given
from hypothesis import strategies as st

from exporter.upstream.budget import MAX_PACED_SECONDS, SHARE, PollBudget, paced_seconds


def spend(requests: int, limit: int | None) -> list[float]:
    """When each of so many requests is sent, by somebody who sleeps just as long as told."""
    budget, now, sent = PollBudget(), 0.0, []
    for _ in range(requests):
        while wait := budget.take(now, limit):
            now += wait
        sent.append(now)
    return sent


def test_budget_without_a_known_limit_is_endless() -> None:
    assert spend(1000, None) == [0.0] * 1000
    assert spend(1000, 0) == [0.0] * 1000


def test_short_list_goes_through_at_once_and_a_long_one_takes_its_minutes() -> None:
    assert spend(30, 60) == [0.0] * 30
    assert spend(70, 60) == [0.0] * 30 + [60.0] * 30 + [120.0] * 10


def test_limit_of_one_a_minute_lets_a_poll_through_every_other_minute() -> None:
    assert spend(3, 1) == [0.0, 120.0, 240.0]


def test_requests_made_before_the_limit_was_known_count() -> None:
    budget = PollBudget()
    for _ in range(5):
        assert budget.take(0.0, None) == 0.0
    assert budget.take(10.0, 10) == 50.0
    assert budget.take(60.0, 10) == 0.0


@given(
    st.integers(1, 200),
    st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
def test_no_minute_ever_sees_more_than_the_share(limit: int, pauses: list[float]) -> None:
    budget, now, sent = PollBudget(), 0.0, []
    for pause in pauses:
        now += pause
        while wait := budget.take(now, limit):
            assert wait > 0
            now += wait
        sent.append(now)
    for end in sent:
        minute = [each for each in sent if end - 60 < each - 1e-6 and each <= end]
        assert len(minute) <= max(1, limit * SHARE)


@given(st.floats(0, 10**6), st.integers(1, 10**9), st.lists(st.integers(0, 10**9), max_size=20))
def test_wait_is_never_longer_than_two_minutes(start: float, limit: int, limits: list[int]) -> None:
    budget = PollBudget()
    for each in (*limits, limit):
        assert 0 <= budget.take(start, each) <= 120.001


def test_polls_keep_to_their_share_of_the_rate_limit() -> None:
    assert paced_seconds(15, requests=1, limit=None) == 15
    assert paced_seconds(15, requests=1, limit=600) == 15
    assert paced_seconds(15, requests=100, limit=60) == 200
    assert paced_seconds(15, requests=100, limit=0) == 15


def test_rest_between_polls_is_bounded_however_small_the_limit() -> None:
    assert paced_seconds(15, requests=100, limit=2) == MAX_PACED_SECONDS
    assert paced_seconds(900, requests=100, limit=2) == 900
