"""deploy/compose.yaml, as far as it can be judged without a Docker engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from exporter.cli import _flags, cli
from exporter.settings import Command, Settings, load
from exporter.settings.docs import OTEL_VARIABLES
from exporter.settings.table import ROWS
from tests.deploy.stack import (
    COMPOSE,
    DEPLOY,
    KERNEL,
    REPOSITORY,
    SERVICES,
    STACK,
    binds,
    command,
    environment,
    health_check,
    named_volumes,
    read,
)

CHECK: Final = (sys.executable, "-m", "check_jsonschema")
OURS: Final = "managed-auth-exporter:local"
VARIABLES: Final = {row.option.environment for row in ROWS} | {name for name, _ in OTEL_VARIABLES}
# Installed with the other development tools, next to this Python.
HADOLINT: Final = Path(sys.executable).with_name("hadolint")
DOCKERFILE: Final = (REPOSITORY / "Dockerfile").read_text("utf-8")

# Where each image keeps what is to outlive the container, owned by the user that it runs as.
KEPT: Final = {
    "exporter": {"/data"},
    "prometheus": {"/prometheus"},
    "alertmanager": {"/alertmanager"},
    "grafana": {"/var/lib/grafana"},
    "simulator": set(),
    "jaeger": set(),
}

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def judged(file: Path) -> subprocess.CompletedProcess[str]:
    """What the schema of the compose specification says of a file."""
    return subprocess.run(
        [*CHECK, "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def parsed(arguments: list[str], variables: dict[str, str]) -> Settings:
    """What the exporter's own command line makes of these; nothing starts."""
    name, *rest = arguments
    context = cli.commands[name].make_context(name, rest)
    return load(Command(name), _flags(Command(name), context.params), variables)


@pytest.mark.parametrize("file", [COMPOSE, KERNEL], ids=lambda file: file.name)
def test_it_is_what_the_compose_specification_allows(file: Path) -> None:
    done = judged(file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_does_refuse_a_misspelt_key(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text("utf-8").replace("cap_drop:", "cap_drops:"), "utf-8")
    assert "cap_drops" in judged(wrong).stdout


@each_service
def test_each_image_is_pinned_to_a_whole_version_or_built_here(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == OURS or re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image), image


def test_the_image_of_the_exporter_is_built_from_this_repository_once() -> None:
    built = {name: each["build"] for name, each in SERVICES.items() if "build" in each}
    assert {name: (DEPLOY / where).resolve() for name, where in built.items()} == {
        "exporter": REPOSITORY
    }
    assert {name for name, each in SERVICES.items() if each["image"] == OURS} == {
        "exporter",
        "simulator",
    }


@each_service
def test_each_service_is_restarted_and_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["interval"] == "5s"
    # Busybox's wget is in the images of the others; ours has Python.
    tool = "python" if service["image"] == OURS else "wget"
    assert health_check(name)[0] == tool
    assert "http://127.0.0.1:" in health_check(name)[-1]


@each_service
def test_each_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@each_service
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    ports = SERVICES[name]["ports"]
    assert ports
    for port in ports:
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), port


def test_no_port_is_given_twice() -> None:
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(set(ports)) == len(ports)


@each_service
def test_what_a_service_waits_for_exists_and_can_become_what_it_waits_for(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert wait["condition"] in {"service_healthy", "service_started"}
        assert "healthcheck" in SERVICES[other]


def test_nothing_waits_for_itself() -> None:
    waiting = {name: set(each.get("depends_on", {})) for name, each in SERVICES.items()}
    while waiting:
        free = {name for name, others in waiting.items() if not others & waiting.keys()}
        assert free, f"a circle: {waiting}"
        waiting = {name: others for name, others in waiting.items() if name not in free}


@each_service
def test_what_is_mounted_of_the_repository_exists_and_cannot_be_written(name: str) -> None:
    for here, _, how in binds(SERVICES[name]):
        assert here.exists(), here
        assert here.is_relative_to(REPOSITORY)
        assert how == "ro"


@each_service
def test_what_is_to_be_kept_is_on_a_named_volume(name: str) -> None:
    volumes = dict(named_volumes(SERVICES[name]))
    assert {str(target) for target in volumes.values()} == KEPT[name]
    assert volumes.keys() <= STACK["volumes"].keys()


def test_the_data_directory_is_one_that_the_images_user_may_write_to() -> None:
    [user] = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    data = parsed(command("exporter"), environment("exporter")).journal.data_dir
    [made] = re.findall(r"install -d -m 700 -o (\d+) -g (\d+) (\S+)$", DOCKERFILE, re.MULTILINE)
    assert made == (*user, str(data))
    assert 'ENTRYPOINT ["managed-auth-exporter"]' in DOCKERFILE


def test_the_simulator_listens_where_the_exporter_looks_and_tells_it_of_flows() -> None:
    simulated = parsed(command("simulator"), environment("simulator")).simulator
    followed = parsed(command("exporter"), environment("exporter"))
    address = simulated.listen_address
    assert followed.kernel.base_url == f"http://simulator:{address.port}"
    assert address.host == "0.0.0.0"
    [listening] = followed.web.listen_addresses
    assert simulated.notify_url == f"http://exporter:{listening.port}/-/follow/{{id}}"
    assert followed.kernel.api_key is not None
    assert followed.kernel.api_key.reveal() == simulated.api_key.reveal()
    assert not simulated.scenarios, "a realistic mix"


@pytest.mark.parametrize("name", ["exporter", "simulator"])
def test_the_environment_has_only_variables_that_are_documented(name: str) -> None:
    assert environment(name).keys() <= VARIABLES


def test_traces_go_to_a_service_of_the_stack() -> None:
    assert environment("exporter")["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4318"
    assert "jaeger" in SERVICES


def test_the_real_api_is_followed_without_the_simulator_and_with_a_journal_of_its_own() -> None:
    real = read(KERNEL)["services"]["exporter"]
    known = parsed(real["command"][:2], {"KERNEL_API_KEY": "sk-for-this-test"})
    assert known.kernel.base_url in real["command"][2]
    assert real["environment"]["KERNEL_API_KEY"].startswith("${KERNEL_API_KEY:?"), "nothing kept"
    assert real["depends_on"]["simulator"]["required"] is False
    assert read(KERNEL)["services"]["simulator"]["profiles"], "started only when asked for"
    assert dict(named_volumes(real)).keys() == read(KERNEL)["volumes"].keys()
    assert not dict(named_volumes(real)).keys() & STACK["volumes"].keys()


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint is not built for this machine")
def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    done = subprocess.run(
        [HADOLINT, REPOSITORY / "Dockerfile"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
