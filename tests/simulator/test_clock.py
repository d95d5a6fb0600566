"""Time stamps and scaled sleeps."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.clock import Clock, rfc3339


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_a_timestamp_always_says_the_microsecond_of_its_nanoseconds(ns: int) -> None:
    moment = datetime.fromisoformat(rfc3339(ns))
    assert moment.tzinfo == UTC
    assert int(moment.timestamp()) * 1_000_000 + moment.microsecond == ns // 1_000


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_now_is_what_a_timestamp_can_carry(ns: int) -> None:
    now_ns = Clock(time_ns=lambda: ns).now_ns()
    assert now_ns == ns // 1_000 * 1_000


async def test_sleeping_takes_the_scaled_time() -> None:
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    clock = Clock(time_scale=4, sleep_real=note)
    await clock.sleep(10)
    assert slept == [2.5]
    assert clock.scaled_ns(10) == 2_500_000_000
