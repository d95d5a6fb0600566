"""Merges what was given: flags over environment over configuration file over defaults."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exporter.settings.file import Given, SettingsError, read_file
from exporter.settings.kinds import is_loopback
from exporter.settings.option import Command, Option
from exporter.settings.table import CONFIG_FILE, ROWS, SECTIONS, Settings

# Served by the exporter itself; metrics there would hide them.
_TAKEN_PATHS = ("/-", "/api", "/static", "/sd")

_YAML_OPTIONS = {row.option.yaml_key: row.option for row in ROWS}


def load(
    command: Command, flags: Mapping[str, tuple[str, ...]], environ: Mapping[str, str]
) -> Settings:
    """The settings of one start, every value checked.

    Args:
        command: Which command starts; options of others keep their defaults.
        flags: What the command line gave, by the option's first flag.
        environ: The environment; an empty variable counts as unset.

    Raises:
        SettingsError: one line that says which option is wrong, where, and the mend.
    """
    config_file = _given(CONFIG_FILE, flags, environ, {})
    path: Path | None = _value(CONFIG_FILE, config_file) if config_file else None
    in_file = read_file(path, _YAML_OPTIONS) if path else {}
    origins: dict[str, str] = {}
    sections: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for row in ROWS:
        given = None
        if command in row.option.commands:
            given = _given(row.option, flags, environ, in_file)
        elif row.option.yaml_key in in_file:
            # One file may serve several commands; what it says must hold for each of them.
            _value(row.option, in_file[row.option.yaml_key])
        if given is None:
            default = row.option.default_for(command)
            given = Given(() if default is None else (default,), row.option.flag)
        sections[row.section][row.name] = _value(row.option, given)
        origins[row.option.flag] = given.origin
    settings = Settings(**{name: cls(**sections[name]) for name, cls in SECTIONS.items()})
    _check(command, settings, origins)
    return settings


def _given(
    option: Option,
    flags: Mapping[str, tuple[str, ...]],
    environ: Mapping[str, str],
    in_file: Mapping[str, Given],
) -> Given | None:
    if flags.get(option.flag):
        if option.refused_flag is not None:
            raise SettingsError(f"{option.flag} is refused: {option.refused_flag}")
        return Given(flags[option.flag], option.flag)
    if text := environ.get(option.environment, "").strip():
        values = tuple(part.strip() for part in text.split(",")) if option.repeatable else (text,)
        return Given(tuple(value for value in values if value), option.environment)
    return in_file.get(option.yaml_key)


def _value(option: Option, given: Given) -> Any:  # noqa: ANN401 - as the option's kind makes it
    try:
        values = tuple(option.kind.parse(value) for value in given.values)
    except ValueError as error:
        raise SettingsError(f"{given.origin}: {error}") from None
    if option.repeatable:
        return values
    return values[-1] if values else None


def _check(command: Command, settings: Settings, origins: Mapping[str, str]) -> None:
    """What no option can say for itself."""
    path = settings.web.telemetry_path
    if any(path == taken or path.startswith(f"{taken}/") for taken in _TAKEN_PATHS):
        origin = origins["--web.telemetry-path"]
        raise SettingsError(f"{origin}: {path} is taken by the exporter: use another path")
    if command is Command.RUN:
        _check_key(settings, origins)
        _check_base_url(settings, origins)
        _check_following(settings)


def _check_key(settings: Settings, origins: Mapping[str, str]) -> None:
    file = settings.kernel.api_key_file
    if file is None and settings.kernel.api_key is None:
        raise SettingsError(
            "no API key: set KERNEL_API_KEY, or name a file with --kernel.api-key-file "
            "(or try the exporter without a key: managed-auth-exporter demo)"
        )
    if file is None:
        return
    try:
        empty = not file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        empty = True
    if empty:
        origin = origins["--kernel.api-key-file"]
        raise SettingsError(f"{origin}: {str(file)!r} holds no key: write the API key into it")


def _check_base_url(settings: Settings, origins: Mapping[str, str]) -> None:
    parts = urlsplit(settings.kernel.base_url)
    if parts.scheme == "https" or is_loopback(parts.hostname) or settings.kernel.allow_insecure:
        return
    raise SettingsError(
        f"{origins['--kernel.base-url']}: http would send the API key in the clear to "
        f"{parts.hostname}: use https, or --kernel.allow-insecure"
    )


def _check_following(settings: Settings) -> None:
    following = settings.following
    if following.connection_ids and (following.domain or following.profile_name):
        raise SettingsError(
            "--connection names connections and --discovery.domain or --discovery.profile "
            "filter the list: give one or the other"
        )
