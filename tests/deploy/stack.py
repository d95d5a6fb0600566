"""The stack of ``deploy/compose.yaml``, and where its containers' files are in the repository."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

REPOSITORY: Final = Path(__file__).parents[2]
DEPLOY: Final = REPOSITORY / "deploy"
COMPOSE: Final = DEPLOY / "compose.yaml"
KERNEL: Final = DEPLOY / "compose.kernel.yaml"
PROMETHEUS: Final = DEPLOY / "prometheus" / "prometheus.yml"
ALERTMANAGER: Final = DEPLOY / "alertmanager" / "alertmanager.yml"
PROVISIONING: Final = DEPLOY / "grafana" / "provisioning"
RULES: Final = REPOSITORY / "dashboards" / "rules"

Service = Mapping[str, Any]


def read(file: Path) -> dict[str, Any]:
    """What a YAML file says; merge keys are resolved."""
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


STACK: Final = read(COMPOSE)
SERVICES: Final[Mapping[str, Service]] = STACK["services"]


def command(name: str, replaced: Mapping[str, str] | None = None) -> list[str]:
    """The command line of a service, with other hosts and paths where those are named."""
    return [_replace(part, replaced or {}) for part in SERVICES[name]["command"]]


def environment(name: str, replaced: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a service, likewise."""
    given: dict[str, str] = SERVICES[name].get("environment", {})
    return {key: _replace(value, replaced or {}) for key, value in given.items()}


def health_check(name: str, replaced: Mapping[str, str] | None = None) -> list[str]:
    """The command that says whether a service is well."""
    kind, *words = SERVICES[name]["healthcheck"]["test"]
    assert kind == "CMD", "what a shell makes of it is not known here"
    return [_replace(word, replaced or {}) for word in words]


def configuration(file: Path, replaced: Mapping[str, str]) -> str:
    """A configuration file as it stands, with other hosts and paths."""
    return _replace(file.read_text(encoding="utf-8"), replaced)


def with_examples(text: str) -> str:
    """A file with its commented examples in force: what begins with a lower-case key or a dash."""
    return re.sub(r"^( *)# ( *(?:- )?[a-z]\w*:)", r"\1\2", text, flags=re.MULTILINE)


def _replace(text: str, replaced: Mapping[str, str]) -> str:
    for there, here in replaced.items():
        text = text.replace(there, here)
    return text


def binds(service: Service) -> Iterator[tuple[Path, PurePosixPath, str]]:
    """What a service mounts of the repository: the path here, the path there, and how."""
    for volume in service.get("volumes", []):
        source, target, *how = volume.split(":")
        if source.startswith("."):
            yield (DEPLOY / source).resolve(), PurePosixPath(target), "".join(how)


def named_volumes(service: Service) -> Iterator[tuple[str, PurePosixPath]]:
    """The volumes that a service keeps its data on."""
    for volume in service.get("volumes", []):
        source, target, *_ = volume.split(":")
        if not source.startswith("."):
            yield source, PurePosixPath(target)
