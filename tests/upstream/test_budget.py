from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.upstream.budget import (
    FLOOR,
    GIVE_WAY_SECONDS,
    MAX_PACED_SECONDS,
    MAX_REQUESTS_PER_MINUTE,
    MAX_WAIT_SECONDS,
    SHARE,
    TRICKLE,
    Budget,
    Spender,
    paced_seconds,
)

POLL, TIMELINE, PROMPT = Spender


def budget(limit: int, remaining: int | None = None) -> Budget:
    """A budget that was told of a limit, by default when nobody had used any of it."""
    made = Budget()
    made.told(limit, limit if remaining is None else remaining)
    return made


def spend(budget: Budget, requests: int, spender: Spender = POLL, now: float = 0.0) -> list[float]:
    """When each of so many requests is sent, by somebody who sleeps just as long as told."""
    sent = []
    for _ in range(requests):
        while wait := budget.take(spender, now):
            now += wait
        sent.append(now)
    return sent


def busiest_minute(sent: list[float]) -> int:
    return max(sum(end - 60 < each - 1e-6 and each <= end for each in sent) for end in sent)


def test_budget_without_a_known_limit_is_endless() -> None:
    assert spend(Budget(), 1000) == [0.0] * 1000
    assert spend(budget(0), 1000, TIMELINE) == [0.0] * 1000
    assert Budget().requests_per_minute is None


def test_short_list_goes_through_at_once_and_a_long_one_takes_its_minutes() -> None:
    assert spend(budget(60), 30) == [0.0] * 30
    assert spend(budget(60), 70) == [0.0] * 30 + [60.0] * 30 + [120.0] * 10


def test_limit_of_one_a_minute_lets_a_poll_through_every_other_minute() -> None:
    assert spend(budget(1), 3) == [0.0, 120.0, 240.0]


def test_requests_made_before_the_limit_was_known_count() -> None:
    made = Budget()
    assert [made.take(POLL, 0.0) for _ in range(5)] == [0.0] * 5
    made.told(10, 10)
    assert made.take(POLL, 10.0) == 50.0
    assert made.take(POLL, 60.0) == 0.0


@pytest.mark.parametrize(
    ("share", "per_minute", "limit", "allowed"),
    [
        (0.5, None, 600, 300.0),
        (0.1, None, 600, 60.0),
        (1.0, None, 600, 600.0),
        (0.5, 120, 600, 120.0),
        (0.5, 120, 60, 30.0),
        (0.5, 120, None, 120.0),
    ],
)
def test_budget_is_the_share_or_the_number_whichever_is_smaller(
    share: float, per_minute: int | None, limit: int | None, allowed: float
) -> None:
    made = Budget(share, per_minute)
    if limit is not None:
        made.told(limit, limit)
    assert made.requests_per_minute == allowed


@pytest.mark.parametrize(
    ("remaining", "allowed"),
    [(600, 300.0), (300, 300.0), (150, 150.0), (30, 30.0), (1, 30.0), (0, 30.0), (9999, 300.0)],
)
def test_budget_shrinks_in_proportion_when_less_than_the_others_half_remains(
    remaining: int, allowed: float
) -> None:
    assert budget(600, remaining).requests_per_minute == allowed


@pytest.mark.parametrize("share", [0.5, 0.99, 1.0])
def test_nothing_remains_after_a_429_until_an_answer_says_otherwise(share: float) -> None:
    made = Budget(share)
    made.told(600, 600)
    made.refused()
    assert made.requests_per_minute == 600 * share * FLOOR
    made.told(600, 500)
    assert made.requests_per_minute == 600 * share


@given(st.integers(1, 10**15), st.integers(0, 10**15), st.floats(0.01, 1.0))
def test_budget_is_never_over_its_share_and_never_nothing(
    limit: int, remaining: int, share: float
) -> None:
    made = Budget(share)
    made.told(limit, remaining)
    allowed = made.requests_per_minute
    assert allowed is not None
    assert limit * share * FLOOR <= allowed <= limit * share
    assert min(limit * share, 60 / MAX_PACED_SECONDS) <= allowed


@given(
    st.integers(1, 200),
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from(Spender)), min_size=1, max_size=60),
    st.lists(st.integers(0, 200), min_size=60, max_size=60),
    st.floats(0, 300),
)
def test_no_minute_ever_sees_more_than_the_share_but_for_what_is_prompt(
    limit: int, wants: list[tuple[float, Spender]], remaining: list[int], reserved: float
) -> None:
    made, now = budget(limit), 0.0
    made.reserve(reserved)
    patient: list[float] = []
    every: list[float] = []
    for (pause, spender), left in zip(wants, remaining, strict=False):
        now += pause
        while wait := made.take(spender, now):
            assert spender is not PROMPT
            assert 0 < wait <= MAX_WAIT_SECONDS
            now += wait
        every.append(now)
        if spender is not PROMPT:
            patient.append(now)
            within = sum(each > now - 60 + 1e-6 for each in every)
            own = sum(each > now - 60 + 1e-6 for each in patient)
            assert within <= max(1, limit * SHARE) or own <= max(1, limit * SHARE * TRICKLE)
        made.told(limit, left)
    if patient:
        assert busiest_minute(patient) <= max(1, limit * SHARE)


