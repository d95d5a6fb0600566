import asyncio

import pytest

from exporter.upstream.wish import Wish
from tests.upstream.recorder import FakeTime


async def test_sleep_lasts_as_long_as_asked_when_nothing_is_wished() -> None:
    time = FakeTime()
    wish = Wish()
    await wish.sleep(time.clock(), 7.0)
    assert time.slept == [7.0]
    assert not wish.made


async def test_wish_ends_a_sleep() -> None:
    time = FakeTime()
    time.sleeping_for_ever = True
    wish = Wish()
    sleeping = asyncio.create_task(wish.sleep(time.clock(), 60.0))
    await asyncio.sleep(0)
    assert not sleeping.done()
    wish.make()
    async with asyncio.timeout(5):
        await sleeping
    assert wish.made


async def test_wish_made_before_is_not_slept_over() -> None:
    time = FakeTime()
    wish = Wish()
    wish.make()
    await wish.sleep(time.clock(), 60.0)
    assert time.slept == []


async def test_sleeper_that_is_cancelled_leaves_nothing_behind() -> None:
    time = FakeTime()
    time.sleeping_for_ever = True
    wish = Wish()
    before = asyncio.all_tasks()
    sleeping = asyncio.create_task(wish.sleep(time.clock(), 60.0))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    wish.make()
