"""Starts the upstreams of a benchmark, each in a process of its own, and stops them."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
_STOP_SECONDS = 10.0


@contextmanager
def upstreams(number: int = 1, *, heartbeat_seconds: float = 15.0) -> Iterator[list[str]]:
    """The base URLs of so many."""
    with ExitStack() as running:
        yield [running.enter_context(_upstream(heartbeat_seconds)) for _ in range(number)]


@contextmanager
def _upstream(heartbeat_seconds: float) -> Iterator[str]:
    command = (sys.executable, "-m", "benchmarks.server", str(heartbeat_seconds))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


async def release(urls: Sequence[str]) -> None:
    """Let every stream that is held have its next event."""
    for url in urls:
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(b"GET /release HTTP/1.1\r\nhost: loopback\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
