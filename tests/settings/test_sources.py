"""Where a value comes from, and what is checked across options."""

from pathlib import Path

import pytest

from exporter.settings import BudgetSize, Command, ListenAddress, Secret, SettingsError, load
from exporter.settings.table import CONFIG_FILE, ROWS

_KEY = {"KERNEL_API_KEY": "sk-1"}


def _file(tmp_path: Path, content: str) -> dict[str, tuple[str, ...]]:
    path = tmp_path / "exporter.yml"
    path.write_text(content, "utf-8")
    return {"--config.file": (str(path),)}


def test_defaults_are_the_documented_ones() -> None:
    settings = load(Command.RUN, {}, _KEY)
    assert settings.web.listen_addresses == (ListenAddress("", 10464),)
    assert settings.web.telemetry_path == "/metrics"
    assert settings.kernel.base_url == "https://api.onkernel.com"
    assert settings.kernel.api_key == Secret("sk-1")
    assert settings.following.poll_interval_seconds == 15.0
    assert settings.following.connection_ids == ()
    assert settings.following.timeline_interval_seconds == 300.0
    assert (settings.journal.data_dir, settings.journal.since_seconds) == (None, None)
    assert settings.kernel.api_budget == BudgetSize(share=0.5)
    assert settings.metrics.max_domains == 200
    assert settings.metrics.domain_label is True
    assert (settings.log.level, settings.log.format) == ("info", "logfmt")
    assert settings.simulator.scenarios == ()


def test_a_command_may_have_its_own_default() -> None:
    assert load(Command.SIMULATE, {}, {}).simulator.listen_address.port == 10465
    assert load(Command.DEMO, {}, {}).simulator.listen_address.port == 0
    assert load(Command.DEMO, {}, {}).following.timeline_interval_seconds == 10.0


@pytest.mark.parametrize(
    ("flags", "environ", "file", "expected"),
    [
        ({}, {}, "", "info"),
        ({}, {}, "log: {level: error}", "error"),
        ({}, {"MANAGED_AUTH_EXPORTER_LOG_LEVEL": "debug"}, "log: {level: error}", "debug"),
        (
            {"--log.level": ("warning",)},
            {"MANAGED_AUTH_EXPORTER_LOG_LEVEL": "debug"},
            "log: {level: error}",
            "warning",
        ),
        ({}, {"MANAGED_AUTH_EXPORTER_LOG_LEVEL": " "}, "log: {level: error}", "error"),
    ],
)
def test_flag_goes_before_environment_before_file_before_default(
    tmp_path: Path,
    flags: dict[str, tuple[str, ...]],
    environ: dict[str, str],
    file: str,
    expected: str,
) -> None:
    settings = load(Command.RUN, {**_file(tmp_path, file), **flags}, {**_KEY, **environ})
    assert settings.log.level == expected


