"""The command line, as a real process: what it prints, and how it exits."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from exporter import __version__
from exporter.cli import cli, main
from exporter.settings import Settings
from exporter.settings.option import Command
from exporter.settings.table import ROWS, TITLES

_PYTHON = (sys.executable, "-m", "exporter")
_LOOPBACK = ("--web.listen-address", "127.0.0.1:0")


def _environment(**variables: str) -> Mapping[str, str]:
    """Ours without what would configure an exporter."""
    ours = ("MANAGED_AUTH_EXPORTER_", "KERNEL_", "OTEL_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | variables


def _run(*arguments: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*_PYTHON, *arguments],
        input=stdin,
        env=_environment(**variables),
        capture_output=True,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_help_lists_the_commands_with_whole_sentences() -> None:
    done = _run("--help")
    assert done.returncode == 0
    for command in ("run", "demo", "simulate", "check", "states"):
        assert re.search(rf"^  {command} +\w.*\.$", done.stdout, re.MULTILINE)
    assert "..." not in done.stdout.partition("Options:")[2]


def test_without_a_command_the_help_is_shown_as_a_mistake() -> None:
    done = _run()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: managed-auth-exporter" in done.stderr


def test_version_is_the_packages() -> None:
    done = _run("--version")
    assert (done.returncode, done.stdout) == (
        0,
        f"managed-auth-exporter, version {__version__}\n",
    )


@pytest.mark.parametrize("command", list(Command))
def test_a_commands_help_groups_its_options_and_shows_no_other(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command.value, "--help"]) == 0
    shown = capsys.readouterr().out
    for row in ROWS:
        listed = re.search(rf"^  {re.escape(row.option.flag)}[ ,]", shown, re.MULTILINE)
        visible = command in row.option.commands and row.option.refused_flag is None
        assert (listed is not None) == visible, row.option.flag
        assert not visible or f"\n{TITLES[row.section]}:\n" in shown
    assert ("OTEL_EXPORTER_OTLP_ENDPOINT" in shown) == (command is not Command.SIMULATE)


def test_help_names_each_environment_variable_whole(capsys: pytest.CaptureFixture[str]) -> None:
    for command in Command:
        main([command.value, "--help"])
        shown = capsys.readouterr().out
        for row in ROWS:
            if command in row.option.commands and row.option.refused_flag is None:
                assert f"{row.option.environment}]" in shown


def test_help_imports_neither_the_service_nor_the_simulator() -> None:
    code = (
        "import sys; from exporter.cli import main; main(['run', '--help']); "
        "print([m for m in sys.modules if m.startswith(('exporter.app', 'exporter.service', "
        "'exporter.upstream', 'exporter.simulator', 'opentelemetry', 'uvicorn', 'httpx'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=60, check=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("frobnicate",), "No such command 'frobnicate'"),
        (("run", "--log.levle", "debug"), "Did you mean '--log.level'?"),
        (("run", "surplus"), "unexpected extra argument"),
        (("run", "--log.level"), "requires an argument"),
        (("run", "--log.level", "loud"), "--log.level: 'loud' is none of debug, info"),
        (("run",), "no API key: set KERNEL_API_KEY"),
        (("run", "--config.file", "/nowhere.yml"), "--config.file: cannot read '/nowhere.yml'"),
        (("demo", "--for", "10"), "--for: '10' is no duration"),
        (("demo", "--scenario", "no_such", *_LOOPBACK), "no_such"),
        (("demo", "--website-errors.rules-file", "/nowhere"), "cannot read '/nowhere'"),
        (("states", "--format", "png"), "'png' is not one of"),
        (("check",), "Missing argument"),
        (("check", "/nowhere"), "cannot read '/nowhere': no such file"),
    ],
)
def test_a_mistake_is_one_line_on_stderr_and_status_2(
    arguments: tuple[str, ...], said: str
) -> None:
    done = _run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"managed-auth-exporter: .+\n", done.stderr)
    assert said in done.stderr


@pytest.mark.parametrize(
    "spelling", [("--kernel.api-key=sk-secret",), ("--kernel.api-key", "sk-secret")]
)
def test_the_api_key_is_refused_as_a_flag_and_not_repeated(spelling: tuple[str, ...]) -> None:
    done = _run("run", *spelling)
    assert done.returncode == 2
    assert "--kernel.api-key is refused: set KERNEL_API_KEY or --kernel.api-key-file" in done.stderr
    assert "sk-secret" not in done.stderr


def test_a_mistake_in_the_file_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "exporter.yml"
    path.write_text("log:\n  level: loud\n")
    done = _run("run", "--config.file", str(path), KERNEL_API_KEY="sk")
    assert done.returncode == 2
    assert done.stderr == (
        f"managed-auth-exporter: {path}:2:10: log.level: 'loud' is none of "
        "debug, info, warning, error\n"
    )


def test_a_taken_port_names_the_port_and_the_option(taken_port: int) -> None:
    address = f"127.0.0.1:{taken_port}"
    done = _run("run", "--web.listen-address", address, KERNEL_API_KEY="sk")
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert f"--web.listen-address {address} is already in use" in said
    assert "Traceback" not in done.stderr


def test_switches_and_repeated_flags_reach_the_command_whose_status_is_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from exporter import app  # noqa: PLC0415

    started: list[Settings] = []

    def run(settings: Settings) -> int:
        started.append(settings)
        return 7

    monkeypatch.setattr(app, "run", run)
    monkeypatch.setattr("exporter.logs.configure", lambda **_: None)
    monkeypatch.setenv("KERNEL_API_KEY", "sk")
    arguments = ["--connection", "a", "--connection", "b", "--no-metrics.domain-label"]
    assert main(["run", *arguments, "--max-domains", "7", "--kernel.allow-insecure"]) == 7
    (settings,) = started
    assert settings.following.connection_ids == ("a", "b")
    assert settings.metrics.domain_label is False
    assert settings.metrics.max_domains == 7
    assert settings.kernel.allow_insecure is True


@pytest.mark.parametrize("output_format", ["table", "mermaid", "dot"])
def test_states_draws_every_state(output_format: str) -> None:
    done = _run("states", "--format", output_format)
    assert done.returncode == 0
    for state in ("DISCOVERING", "AWAITING_EXTERNAL_ACTION", "EXPIRED"):
        assert state in done.stdout


def test_output_into_a_closed_pipe_is_no_accident() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*_PYTHON, "states"], stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writing)
    assert done.stderr == b""


_LEGAL = b"""\
{"event":"managed_auth_state","timestamp":"2026-01-01T00:00:00Z","flow_status":"IN_PROGRESS","flow_step":"DISCOVERING","flow_type":"LOGIN"}
{"event":"managed_auth_state","timestamp":"2026-01-01T00:00:03Z","flow_status":"SUCCESS","flow_step":"COMPLETED","flow_type":"LOGIN"}
"""
_ILLEGAL = _LEGAL.replace(b'"COMPLETED"', b'"SUBMITTING"')


@pytest.mark.parametrize(("recording", "status"), [(_LEGAL, 0), (_ILLEGAL, 1), (b"", 2)])
def test_check_reads_a_file_or_standard_input_and_exits_by_what_it_found(
    tmp_path: Path, recording: bytes, status: int
) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_bytes(recording)
    from_file, from_stdin = _run("check", str(path)), _run("check", "-", stdin=recording)
    assert from_file.returncode == from_stdin.returncode == status
    assert from_file.stdout == from_stdin.stdout
    assert ("status_step_mismatch" in from_file.stdout) == (status == 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_cleanly_with_status_0(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*_PYTHON, "demo", *_LOOPBACK],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    page = process.stdout.readline().removeprefix("page: ").strip()
    try:
        assert httpx.get(f"{page}-/healthy", trust_env=False).text == "healthy\n"
    finally:
        process.send_signal(number)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "")


def test_an_interrupt_outside_the_service_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    assert main(["states"]) == 130


def test_closed_standard_descriptors_do_not_matter() -> None:
    command = f"exec {sys.executable} -m exporter demo --for 0.5s --web.listen-address=127.0.0.1:0"
    for closed in ("<&-", ">&-", "<&- >&-"):
        done = subprocess.run(
            ["sh", "-c", f"{command} {closed}"], stderr=subprocess.PIPE, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), closed


def test_output_that_cannot_be_written_is_told_in_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "exporter", "states"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        b"managed-auth-exporter: cannot write the output: No space left on device\n"
    )


@pytest.mark.parametrize("path", ["/nope", "/etc/passwd"])
def test_bad_ca_certificates_are_told_in_one_line(path: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "run", "--web.listen-address=127.0.0.1:0"],
        env=os.environ | {"SSL_CERT_FILE": path, "KERNEL_API_KEY": "k"},
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"managed-auth-exporter: the CA certificates cannot be read")
    assert done.stderr.count(b"\n") == 1
