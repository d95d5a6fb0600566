"""The composition: what a user can get wrong is found at once, and nothing is left behind by it."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.core.observations import FollowingChanged, Observation
from exporter.errors import UserError
from exporter.service import _FOLLOW_RESULTS, Service
from exporter.settings import Command, Settings, load
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator
from exporter.stores.store import Batch, StoreError
from exporter.upstream.discovery import FollowNow
from exporter.web import FollowResult
from tests.support.process import OPENMETRICS, free_port
from tests.support.samples import Samples, only, outcomes, total

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


READY: Final = "managed_auth_exporter_ready"
SOURCE, SINK = (frozenset({("side", side)}) for side in ("source", "sink"))


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
            scraped = await until(service, lambda now: now[READY, SOURCE] == 1)
            await until(service, lambda now: total(now, "event_loop_stall_seconds_count") >= 2)
        finally:
            await service.stop()
    assert scraped[READY, SINK] == 0
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


async def scrape(service: Service) -> Samples:
    async with httpx.AsyncClient(base_url=service.urls[0]) as client:
        answer = await client.get("/metrics", headers={"accept": OPENMETRICS})
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


async def until(service: Service, condition: Callable[[Samples], bool]) -> Samples:
    async with asyncio.timeout(20):
        while not condition(samples := await scrape(service)):  # noqa: ASYNC110 - polls an API
            await asyncio.sleep(0.05)
    return samples


async def test_a_second_service_goes_on_with_the_flows_and_counts_of_the_first(
    tmp_path: Path,
) -> None:
    world = SimulatorConfig(
        connections=2, flows_per_minute=0, health_checks_per_minute=0, time_scale=10
    )
    async with Simulator(world) as simulator:
        with_journal = settings(kernel__base_url=simulator.base_url, data_dir=str(tmp_path))
        connection = simulator.world.pick("password_login")
        assert connection is not None
        simulator.world.start(connection, "password_login")
        first = Service(with_journal)
        await first.start()
        try:
            before = await until(first, lambda now: total(now, "flows_in_progress") == 1)
        finally:
            await first.stop()
        assert total(before, "flows_started_total") == 1
        second = Service(with_journal)
        await second.start()
        try:
            assert total(await scrape(second), "flows_started_total") == 1
            after = await until(second, lambda now: total(now, "flows_ended_total") == 1)
        finally:
            await second.stop()
        assert outcomes(after) == simulator.ledger.counts()
    assert total(after, "flows_started_total") == 1
    assert total(after, "flows_in_progress") == 0
    assert only(after, "journal_up") == 1


async def test_a_journal_that_cannot_be_written_is_named_by_readiness_and_a_gauge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(batch: Batch, /) -> None:
        raise StoreError(f"the disk is full: make room ({len(batch.connections)} to write)")

    world = SimulatorConfig(connections=1, flows_per_minute=0)
    async with Simulator(world) as simulator:
        service = Service(settings(kernel__base_url=simulator.base_url, data_dir=str(tmp_path)))
        assert service._journal
        monkeypatch.setattr(service._journal._store, "commit", fail)
        await service.start()
        try:
            failing = await until(service, lambda now: only(now, "journal_up") == 0)
            condition = service.readiness().sink
            monkeypatch.undo()
            await until(service, lambda now: only(now, "journal_up") == 1)
            assert service.readiness().sink.ready
        finally:
            await service.stop()
    assert total(failing, "journal_write_errors_total") >= 1
    assert not condition.ready
    assert condition.reason.startswith("the journal cannot be written: the disk is full: make room")


async def test_without_a_directory_nothing_is_said_of_a_journal() -> None:
    async with Simulator(SimulatorConfig(flows_per_minute=0)) as simulator:
        service = Service(settings(kernel__base_url=simulator.base_url))
        await service.start()
        try:
            samples = await scrape(service)
        finally:
            await service.stop()
    assert only(samples, "journal_up") is None


def test_a_journal_that_cannot_be_used_leaves_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    port = free_port()
    with pytest.raises(UserError, match=r"^--data-dir: "):
        Service(settings(port, data_dir=str(tmp_path / "file")))
    assert is_free(port)


async def test_two_services_never_share_a_journal(tmp_path: Path) -> None:
    first = Service(settings(data_dir=str(tmp_path)))
    port = free_port()
    with pytest.raises(UserError, match=r"^--data-dir: "):
        Service(settings(port, data_dir=str(tmp_path)))
    assert is_free(port)
    await first.stop()
    await Service(settings(data_dir=str(tmp_path))).stop()
