"""Every option once: flag, environment variable, YAML key, default, check and help.

``service``, ``journal`` and ``simulator`` declare the options as the fields of frozen settings and
``table`` gathers them; ``kinds`` turns text into checked values; ``file`` reads YAML; ``sources``
merges flags over environment over file over defaults; ``docs`` writes docs/configuration.md.
"""

from exporter.settings.file import SettingsError
from exporter.settings.journal import JournalSettings
from exporter.settings.option import Command
from exporter.settings.service import (
    FollowingSettings,
    KernelSettings,
    LogSettings,
    MetricsSettings,
    WebSettings,
)
from exporter.settings.simulator import SimulatorSettings
from exporter.settings.sources import load
from exporter.settings.table import Settings
from exporter.settings.values import BudgetSize, ListenAddress, Secret

__all__ = [
    "BudgetSize",
    "Command",
    "FollowingSettings",
    "JournalSettings",
    "KernelSettings",
    "ListenAddress",
    "LogSettings",
    "MetricsSettings",
    "Secret",
    "Settings",
    "SettingsError",
    "SimulatorSettings",
    "WebSettings",
    "load",
]
