import pytest

from exporter.core.observations import ApiBudget, RateLimit, StreamEndReason
from exporter.upstream.budget import Budget, Spender
from exporter.upstream.gate import SPREAD_SECONDS
from exporter.upstream.responses import ApiError
from exporter.upstream.turns import Turns
from tests.upstream.recorder import FakeTime, Recorder

LIMIT = RateLimit(10, 10)


def make_turns(time: FakeTime, sink: Recorder | None = None) -> Turns:
    return Turns(Budget(), time.clock(0.0), sink or Recorder())


async def test_budget_is_spent_before_anybody_waits_and_then_for_a_minute() -> None:
    time = FakeTime()
    turns = make_turns(time)
    turns.answered(200, None, LIMIT)
    for _ in range(5):
        await turns.wait(Spender.POLL)
    assert time.slept == []
    await turns.wait(Spender.TIMELINE)
    assert sum(time.slept) == 60


async def test_nobody_who_is_waited_for_waits_for_the_budget_but_all_do_after_a_429() -> None:
    time = FakeTime()
    turns = make_turns(time)
    turns.answered(200, None, LIMIT)
    for _ in range(20):
        await turns.wait(Spender.PROMPT)
    assert time.slept == []
    turns.answered(429, 30.0, None)
    await turns.wait(Spender.PROMPT)
    assert sum(time.slept) == 30


async def test_what_is_prompt_sets_out_before_polls_and_timelines_after_a_429() -> None:
    waited = {}
    for spender in Spender:
        time = FakeTime()
        turns = make_turns(time)
        turns.answered(429, 30.0, None)
        await turns.wait(spender)
        waited[spender] = sum(time.slept)
    assert waited[Spender.PROMPT] == 30
    assert waited[Spender.POLL] == waited[Spender.TIMELINE] == 30 + SPREAD_SECONDS


@pytest.mark.parametrize("spender", [Spender.POLL, Spender.TIMELINE])
async def test_turn_that_does_not_come_in_time_is_an_error_at_once_and_is_not_charged(
    spender: Spender,
) -> None:
    time = FakeTime()
    turns = make_turns(time)
    turns.answered(200, None, LIMIT)
    for _ in range(5):
        await turns.wait(spender, time.now)
    for _ in range(9):
        with pytest.raises(ApiError, match="the API budget is used up") as caught:
            await turns.wait(spender, time.now + 59)
        assert caught.value.reason is StreamEndReason.HTTP_429
        assert caught.value.retry_after_seconds == 60
    assert time.slept == []
    await turns.wait(spender, time.now + 60)
    assert time.slept == [60]


async def test_turn_that_a_429_holds_back_too_long_is_an_error_too() -> None:
    time = FakeTime()
    turns = make_turns(time)
    turns.answered(429, 30.0, None)
    with pytest.raises(ApiError, match="the API budget is used up"):
        await turns.wait(Spender.TIMELINE, time.now + 20)
    assert time.slept == []


def test_limit_is_told_each_time_and_the_budget_when_it_has_changed() -> None:
    sink = Recorder()
    turns = make_turns(FakeTime(), sink)
    turns.answered(200, None, None)
    assert sink.observations == []
    for remaining in (600, 400, 299, 150, 0):
        turns.answered(200, None, RateLimit(600, remaining))
        assert turns.rate_limit == RateLimit(600, remaining)
    turns.answered(200, None, RateLimit(600, 600))
    turns.answered(429, None, None)
    assert [each.remaining for each in sink.of(RateLimit)] == [600, 400, 299, 150, 0, 600]
    told = [each.requests_per_minute for each in sink.of(ApiBudget)]
    assert told == [300, 150, 30, 300, 30]
