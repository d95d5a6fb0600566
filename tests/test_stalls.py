"""What holds the event loop up shows, by how long it does."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stalls import EVERY_SECONDS, watch_stalls


class Enough(Exception):  # noqa: N818 - not an error
    """The sleeper has seen enough."""


@given(st.lists(st.floats(-0.001, 10), max_size=20))
def test_each_look_tells_how_late_the_loop_was_and_never_less_than_nothing(
    late: list[float],
) -> None:
    now, left, told = 100.0, iter(late), list[float]()

    async def sleep(seconds: float) -> None:
        nonlocal now
        delay = next(left, None)
        if delay is None:
            raise Enough
        now += seconds + delay

    with pytest.raises(Enough):
        asyncio.run(watch_stalls(told.append, monotonic=lambda: now, sleep=sleep))
    assert told == pytest.approx([max(0.0, delay) for delay in late], abs=1e-9)


async def test_a_loop_that_is_held_up_is_seen() -> None:
    told: list[float] = []
    watching = asyncio.create_task(watch_stalls(told.append))
    await asyncio.sleep(EVERY_SECONDS / 2)
    time.sleep(0.2)  # noqa: ASYNC251 - the very thing that must not be done
    await asyncio.sleep(EVERY_SECONDS)
    watching.cancel()
    assert max(told) >= 0.1
