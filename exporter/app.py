"""The commands that serve, each until a signal or its time: ``run``, ``demo``, ``simulate``."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from rich.console import Console

from exporter.errors import UserError
from exporter.service import Service
from exporter.settings import KernelSettings, ListenAddress, Settings, SimulatorSettings
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator
from exporter.terminal import Places, show

_TRACES: Final = {
    True: "sent over OTLP, as OTEL_* say",
    False: "not sent; OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 sends them to a collector",
}

EXAMPLE_QUERY: Final = "sum by (outcome, flow_type) (increase(managed_auth_flows_ended_total[5m]))"


def run(settings: Settings) -> int:
    """Follow the connections of a Kernel organisation until SIGTERM or SIGINT."""
    return _serve(lambda stop: _run(settings, stop))


def demo(settings: Settings) -> int:
    """Follow the flows of a built-in simulator, and draw them, until a signal or ``--for``."""
    return _serve(lambda stop: _demo(settings, stop))


def simulate(settings: Settings) -> int:
    """Serve the simulated API until a signal or ``--for``."""
    return _serve(lambda stop: _simulate(settings, stop))


async def _run(settings: Settings, stop: asyncio.Event) -> None:
    service = Service(settings)
    try:
        await service.start()
        await stop.wait()
    finally:
        await service.stop()


async def _demo(settings: Settings, stop: asyncio.Event) -> None:
    simulated = settings.simulator
    simulator = _simulator(simulated)
    async with _running(simulator, simulated.listen_address):
        service = Service(_pointed_at(simulator, settings))
        page = service.urls[0]
        simulator.notify_url = f"{page}-/follow/{{id}}"
        metrics = f"{page}{settings.web.telemetry_path.lstrip('/')}"
        places = Places(page, metrics, EXAMPLE_QUERY, _TRACES[service.traces is not None])
        picture = asyncio.create_task(
            show(service.live.snapshot, places, console=Console(), now_seconds=time.time)
        )
        try:
            await service.start()
            await _until(stop, simulated.run_for_seconds, picture)
        finally:
            picture.cancel()
            await asyncio.gather(picture, return_exceptions=True)
            await service.stop()


async def _simulate(settings: Settings, stop: asyncio.Event) -> None:
    simulated = settings.simulator
    simulator = _simulator(simulated)
    async with _running(simulator, simulated.listen_address):
        print(f"The simulated API is at {simulator.base_url}; follow it with:", flush=True)  # noqa: T201
        print(  # noqa: T201 - what the command is asked for
            f"  KERNEL_BASE_URL={simulator.base_url} KERNEL_API_KEY={simulated.api_key.reveal()}"
            " managed-auth-exporter run",
            flush=True,
        )
        await _until(stop, simulated.run_for_seconds)


def _serve(body: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> int:
    """Run ``body`` on the fastest loop there is; SIGTERM and SIGINT set its event."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_stoppable(body))
    return 0


async def _stoppable(body: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await body(stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - it installs on most systems, not on all
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _until(stop: asyncio.Event, seconds: float | None, *others: asyncio.Task[None]) -> None:
    """Return when asked to stop, when the time is over, or when one of the others fails."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait(
        {waiting, *others}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
    )
    waiting.cancel()
    for task in done - {waiting}:
        task.result()


@asynccontextmanager
async def _running(simulator: Simulator, address: ListenAddress) -> AsyncIterator[None]:
    try:
        await simulator.start()
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else "unknown host"
        raise UserError(f"--simulator.listen-address {address}: {why}") from error
    try:
        yield
    finally:
        await simulator.stop()


def _simulator(settings: SimulatorSettings) -> Simulator:
    config = SimulatorConfig(
        connections=settings.connections,
        domains=settings.domains,
        flows_per_minute=settings.flows_per_minute,
        max_flows=settings.max_flows,
        seed=settings.seed,
        time_scale=settings.time_scale,
        scenarios=dict(settings.scenarios) or None,
        api_key=settings.api_key.reveal(),
        heartbeat_seconds=settings.heartbeat_seconds,
        rate_limit_per_minute=settings.rate_limit_per_minute or None,
        restamp_snapshots=settings.restamp_snapshots,
        event_ids=settings.event_ids,
        health_checks_per_minute=settings.health_checks_per_minute,
        timeline_lag_seconds=settings.timeline_lag_seconds,
        late_completed_at=settings.late_completed_at,
        notify_url=settings.notify_url,
    )
    address = settings.listen_address
    host = address.host or "0.0.0.0"  # noqa: S104 - an empty host is every interface
    try:
        return Simulator(config, host, address.port)
    except ValueError as error:
        raise UserError(f"--scenario: {error}") from error


def _pointed_at(simulator: Simulator, settings: Settings) -> Settings:
    """The settings of a service that follows the simulator."""
    kernel = KernelSettings(
        base_url=simulator.base_url,
        api_key=settings.simulator.api_key,
        api_key_file=None,
        allow_insecure=False,
        api_budget=settings.kernel.api_budget,
    )
    return replace(settings, kernel=kernel)
