"""The command lines of the stack, run as processes here: with other hosts, ports and folders."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.deploy.stack import (
    ALERTMANAGER,
    PROMETHEUS,
    RULES,
    command,
    configuration,
    environment,
    health_check,
)
from tests.otlp_receiver import Received, http_receiver
from tests.support.process import exporting, free_port
from tests.support.prometheus import Prometheus, running

PATIENCE_SECONDS: Final = 40.0


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Ask again and again: what another process does has no event here."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def is_well(name: str, replaced: Mapping[str, str]) -> bool:
    """Whether the health check of one of our services says so."""
    _, *arguments = health_check(name, replaced)
    check = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stderr=asyncio.subprocess.DEVNULL
    )
    return await check.wait() == 0


@asynccontextmanager
async def simulating(replaced: Mapping[str, str]) -> AsyncIterator[None]:
    """The simulator, once its health check finds it well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", *command("simulator", replaced)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: is_well("simulator", replaced))
        yield
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def places(folder: Path, received: Received) -> Mapping[str, str]:
    """Where things are here that have names of their own between the containers."""
    ours, upstream = (f"127.0.0.1:{free_port()}" for _ in range(2))
    return {
        "http://jaeger:4318": received.endpoint,
        **dict.fromkeys(("simulator:10465", "0.0.0.0:10465", "127.0.0.1:10465"), upstream),
        **dict.fromkeys(("exporter:10464", "127.0.0.1:10464"), ours),
        "=/data": f"={folder / 'journal'}",
        "=/prometheus": f"={folder / 'tsdb'}",
        "/etc/prometheus/prometheus.yml": str(folder / "prometheus.yml"),
        "/etc/prometheus/rules": str(RULES),
        # The tests have less patience than a user.
        "scrape_interval: 5s": "scrape_interval: 1s",
    }


@asynccontextmanager
async def following(replaced: Mapping[str, str]) -> AsyncIterator[None]:
    """The exporter, once it is ready."""
    port = int(replaced["exporter:10464"].partition(":")[2])
    _, *flags = command("exporter", replaced)
    async with exporting(*flags, env=environment("exporter", replaced), port=port) as exporter:
        yield
        assert (await exporter.stop()).status == 0


async def followable(prometheus: Prometheus, received: Received, since: float) -> set[str]:
    """The trace ids that Prometheus keeps with the duration of steps, and whose spans arrived."""
    bucket = "managed_auth_step_duration_seconds_bucket"
    exemplars = await prometheus.exemplars(bucket, since=since)
    arrived = {span.trace_id.hex() for span in received.spans}
    return arrived & {each["trace_id"] for each in exemplars}


async def answers(url: str) -> bool:
    """Whether something is well that listens there."""
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(url)).is_success
        except httpx.TransportError:
            return False


@pytest.mark.real("prometheus")
async def test_the_stack_is_scraped_and_its_exemplars_lead_to_its_traces(tmp_path: Path) -> None:
    with http_receiver() as received:
        here = places(tmp_path, received)
        (tmp_path / "prometheus.yml").write_text(configuration(PROMETHEUS, here), "utf-8")
        began = time.time()
        async with (
            simulating(here),
            following(here),
            running(*command("prometheus", here)) as prometheus,
        ):
            assert await is_well("exporter", here)
            await until(lambda: prometheus.query('up{job="managed-auth"} == 1'))
            # Spans go out in batches, some seconds after the scrape that brings the exemplar.
            await until(lambda: followable(prometheus, received, began))


@pytest.mark.real("prometheus-alertmanager")
async def test_alertmanager_starts_with_its_command_line(tmp_path: Path) -> None:
    own = free_port()
    here = {
        "/etc/alertmanager/alertmanager.yml": str(ALERTMANAGER),
        "=/alertmanager": f"={tmp_path}",
        "127.0.0.1:9093": f"127.0.0.1:{own}",
    }
    process = await asyncio.create_subprocess_exec(
        *("prometheus-alertmanager", *command("alertmanager", here)),
        f"--web.listen-address=127.0.0.1:{own}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: answers(health_check("alertmanager", here)[-1]))
    finally:
        process.kill()
        await process.wait()
