"""A thread for calls that block."""

import asyncio
import threading
import time
from functools import partial

import pytest

from exporter.stores.thread import CallThread
from tests.support.journals import in_a_process


async def test_calls_are_made_in_order_in_one_other_thread() -> None:
    made: list[tuple[int, int]] = []
    thread = CallThread("test")

    def note(number: int) -> None:
        made.append((number, threading.get_ident()))

    calls = [thread.call(partial(note, number)) for number in range(50)]
    await asyncio.gather(*calls)
    thread.end()
    assert [number for number, _ in made] == list(range(50))
    assert len({ident for _, ident in made}) == 1
    assert made[0][1] != threading.get_ident()


async def test_what_a_call_raises_is_raised_to_whoever_waits_and_the_next_is_made() -> None:
    def broken() -> None:
        raise KeyError(1)

    thread = CallThread("test")
    failed, fine = thread.call(broken), thread.call(lambda: None)
    with pytest.raises(KeyError):
        await failed
    await fine
    thread.end()


async def test_the_loop_goes_on_while_a_call_blocks() -> None:
    free = threading.Event()
    ended: list[bool] = []
    thread = CallThread("test")
    call = thread.call(lambda: ended.append(free.wait(20)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not call.done()
    free.set()
    await call
    thread.end()
    assert ended == [True]


def test_the_end_of_a_loop_or_a_process_waits_for_no_call() -> None:
    code = """
import asyncio, threading, time
from exporter.stores.thread import CallThread

async def main(call):
    thread = CallThread("test")
    thread.call(call)

free, late = threading.Event(), threading.Event()
asyncio.run(main(free.wait))
free.set()  # ends after its loop
time.sleep(0.05)
asyncio.run(main(lambda: time.sleep(60)))
print("over")
"""
    began = time.monotonic()
    told = in_a_process(code)
    assert (told.stdout, told.stderr, told.returncode) == ("over\n", "", 0)
    assert time.monotonic() - began < 20


async def test_whoever_stops_waiting_for_a_call_harms_nobody() -> None:
    free = threading.Event()
    thread = CallThread("test")
    given_up, later = thread.call(lambda: assert_set(free)), thread.call(lambda: None)
    given_up.cancel()
    free.set()
    await later
    assert given_up.cancelled()
    thread.end()


def assert_set(event: threading.Event) -> None:
    assert event.wait(20)
