"""The composition: what a user can get wrong is found at once, and nothing is left behind by it."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from exporter.core.observations import FollowingChanged, Observation
from exporter.errors import UserError
from exporter.service import _FOLLOW_RESULTS, Service
from exporter.settings import Command, Settings, load
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator
from exporter.upstream.discovery import FollowNow
from exporter.web import FollowResult
from tests.support.process import free_port

KEY: Final = {"KERNEL_API_KEY": "simulator-key"}


@pytest.fixture(autouse=True)
def without_otel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a collector that is not there: what is exported waits in a queue, and a thread."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        yield somebody.getsockname()[1]


def settings(*ports: int, env: dict[str, str] | None = None, **flags: str) -> Settings:
    given: dict[str, tuple[str, ...]] = {
        f"--{flag.replace('__', '.').replace('_', '-')}": (x,) for flag, x in flags.items()
    }
    given["--web.listen-address"] = tuple(f"127.0.0.1:{port}" for port in ports or (0,))
    return load(Command.RUN, given, KEY if env is None else env)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.usefixtures("traced")
def test_an_address_in_use_leaves_no_thread_and_no_socket(taken: int) -> None:
    port, threads = free_port(), set(threading.enumerate())
    with pytest.raises(UserError, match=f"--web.listen-address 127.0.0.1:{taken} is already in"):
        Service(settings(port, taken))
    assert is_free(port)
    assert set(threading.enumerate()) == threads


@pytest.mark.usefixtures("traced")
def test_a_base_url_that_will_not_do_leaves_no_thread_and_no_socket() -> None:
    port, threads = free_port(), set(threading.enumerate())
    with pytest.raises(UserError, match=r"^--kernel.base-url: "):
        Service(settings(port, kernel__base_url="http://api.example"))
    assert is_free(port)
    assert set(threading.enumerate()) == threads


def test_a_bad_variable_of_opentelemetry_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")
    port = free_port()
    with pytest.raises(UserError, match="OTEL_EXPORTER_OTLP_PROTOCOL"):
        Service(settings(port))
    assert is_free(port)


@pytest.mark.usefixtures("traced")
async def test_a_service_that_was_never_started_stops_cleanly() -> None:
    port, threads = free_port(), set(threading.enumerate())
    service = Service(settings(port))
    assert not is_free(port)
    await service.stop()
    assert is_free(port)
    left = {t.name for t in set(threading.enumerate()) - threads if "asyncio" not in t.name}
    assert left == set()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot read .*: no such file or directory"),
        ("", "holds no key: write the API key into it"),
        ("two words", "one line of printable ASCII without spaces"),
    ],
)
def test_a_key_file_that_will_not_do_is_named(
    tmp_path: Path, content: str | None, problem: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(UserError, match=problem) as raised:
        Service(settings(kernel__api_key_file=str(file)))
    assert str(file) in str(raised.value)


def test_without_a_key_the_error_names_all_ways_out() -> None:
    with pytest.raises(UserError, match=r"KERNEL_API_KEY.*--kernel.api-key-file.*demo"):
        Service(settings(env={}))


def test_every_answer_of_the_discovery_has_one_of_the_page() -> None:
    assert set(_FOLLOW_RESULTS) == set(FollowNow)
    assert set(_FOLLOW_RESULTS.values()) == set(FollowResult)


async def test_a_sink_that_fails_is_named_by_readiness_while_the_source_is_fine() -> None:
    class Broken:
        def observe(self, observation: Observation, /) -> None:
            raise RuntimeError(observation)

    async with Simulator(SimulatorConfig(flows_per_minute=0)) as simulator:
        service = Service(settings(kernel__base_url=simulator.base_url))
        service._fanout._branches[0].observe = Broken().observe  # type: ignore[misc]
        service._fanout.observe(FollowingChanged(0))
        await service.start()
        try:
            async with httpx.AsyncClient(base_url=service.urls[0]) as client:
                answer = await client.get("/-/ready")
                assert (await client.get("/-/healthy")).status_code == 200
        finally:
            await service.stop()
    assert answer.status_code == 503
    assert answer.json()["sink"] == {"ready": False, "reason": "failing: metrics"}


async def test_an_exporter_that_keeps_the_pace_of_a_small_rate_limit_is_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Simulator(SimulatorConfig(flows_per_minute=0, rate_limit_per_minute=2)) as simulator:
        service = Service(settings(kernel__base_url=simulator.base_url))
        await service.start()
        try:
            async with asyncio.timeout(5):
                while not service.readiness().source.ready:  # noqa: ASYNC110 - there is no event
                    await asyncio.sleep(0.01)
            now_ns = time.time_ns()
            monkeypatch.setattr(time, "time_ns", lambda: now_ns + 200 * 10**9)
            at_pace = service.readiness().source
            monkeypatch.setattr(time, "time_ns", lambda: now_ns + 1300 * 10**9)
            late = service.readiness().source
        finally:
            await service.stop()
    assert at_pace.ready, at_pace.reason
    assert not late.ready
