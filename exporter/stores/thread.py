"""Blocking calls, one after the other, in a thread that the end of the process does not wait for.

An executor would do but for its end: the interpreter joins the threads of executors on its way out,
and a call that never returns would keep a stopped exporter alive.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

_Call = tuple[Callable[[], None], "asyncio.Future[None]"]


class CallThread:
    """Runs calls in the order in which they come; the thread begins with the first.

    Args:
        name: what the thread is called.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def call(self, function: Callable[[], None]) -> "asyncio.Future[None]":
        """Have it called; what is returned ends with the call, and raises what it raised."""
        if self._thread.ident is None:
            self._thread.start()
        future = asyncio.get_running_loop().create_future()
        self._calls.put((function, future))
        return future

    def end(self) -> None:
        """End the thread once it has made all its calls; waits for nothing."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            function, future = call
            error: Exception | None = None
            try:
                function()
            except Exception as raised:  # noqa: BLE001 - whoever waits for the future is told
                error = raised
            # A loop that was closed meanwhile has nobody left who would want to know.
            with suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(_settle, future, error)


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
