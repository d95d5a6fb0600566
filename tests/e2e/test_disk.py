"""A journal that cannot be used is told at the start; one that fails later costs no count."""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.scenarios import QUICK_SCENARIOS, SCENARIOS
from tests.support.lives import living
from tests.support.process import Stopped, exporting, free_port, refused
from tests.support.samples import Samples, counted, only, total
from tests.support.secrets import API_KEY, SECRETS

ENV: Final = {"KERNEL_API_KEY": API_KEY, "KERNEL_BASE_URL": "http://127.0.0.1:9"}
OPTIONS: Final = ("--discovery.poll-interval=1s", "--timeline.interval=1s")
AS_OTHERS: Final = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")
NO_FILE_MAY_GROW: Final = ("sh", "-c", 'ulimit -f 0; exec "$0" "$@"')
PLAYED: Final = (*SCENARIOS, *QUICK_SCENARIOS)


def check_mistake(stopped: Stopped, data_dir: Path) -> None:
    """It was told in one line which option, which directory."""
    assert stopped.status == 2, stopped.stderr
    (line,) = stopped.stderr.splitlines()
    assert "--data-dir" in line
    assert str(data_dir) in line


async def start_in(data_dir: Path, within: Sequence[str] = ()) -> Stopped:
    return await refused(f"--data-dir={data_dir}", env=ENV, within=within)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal's directory, as an exporter that has followed some flows left it behind."""
    data_dir = tmp_path_factory.mktemp("used")
    asyncio.run(follow_flows(data_dir))
    return data_dir


async def follow_flows(data_dir: Path) -> None:
    async with living(told(), data_dir) as lives, lives.life(*OPTIONS) as exporter:
        lives.begin(PLAYED)
        await lives.settled(exporter)
        await exporter.stop()


@pytest.fixture
def journal(used: Path, tmp_path: Path) -> Path:
    """A copy of it, to do harm to."""
    return shutil.copytree(used, tmp_path / "journal")


def told() -> SimulatorConfig:
    return SimulatorConfig(
        connections=30, domains=4, flows_per_minute=0, time_scale=40.0, api_key=API_KEY
    )


def database(data_dir: Path) -> Path:
    """The journal's file, with everything in it that was still in its log."""
    (file,) = (each for each in data_dir.iterdir() if each.read_bytes()[:6] == b"SQLite")
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return file


def scramble(content: bytes) -> bytes:
    return Random(1).randbytes(len(content))


DAMAGE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "all of it": scramble,
    "all but the first page": lambda content: content[:4096] + scramble(content[4096:]),
    "cut in the middle": lambda content: content[: len(content) // 2],
    "another file": lambda _content: b"dear diary,\n" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_journal_is_told_at_the_start(damage: str, journal: Path) -> None:
    file = database(journal)
    damaged = DAMAGE[damage](file.read_bytes())
    file.write_bytes(damaged)
    check_mistake(await start_in(journal), journal)
    assert file.read_bytes() == damaged, "what may yet be saved is left alone"


async def test_a_journal_of_a_newer_version_is_told_at_the_start(journal: Path) -> None:
    with sqlite3.connect(database(journal)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    check_mistake(await start_in(journal), journal)


async def test_a_journal_that_is_in_use_is_told_at_the_start(journal: Path) -> None:
    arguments = (f"--data-dir={journal}", "--discovery.poll-interval=1h")
    async with exporting(*arguments, env=ENV, port=free_port(), ready=503):
        check_mistake(await start_in(journal), journal)


@pytest.mark.parametrize("below", ["", "journal"])
async def test_a_file_where_the_directory_should_be_is_told_at_the_start(
    below: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("I was here first", encoding="utf-8")
    data_dir = tmp_path / "taken" / below
    check_mistake(await start_in(data_dir), data_dir)


async def test_a_full_disk_is_told_at_the_start(tmp_path: Path) -> None:
    check_mistake(await start_in(tmp_path, within=NO_FILE_MAY_GROW), tmp_path)


async def test_a_full_disk_is_told_at_the_start_with_a_journal_on_it(journal: Path) -> None:
    check_mistake(await start_in(journal, within=NO_FILE_MAY_GROW), journal)


@pytest.fixture
def minding_permissions() -> tuple[str, ...]:
    """Within which command permissions count: for root as it comes they do not."""
    if os.geteuid():
        return ()
    probe = subprocess.run([*AS_OTHERS, "true"], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("this is root, who may write anywhere, and cannot give that up")
    return AS_OTHERS


def protect(folder: Path) -> None:
    """Let nobody write what is in the folder, or into it."""
    for path in (*folder.iterdir(), folder):
        path.chmod(0o500)


async def test_a_read_only_directory_is_told_at_the_start(
    tmp_path: Path, minding_permissions: tuple[str, ...]
) -> None:
    protect(tmp_path)
    check_mistake(await start_in(tmp_path, within=minding_permissions), tmp_path)


async def test_a_read_only_journal_is_told_at_the_start(
    journal: Path, minding_permissions: tuple[str, ...]
) -> None:
    database(journal)
    protect(journal)
    check_mistake(await start_in(journal, within=minding_permissions), journal)


def let_files_grow(pid: int, size: int) -> None:
    """No file of that process can get larger than so many bytes: a full disk, as SQLite sees it."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))


async def test_a_disk_that_fills_costs_no_count_and_is_told_until_there_is_room(
    tmp_path: Path,
) -> None:
    async with living(told(), tmp_path) as lives:
        async with lives.life(*OPTIONS) as exporter:
            assert only(await lives.read_timelines(exporter), "journal_up") == 1
            let_files_grow(exporter.pid, 0)
            lives.begin(PLAYED)
            full = await lives.settled(exporter)
            assert only(full, "journal_up") == 0
            assert total(full, "journal_write_errors_total") > 0
            ready = await exporter.client.get("/-/ready")
            assert (ready.status_code, "journal" in ready.text) == (503, True), ready.text
            assert (await exporter.client.get("/-/healthy")).status_code == 200
            let_files_grow(exporter.pid, resource.RLIM_INFINITY)
            await lives.until(exporter, "journal_up", 1)
            assert (await exporter.client.get("/-/ready")).status_code == 200
            await exporter.kill()
        async with lives.life(*OPTIONS) as exporter:
            check_same(await lives.settled(exporter), full)
            stopped = await exporter.stop()
        assert "Traceback" not in stopped.stderr


def check_same(after: Samples, before: Samples) -> None:
    """The counts are the same, down to how each flow was observed."""
    for name, label in (("flows_ended_total", "observed"), ("flows_started_total", "entry")):
        assert counted(after, name, label) == counted(before, name, label)


async def test_no_secret_gets_into_the_journal(tmp_path: Path) -> None:
    async with living(told(), tmp_path) as lives:
        lives.received.status = 503
        async with lives.life(*OPTIONS) as exporter:
            lives.begin(PLAYED)
            kept = b""
            while lives.simulator.ledger.running():
                await lives.scrape(exporter)
                kept += contents(tmp_path)
            await lives.read_timelines(exporter)
            await exporter.kill()
        kept += contents(tmp_path)
        flows = lives.simulator.ledger.flows
    assert any(flow.connection_id.encode() in kept for flow in flows), "it keeps nothing at all"
    for secret in (API_KEY, *SECRETS):
        assert secret.encode() not in kept, secret


def contents(data_dir: Path) -> bytes:
    return b"".join(file.read_bytes() for file in data_dir.rglob("*") if file.is_file())
