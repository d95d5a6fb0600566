"""The table of options: every field of the settings carries its row, so none is without the other.

From the flag follow the environment variable and the YAML key, unless a row says otherwise:
``--web.listen-address`` is ``MANAGED_AUTH_EXPORTER_WEB_LISTEN_ADDRESS`` and ``listen_address``
under ``web``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from exporter.settings import kinds
from exporter.settings.journal import JournalSettings
from exporter.settings.option import ALL, Option
from exporter.settings.service import (
    FollowingSettings,
    KernelSettings,
    LogSettings,
    MetricsSettings,
    WebSettings,
)
from exporter.settings.simulator import SimulatorSettings

CONFIG_FILE = Option(
    "--config.file",
    "Read options from this YAML file. Flags and the environment go before it.",
    kinds.FILE,
    ALL,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """All options of one start, checked. Sections that a command lacks hold their defaults."""

    following: FollowingSettings
    journal: JournalSettings
    kernel: KernelSettings
    metrics: MetricsSettings
    web: WebSettings
    log: LogSettings
    simulator: SimulatorSettings


# The headings of --help and of docs/configuration.md, in their order.
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "following": "Connections to follow",
        "journal": "Journal",
        "kernel": "Kernel API",
        "metrics": "Metrics",
        "web": "Web",
        "log": "Log",
        "simulator": "Simulator",
    }
)
SECTIONS: Mapping[str, type[Any]] = MappingProxyType(get_type_hints(Settings))


@dataclass(frozen=True, slots=True)
class Row:
    """An option, and the field of the settings that holds its value."""

    section: str
    name: str
    option: Option


def _rows() -> tuple[Row, ...]:
    return tuple(
        Row(section, item.name, get_args(hints[item.name])[1])
        for section, cls in SECTIONS.items()
        for hints in [get_type_hints(cls, include_extras=True)]
        for item in fields(cls)
    )


ROWS = _rows()
