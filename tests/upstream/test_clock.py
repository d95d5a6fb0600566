import time

from exporter.upstream.clock import SYSTEM_CLOCK


async def test_system_clock_tells_real_time_and_sleeps() -> None:
    assert abs(SYSTEM_CLOCK.unix_ns() - time.time_ns()) < 5 * 10**9
    before = SYSTEM_CLOCK.monotonic()
    await SYSTEM_CLOCK.sleep(0.01)
    assert SYSTEM_CLOCK.monotonic() - before >= 0.009
    assert 0 <= SYSTEM_CLOCK.random() < 1
