"""A trace backend as a process of its own: what the tests ask of any of them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import Span

START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 10.0
LOG: Final = "server.log"

_BLANK: Final = bytes(1024 * 1024)


class Stored(NamedTuple):
    """All that a backend answers: spans as official messages, and who sent each trace."""

    spans: list[Span]
    resources: list[dict[str, str]]


class Backend(Protocol):
    """A backend that runs. ``env`` are the variables that send the exporter's spans to it."""

    env: Mapping[str, str]

    async def stored(self) -> Stored:
        """Everything that it keeps, read through its own API."""


@asynccontextmanager
async def serving(
    *command: str, env: Mapping[str, str], folder: Path, ready: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Run a server until the end of the block; what it writes goes to a log in ``folder``.

    ``ready`` is the URL that answers 200 once it can be used. It has a process group of its own:
    servers start helpers, and none of them may outlive the test.
    """
    with (folder / LOG).open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | dict(env),
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            await _until_ready(client, ready, process)
            yield client
    finally:
        await _end(process)


async def _until_ready(
    client: httpx.AsyncClient, url: str, process: asyncio.subprocess.Process
) -> None:
    async with asyncio.timeout(START_SECONDS):
        while process.returncode is None:
            with suppress(httpx.TransportError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.2)
    raise AssertionError(f"the backend ended with status {process.returncode}: see its {LOG}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """First politely, so that everything is on the disk; then whoever is left of the group."""
    with suppress(ProcessLookupError):
        process.terminate()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def raw(folder: Path) -> bytes:
    """The bytes of all files in a backend's folder, in whatever format they are.

    To be read while it runs: as it ends, Jaeger compresses what it has.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return b"\n".join(_written(file) for file in files)


def _written(file: Path) -> bytes:
    """What is in a file, without the blocks that nothing was written to: it may be sparse."""
    with file.open("rb") as opened:
        blocks = iter(partial(opened.read, len(_BLANK)), b"")
        return b"".join(block for block in blocks if block != _BLANK[: len(block)])
