"""The commands that serve: what ends them, and what a user can get wrong before they do."""

import asyncio
import os
import signal
import socket
from dataclasses import replace

import pytest

from exporter import app
from exporter.errors import UserError
from exporter.settings import Command, ListenAddress, Settings, load
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator


def settings(**flags: str) -> Settings:
    given = {f"--{flag.replace('__', '.').replace('_', '-')}": (x,) for flag, x in flags.items()}
    return load(Command.DEMO, {"--web.listen-address": ("127.0.0.1:0",), **given}, {})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_command_with_status_0(number: signal.Signals) -> None:
    async def body(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        await stop.wait()

    assert app._serve(body) == 0


async def test_waiting_ends_with_the_signal_or_the_time_or_the_failure_of_another() -> None:
    async def fail() -> None:
        raise RuntimeError("the picture fell off the wall")

    stop = asyncio.Event()
    await app._until(stop, 0.001)
    with pytest.raises(RuntimeError, match="picture"):
        await app._until(stop, None, asyncio.create_task(fail()))
    stop.set()
    await app._until(stop, None)


async def test_a_simulator_address_in_use_is_told_with_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        address = ListenAddress("127.0.0.1", somebody.getsockname()[1])
        simulator = Simulator(SimulatorConfig(), address.host, address.port)
        with pytest.raises(UserError, match=r"^--simulator.listen-address 127.0.0.1:.* in use"):
            async with app._running(simulator, address):
                pass
    assert simulator.world.is_closed is False


def test_an_unknown_scenario_is_told_with_its_option() -> None:
    simulated = replace(settings().simulator, scenarios=(("pasword_login", 1.0),))
    with pytest.raises(UserError, match=r"^--scenario: unknown scenario 'pasword_login'; known: "):
        app._simulator(simulated)


async def test_a_demo_follows_its_own_simulator_however_kernel_is_configured() -> None:
    given = load(Command.DEMO, {"--discovery.poll-interval": ("7s",)}, {"KERNEL_API_KEY": "mine"})
    async with Simulator(SimulatorConfig()) as simulator:
        pointed = app._pointed_at(simulator, given)
        assert pointed.kernel.base_url == simulator.base_url
    assert pointed.kernel.api_key == given.simulator.api_key
    assert pointed.kernel.api_key_file is None
    assert pointed.following.poll_interval_seconds == 7.0


def test_a_demo_ends_after_its_time_and_says_where_to_look(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert app.demo(settings(**{"for": "300ms"})) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[:3]] == ["page", "metrics", "PromQL"]


def test_a_demo_on_an_address_in_use_stops_its_simulator_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = f"127.0.0.1:{somebody.getsockname()[1]}"
        with pytest.raises(UserError, match=f"--web.listen-address {taken} is already in use"):
            app.demo(settings(web__listen_address=taken))