def test_what_is_kept_and_how_far_back_it_reaches_can_be_written_in_the_file(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    content = f"data_dir: {data}\nsince: 24h\nkernel: {{api_budget: 120}}\n"
    settings = load(Command.RUN, _file(tmp_path, content), _KEY)
    assert (settings.journal.data_dir, settings.journal.since_seconds) == (data, 86_400.0)
    assert settings.kernel.api_budget == BudgetSize(per_minute=120)
    assert not data.exists()


def test_every_option_can_be_given_by_its_environment_variable(tmp_path: Path) -> None:
    readable = tmp_path / "readable"
    readable.write_text("content")
    samples = {"DURATION": "7s", "N": "7", "X": "7", "true|false": "no", "FILE": str(readable)}
    samples |= {"[HOST]:PORT": "127.0.0.1:7", "PATH": "/seven", "URL": "https://seven.example"}
    samples |= {"NAME[=WEIGHT]": "totp=7", "KEY": "seven", "ID": "seven", "NAME": "seven"}
    samples |= {"DOMAIN": "seven.example", "N%|N": "7%", "DIR": str(tmp_path)}
    for row in ROWS:
        option = row.option
        text = samples.get(option.kind.metavar, option.kind.metavar.rpartition("|")[2])
        for command in option.commands:
            settings = load(command, {}, {"KERNEL_API_KEY": "k", option.environment: text})
            expected = option.kind.parse(text)
            expected = (expected,) if option.repeatable else expected
            assert getattr(getattr(settings, row.section), row.name) == expected


def test_the_configuration_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    (name,) = _file(tmp_path, "web: {telemetry_path: /m}")["--config.file"]
    settings = load(Command.RUN, {}, {**_KEY, CONFIG_FILE.environment: name})
    assert settings.web.telemetry_path == "/m"


def test_repeatable_options_take_lists_in_each_source(tmp_path: Path) -> None:
    ids = ("a", "b")
    variable = {"MANAGED_AUTH_EXPORTER_CONNECTIONS": "a, b,"}
    for flags, environ in (
        ({"--connection": ids}, {}),
        ({}, variable),
        (_file(tmp_path, "connections: [a, b]"), {}),
    ):
        assert load(Command.RUN, flags, {**_KEY, **environ}).following.connection_ids == ids


def test_scenarios_may_be_a_mapping_in_the_file(tmp_path: Path) -> None:
    flags = _file(tmp_path, "simulator:\n  scenarios: {totp: 2, sso: 0.5}\n")
    assert load(Command.DEMO, flags, {}).simulator.scenarios == (("totp", 2.0), ("sso", 0.5))


def test_the_file_may_hold_what_only_another_command_reads(tmp_path: Path) -> None:
    flags = _file(tmp_path, "simulator: {seed: 7}\nkernel: {base_url: 'https://k.example'}\n")
    assert load(Command.RUN, flags, _KEY).simulator.seed == 1
    assert load(Command.DEMO, flags, {}).kernel.base_url == "https://api.onkernel.com"


@pytest.mark.parametrize(
    ("flags", "environ", "line"),
    [
        ({}, {}, "no API key: set KERNEL_API_KEY"),
        ({"--kernel.api-key": ("sk-argv",)}, _KEY, "--kernel.api-key is refused"),
        (
            {"--kernel.base-url": ("http://api.example",)},
            _KEY,
            "--kernel.base-url: http would send the API key in the clear to api.example",
        ),
        (
            {},
            {**_KEY, "KERNEL_BASE_URL": "http://api.example"},
            "KERNEL_BASE_URL: http would send the API key in the clear",
        ),
        ({"--web.telemetry-path": ("/-/ready",)}, _KEY, "taken by the exporter"),
        ({"--connection": ("a",), "--discovery.domain": ("b",)}, _KEY, "one or the other"),
        ({"--timeline.interval": ("999ms",)}, _KEY, "--timeline.interval: 999ms is too short"),
        ({"--api-budget": ("all",)}, _KEY, "--api-budget: 'all' is no budget: write 1% to 100%"),
        ({"--data-dir": ("/dev/null",)}, _KEY, "--data-dir: '/dev/null' is no directory"),
        ({"--since": ("yesterday",)}, _KEY, "--since: 'yesterday' is no duration"),
        ({"--discovery.poll-interval": ("0s",)}, _KEY, "--discovery.poll-interval: 0s is too"),
        ({}, {**_KEY, "MANAGED_AUTH_EXPORTER_LOG_FORMAT": "xml"}, "_LOG_FORMAT: 'xml' is none of"),
    ],
)
def test_a_mistake_is_one_line_with_its_origin(
    flags: dict[str, tuple[str, ...]], environ: dict[str, str], line: str
) -> None:
    with pytest.raises(SettingsError) as mistake:
        load(Command.RUN, flags, environ)
    assert line in str(mistake.value)
    assert "\n" not in str(mistake.value)
    assert "sk-" not in str(mistake.value)


@pytest.mark.parametrize(
    "flags",
    [
        {"--kernel.base-url": ("http://127.0.0.1:1",)},
        {"--kernel.base-url": ("http://[::1]:1",)},
        {"--kernel.base-url": ("http://api.example",), "--kernel.allow-insecure": ("true",)},
    ],
)
def test_plain_http_is_for_this_machine_or_on_demand(flags: dict[str, tuple[str, ...]]) -> None:
    assert load(Command.RUN, flags, _KEY).kernel.base_url == flags["--kernel.base-url"][0]


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_key_file_without_a_key_is_told_at_the_start(tmp_path: Path, content: bytes) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"--kernel\.api-key-file: .* holds no key"):
        load(Command.RUN, {"--kernel.api-key-file": (str(key_file),)}, _KEY)