def test_what_is_prompt_goes_at_once_and_the_others_pay_for_it() -> None:
    made = budget(60)
    assert spend(made, 100, PROMPT) == [0.0] * 100
    assert spend(made, 5) == [0.0] * 3 + [60.0] * 2


def test_polls_and_timelines_get_a_tenth_however_much_is_prompt() -> None:
    made, sent = budget(120), []
    spend(made, 100, PROMPT)
    for second in range(601):
        assert [made.take(PROMPT, float(second)) for _ in range(10)] == [0.0] * 10
        sent += [second for each in (POLL, TIMELINE) if not made.take(each, float(second))]
    assert len(sent) >= 6 * 10
    assert busiest_minute([float(each) for each in sent]) == 6


@given(st.integers(4, 200), st.floats(0, 300))
def test_timelines_leave_to_polls_what_is_reserved_up_to_half(limit: int, reserved: float) -> None:
    made = budget(limit)
    made.reserve(reserved)
    allowed = limit * SHARE
    left = max(1, int(allowed - min(reserved, allowed / 2)))
    sent = spend(made, 3 * left, TIMELINE)
    assert busiest_minute(sent) == left
    assert spend(budget(limit), left, TIMELINE) == [0.0] * left


@given(
    limit=st.integers(1, 60),
    reserved=st.floats(0, 60),
    prompts=st.integers(0, 90),
    polls=st.integers(1, 8),
    timelines=st.integers(1, 8),
)
def test_nobody_who_asks_again_when_told_waits_for_ever(
    limit: int, reserved: float, prompts: int, polls: int, timelines: int
) -> None:
    """However many wait in each lane, and however many prompt requests a minute there are."""
    made = budget(limit)
    made.reserve(reserved)
    asks = [(0.0, number, POLL) for number in range(polls)]
    asks += [(0.0, 100 + number, TIMELINE) for number in range(timelines)]
    served = dict.fromkeys((POLL, TIMELINE), 0)
    numbers, paid = count(1000), 0.0
    turn_seconds = 60 / (limit * SHARE * TRICKLE)
    while min(served.values()) < 3:
        asks.sort(key=lambda ask: ask[:2])
        now, _, spender = asks.pop(0)
        assert now < 12 * max(60.0, turn_seconds) + 60
        while prompts and paid <= now:
            made.take(PROMPT, paid)
            paid += 60 / prompts
        wait = made.take(spender, now)
        served[spender] += not wait
        # Whoever was served wants the next at once, behind all who have waited until now.
        asks.append((now + (wait or 0.001), next(numbers), spender))


def test_who_waits_goes_before_whoever_had_the_turn_before() -> None:
    made = budget(2)
    assert made.take(POLL, 0.0) == 0.0
    assert made.take(TIMELINE, 1.0) == 59.0
    assert made.take(POLL, 60.0) == GIVE_WAY_SECONDS
    assert made.take(TIMELINE, 60.0) == 0.0


def test_who_has_had_the_turn_holds_nobody_up() -> None:
    made = budget(8)
    assert spend(made, 4) == [0.0] * 4
    assert made.take(TIMELINE, 1.0) == 59.0
    assert made.take(TIMELINE, 60.0) == 0.0
    assert spend(made, 3, POLL, now=60.0) == [60.0] * 3


def test_who_waited_and_left_holds_the_others_up_for_a_moment_only() -> None:
    made = budget(2)
    assert made.take(POLL, 0.0) == 0.0
    assert made.take(TIMELINE, 1.0) == 59.0
    assert spend(made, 3, POLL, now=60.0) == [60.25, 120.25, 180.25]


def test_remembered_requests_are_bounded_and_so_is_the_budget() -> None:
    made = budget(10**9)
    for _ in range(MAX_REQUESTS_PER_MINUTE + 10):
        made.take(PROMPT, 0.0)
    assert len(made._all) == MAX_REQUESTS_PER_MINUTE
    assert made.take(POLL, 60.0) == 0.0
    made = budget(10**9)
    assert spend(made, MAX_REQUESTS_PER_MINUTE)[-1] == 0.0
    assert made.take(TIMELINE, 1.0) == 59.0


def test_polls_keep_to_their_half_of_the_budget() -> None:
    assert paced_seconds(15, requests=1, allowed=None) == 15
    assert paced_seconds(15, requests=1, allowed=300.0) == 15
    assert paced_seconds(15, requests=10, allowed=60.0) == 20


def test_rest_between_polls_is_bounded_however_small_the_budget() -> None:
    assert paced_seconds(15, requests=100, allowed=0.2) == MAX_PACED_SECONDS
    assert paced_seconds(900, requests=100, allowed=0.2) == 900


@given(st.integers(1, 1000), st.floats(8, 1000))
def test_polls_that_pace_themselves_fit_into_what_timelines_leave_them(
    requests: int, allowed: float
) -> None:
    seconds = paced_seconds(1, requests=requests, allowed=allowed)
    assert 60 * requests / seconds <= allowed / 2 + 1e-6 or seconds == MAX_PACED_SECONDS
