"""The exporter as a user runs it: a process of its own, asked over HTTP, stopped by a signal."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families

OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"
START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 5.0


class Stopped(NamedTuple):
    """How the process ended."""

    status: int
    seconds: float
    stderr: str


class Exporter:
    """A running ``managed-auth-exporter``."""

    def __init__(self, process: asyncio.subprocess.Process, client: httpx.AsyncClient) -> None:
        self._process = process
        self.client = client

    async def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample by name and labels, read by the official OpenMetrics parser."""
        answer = await self.client.get("/metrics", headers={"accept": OPENMETRICS})
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
            for sample in family.samples
        }

    @property
    def pid(self) -> int:
        """The process, for what can only be done to it from outside."""
        return self._process.pid

    async def stop(self, how: int = signal.SIGTERM) -> Stopped:
        """Send a signal and wait for the end."""
        started = time.monotonic()
        self._process.send_signal(how)
        _, stderr = await asyncio.wait_for(self._process.communicate(), 4 * STOP_SECONDS)
        assert self._process.returncode is not None
        return Stopped(self._process.returncode, time.monotonic() - started, stderr.decode())

    async def kill(self) -> None:
        """``kill -9``: nothing of the process gets to do anything any more."""
        stopped = await self.stop(signal.SIGKILL)
        assert stopped.status == -signal.SIGKILL, f"it was dead already: {stopped.stderr}"


@asynccontextmanager
async def exporting(
    *arguments: str, env: Mapping[str, str], port: int, ready: int | None = 200
) -> AsyncIterator[Exporter]:
    """Start ``run`` and wait until ``/-/ready`` answers ``ready``; killed if it still runs.

    With ``ready`` None nothing is waited for: the process may still be starting.
    """
    process = await _start((), arguments, env, port)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            if ready is not None:
                await _wait_until(client, ready, process)
            yield Exporter(process, client)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def refused(*arguments: str, env: Mapping[str, str], within: Sequence[str] = ()) -> Stopped:
    """How ``run`` ends by itself at once, because something is not as it should be.

    ``within`` is the command that it is run by.
    """
    began = time.monotonic()
    started = await _start(within, arguments, env, free_port())
    try:
        async with asyncio.timeout(START_SECONDS):
            _, stderr = await started.communicate()
    finally:
        if started.returncode is None:
            started.kill()
            await started.communicate()
    assert started.returncode is not None
    return Stopped(started.returncode, time.monotonic() - began, stderr.decode())


async def _start(
    within: Sequence[str],
    arguments: Sequence[str],
    env: Mapping[str, str],
    port: int,
) -> asyncio.subprocess.Process:
    listen = f"--web.listen-address=127.0.0.1:{port}"
    outer = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return await asyncio.create_subprocess_exec(
        *(*within, sys.executable, "-m", "exporter", "run", listen, *arguments),
        env=outer | dict(env),
        stderr=asyncio.subprocess.PIPE,
    )


async def _wait_until(
    client: httpx.AsyncClient, ready: int, process: asyncio.subprocess.Process
) -> None:
    async with asyncio.timeout(START_SECONDS):
        while process.returncode is None:
            try:
                if (await client.get("/-/ready")).status_code == ready:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    raise AssertionError(f"the exporter ended with status {process.returncode}")


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
