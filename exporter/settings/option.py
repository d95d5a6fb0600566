"""What an option is: one row of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from exporter.settings.kinds import Kind

ENV_PREFIX = "MANAGED_AUTH_EXPORTER_"


class Command(StrEnum):
    """The commands that take settings."""

    RUN = "run"
    DEMO = "demo"
    SIMULATE = "simulate"


RUN = frozenset({Command.RUN})
SERVICE = frozenset({Command.RUN, Command.DEMO})
SIMULATED = frozenset({Command.DEMO, Command.SIMULATE})
SIMULATE = frozenset({Command.SIMULATE})
ALL = frozenset(Command)


@dataclass(frozen=True, slots=True)
class Option:
    """One row. ``default`` is written as a user would write it; None is no value.

    ``refused_flag`` says why a value must not be given as a flag or in the file, where every
    user of the machine, or of the repository, could read it.
    """

    flag: str
    help: str
    kind: Kind
    commands: frozenset[Command] = RUN
    default: str | None = None
    defaults: Mapping[Command, str] = field(default_factory=lambda: MappingProxyType({}))
    env: str = ""
    yaml: str = ""
    aliases: tuple[str, ...] = ()
    repeatable: bool = False
    refused_flag: str | None = None

    @property
    def yaml_key(self) -> str:
        """The key in the configuration file, its levels joined by dots."""
        return self.yaml or self.flag.removeprefix("--").replace("-", "_")

    @property
    def environment(self) -> str:
        """The name of the environment variable."""
        return self.env or ENV_PREFIX + self.yaml_key.replace(".", "_").upper()

    def default_for(self, command: Command) -> str | None:
        """The default as a user would write it."""
        return self.defaults.get(command, self.default)
