import asyncio

import pytest

from exporter.upstream.gate import SPREAD_SECONDS, Gate, Lane
from exporter.upstream.responses import MAX_RETRY_AFTER_SECONDS
from tests.upstream.recorder import FakeTime


async def test_open_gate_lets_everybody_pass_at_once() -> None:
    time = FakeTime()
    gate = Gate(time.clock())
    gate.answered(200, None)
    gate.answered(503, 60.0)
    await gate.wait(Lane.STREAM)
    await gate.wait(Lane.POLL)
    assert time.slept == []


@pytest.mark.parametrize("random", [0.0, 0.5, 0.99])
async def test_429_holds_everybody_back_and_polls_longer_than_streams(random: float) -> None:
    waits = {}
    for lane in Lane:
        time = FakeTime()
        gate = Gate(time.clock(random))
        gate.answered(429, 10.0)
        await gate.wait(lane)
        waits[lane] = sum(time.slept)
    assert 10 <= waits[Lane.STREAM] <= 10 + SPREAD_SECONDS
    assert waits[Lane.POLL] == waits[Lane.STREAM] + SPREAD_SECONDS


async def test_pause_is_bounded_however_long_the_server_asks() -> None:
    time = FakeTime()
    gate = Gate(time.clock(0.0))
    gate.answered(429, 10**9)
    await gate.wait(Lane.STREAM)
    assert sum(time.slept) == MAX_RETRY_AFTER_SECONDS


async def test_429_without_retry_after_backs_off_until_something_else_is_answered() -> None:
    time = FakeTime()
    gate = Gate(time.clock(1.0))
    pauses = []
    for status in (429, 429, 200, 429):
        before = time.now
        gate.answered(status, None)
        await gate.wait(Lane.STREAM)
        pauses.append(time.now - before)
    assert pauses == pytest.approx([1 + SPREAD_SECONDS, 2 + SPREAD_SECONDS, 0, 1 + SPREAD_SECONDS])


async def test_second_429_while_waiting_prolongs_the_wait() -> None:
    time = FakeTime()
    gate = Gate(time.clock(0.0))
    gate.answered(429, 10.0)
    waiting = asyncio.create_task(gate.wait(Lane.STREAM))
    await asyncio.sleep(0)
    gate.answered(429, 30.0)
    await waiting
    assert sum(time.slept) == 40.0
