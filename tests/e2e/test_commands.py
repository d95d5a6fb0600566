"""Each command as a user types it: what it prints, where, and its exit status."""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from socket import create_server
from typing import Final

import httpx
import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator
from tests.support.process import OPENMETRICS, STOP_SECONDS, exporting, free_port
from tests.support.transcripts import FOLDER, checked

KEY: Final = "sk-for-these-tests"
TRANSCRIPTS: Final = sorted(path.stem for path in FOLDER.glob("*.sse"))
ENVIRONMENT: Final = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("OTEL_", "KERNEL_", "MANAGED_AUTH_", "COLUMNS"))
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "exporter", *arguments]


def ran(
    *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of one command."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        env=ENVIRONMENT | dict(env or {}),
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def mistake(*arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """The one line that a mistake of the user is answered with."""
    status, _, stderr = ran(*arguments, stdin=stdin, env=env)
    assert status == 2, stderr
    [line] = stderr.splitlines()
    assert line.startswith("managed-auth-exporter: ")
    return line.removeprefix("managed-auth-exporter: ")


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that somebody else listens on."""
    with create_server(("127.0.0.1", 0)) as somebody:
        yield f"127.0.0.1:{somebody.getsockname()[1]}"


HURRIED: Final = (
    *("--web.listen-address=127.0.0.1:0", "--time-scale=40", "--flows-per-minute=600"),
    *("--scenario=password_login", "--scenario=bot_detection"),
)


def test_demo_says_where_to_look_tells_endings_and_stops_by_itself() -> None:
    status, stdout, stderr = ran("demo", "--for", "3s", *HURRIED)
    assert (status, stderr) == (0, "")
    page, metrics, query, traces, *endings = stdout.splitlines()
    assert re.fullmatch(r"page: http://127\.0\.0\.1:\d+/", page)
    assert re.fullmatch(r"metrics: http://127\.0\.0\.1:\d+/metrics", metrics)
    assert query.startswith("PromQL: sum by (outcome, flow_type)")
    assert traces.startswith("traces: not sent; OTEL_EXPORTER_OTLP_ENDPOINT=")
    told = re.compile(r"\S+ LOGIN (success|failed)( after \d+\.\d s)? [\w.-]+\.example(: .+)?")
    assert len(endings) >= 3
    assert all(told.fullmatch(line) for line in endings)


def test_demo_draws_a_picture_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    env = ENVIRONMENT | {"TERM": "xterm-256color", "COLUMNS": "110", "LINES": "40"}
    with subprocess.Popen(
        command("demo", "--for", "3s", *HURRIED),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
    ) as demo:
        os.close(theirs)
        drawn = "".join(_drawn(ours))
        assert demo.wait(10) == 0
    os.close(ours)
    for part in ("managed-auth-exporter demo", "Page ", "PromQL", "In progress", "Ended last"):
        assert part in drawn
    assert re.search(r"SUBMITTING|AWAITING_INPUT|DISCOVERING", drawn)
    assert "\x1b[?25h" in drawn, "the cursor is hidden for good"


def _drawn(terminal: int) -> Iterator[str]:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                content = os.read(terminal, 65536)
            except OSError:  # what Linux says when the other side is closed
                return
            yield content.decode("utf-8", "replace")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_every_open_stream_and_ends_with_0(number: signal.Signals) -> None:
    config = SimulatorConfig(connections=30, flows_per_minute=0, api_key=KEY)
    async with Simulator(config) as simulator:
        connections = list(simulator.world.connections.values())
        for connection in connections:
            simulator.world.start(connection, "input_expired")
        env = {"KERNEL_BASE_URL": simulator.base_url, "KERNEL_API_KEY": KEY}
        async with exporting(env=env, port=free_port()) as exporter:
            await until(lambda: all(each.hub.streams == 1 for each in connections))
            stopped = await exporter.stop(number)
        await until(lambda: not any(each.hub.streams for each in connections))
    assert (stopped.status, stopped.seconds < STOP_SECONDS) == (0, True), stopped.stderr
    assert "Traceback" not in stopped.stderr


async def test_a_refused_key_is_named_and_a_new_one_heals_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-an-old-key\n", "utf-8")
    async with Simulator(SimulatorConfig(flows_per_minute=0, api_key=KEY)) as simulator:
        env = {"KERNEL_BASE_URL": simulator.base_url, "KERNEL_API_KEY_FILE": str(file)}
        async with exporting(env=env, port=free_port(), ready=503) as exporter:
            answer = await until_source_says(exporter.client, "refuses the key with status 401")
            assert answer["sink"]["ready"] is True
            assert (await exporter.client.get("/-/healthy")).status_code == 200
            file.write_text(f"{KEY}\n", "utf-8")
            await until_source_says(exporter.client, "the API answers")
            assert (await exporter.client.get("/-/ready")).status_code == 200
            stopped = await exporter.stop()
    assert "sk-" not in stopped.stderr


async def test_an_api_that_cannot_be_reached_is_told_by_readiness_alone() -> None:
    env = {"KERNEL_BASE_URL": f"http://127.0.0.1:{free_port()}", "KERNEL_API_KEY": KEY}
    async with exporting(env=env, port=free_port(), ready=503) as exporter:
        await until_source_says(exporter.client, "no answer from the API")
        assert (await exporter.client.get("/-/healthy")).status_code == 200
        assert (await exporter.metrics())["managed_auth_flows_in_progress", LOGIN_SUBMITTING] == 0
        assert (await exporter.stop()).status == 0


LOGIN_SUBMITTING: Final = frozenset({("step", "SUBMITTING"), ("flow_type", "LOGIN")})


async def until_source_says(client: httpx.AsyncClient, words: str) -> dict[str, dict[str, object]]:
    async with asyncio.timeout(10):
        while True:
            answer: dict[str, dict[str, object]] = (await client.get("/-/ready")).json()
            if words in str(answer["source"]["reason"]):
                return answer
            await asyncio.sleep(0.05)


async def test_simulate_prints_how_to_follow_it_and_that_works() -> None:
    process = await asyncio.create_subprocess_exec(
        *command("simulate", "--simulator.listen-address=127.0.0.1:0", "--flows-per-minute=0"),
        "--time-scale=20",
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    told = dict(re.findall(r"(KERNEL_\w+)=(\S+)", (await process.stdout.readline()).decode()))
    async with (
        exporting("--discovery.poll-interval=1s", env=told, port=free_port()) as exporter,
        httpx.AsyncClient(base_url=told["KERNEL_BASE_URL"]) as kernel,
    ):
        key = {"authorization": f"Bearer {told['KERNEL_API_KEY']}"}
        wish = {"domain": "shop.example", "profile_name": "ada"}
        made = await kernel.post("/auth/connections", json=wish, headers=key)
        login = f"/auth/connections/{made.json()['id']}"
        await kernel.post(f"{login}/login", json={}, headers=key)
        assert (await exporter.client.post(f"/-/follow/{made.json()['id']}")).status_code == 202
        await until_in(exporter.client, "AWAITING_INPUT")
        right = {"fields": {"email": "ada@shop.example", "password": "correct-horse"}}
        assert (await kernel.post(f"{login}/submit", json=right, headers=key)).status_code == 200
        await until_in(exporter.client, '"outcome":"success"')
    process.terminate()
    _, stderr = await asyncio.wait_for(process.communicate(), STOP_SECONDS)
    assert (process.returncode, stderr) == (0, b"")


async def until_in(client: httpx.AsyncClient, words: str) -> None:
    async with asyncio.timeout(20):
        while True:
            if words in (await client.get("/api/v1/flows")).text:
                return
            await asyncio.sleep(0.05)


@pytest.mark.real("promtool")
async def test_promtool_has_nothing_to_say_of_a_real_run() -> None:
    config = SimulatorConfig(flows_per_minute=0, api_key=KEY, time_scale=200.0)
    async with Simulator(config) as simulator:
        port = free_port()
        simulator.notify_url = f"http://127.0.0.1:{port}/-/follow/{{id}}"
        env = {"KERNEL_BASE_URL": simulator.base_url, "KERNEL_API_KEY": KEY}
        async with exporting(env=env, port=port) as exporter:
            for name in ("sms_two_factor", "wrong_password_to_the_end", "illegal_skipped_step"):
                connection = simulator.world.pick(name)
                assert connection is not None
                simulator.world.start(connection, name)
            await simulator.finished()
            await until_in(exporter.client, '"outcome":"failed"')
            classic = await exporter.client.get("/metrics")
            modern = await exporter.client.get("/metrics", headers={"accept": OPENMETRICS})
    judge = await asyncio.create_subprocess_exec(
        "promtool",
        *("check", "metrics"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await judge.communicate(classic.content)
    assert (judge.returncode, said) == (0, b"")
    assert "flow_failures" in classic.text
    assert 'trace_id="' in modern.text


@pytest.mark.parametrize(
    ("arguments", "env", "line"),
    [
        (["run"], {}, "no API key: set KERNEL_API_KEY"),
        (["run", "--kernel.api-key=x"], {}, "set KERNEL_API_KEY or --kernel.api-key-file instead"),
        (["run", "--log.level=loud"], {"KERNEL_API_KEY": KEY}, "--log.level"),
        (["run", "--no-such-option"], {}, "--no-such-option"),
        (["run"], {"KERNEL_API_KEY": KEY, "KERNEL_BASE_URL": "http://api.example"}, "http"),
        (["demo", "--scenario=nonsense"], {}, "nonsense"),
        (["fly"], {}, "fly"),
        (["check", "/no/such/file"], {}, "cannot read '/no/such/file': no such file or directory"),
        (["check", "/"], {}, "cannot read '/': is a directory"),
        (["states", "--format=art"], {}, "art"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str], env: dict[str, str], line: str
) -> None:
    assert line in mistake(*arguments, env=env)


@pytest.mark.parametrize("name", ["run", "demo"])
def test_a_port_in_use_is_one_line_that_names_the_option(name: str, taken: str) -> None:
    line = mistake(name, f"--web.listen-address={taken}", env={"KERNEL_API_KEY": KEY})
    assert line.startswith(f"--web.listen-address {taken} is already in use")


def test_a_simulator_port_in_use_is_one_line_that_names_the_option(taken: str) -> None:
    line = mistake("simulate", f"--simulator.listen-address={taken}")
    assert line.startswith(f"--simulator.listen-address {taken}: address already in use")


def test_a_bad_rules_file_is_named_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  - category: wrong_credentials\n    phrase: [nope]\n", "utf-8")
    line = mistake("run", f"--website-errors.rules-file={file}", env={"KERNEL_API_KEY": KEY})
    assert line.startswith(f"{file}:3: unknown key 'phrase'")


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_check_tells_the_same_of_a_file_and_of_standard_input(name: str) -> None:
    content = (FOLDER / f"{name}.sse").read_bytes()
    path, dash = ran("check", str(FOLDER / f"{name}.sse")), ran("check", "-", stdin=content)
    assert path == dash
    status, stdout, stderr = path
    assert f"{stdout}exit status {status}\n" == checked(content)
    assert (status, stderr) == (int("0 findings" not in stdout), "")


@pytest.mark.parametrize("content", [b"", b"\n\n\n", bytes(range(256)) * 64, b"data: 1\n\n"])
def test_check_of_what_is_no_recording_says_what_to_give_it(content: bytes) -> None:
    assert "there is no event in the recording" in mistake("check", "-", stdin=content)


@pytest.mark.parametrize(
    ("output_format", "first"),
    [("table", "from "), ("mermaid", "stateDiagram-v2\n"), ("dot", "digraph flow {\n")],
)
def test_states_prints_the_machine_in_each_format(output_format: str, first: str) -> None:
    status, stdout, stderr = ran("states", "--format", output_format)
    assert (status, stderr) == (0, "")
    assert stdout.startswith(first)
    assert "AWAITING_EXTERNAL_ACTION" in stdout


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with subprocess.Popen(
        command("states"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as states:
        assert states.stdout is not None
        assert states.stderr is not None
        states.stdout.close()
        assert states.stderr.read() == b""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what another process does has no event here
            await asyncio.sleep(0.01)
