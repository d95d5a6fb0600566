"""What the services are configured with, judged by their own tools where there are any."""

import json
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pytest
import yaml

from tests.deploy.stack import (
    ALERTMANAGER,
    PROMETHEUS,
    PROVISIONING,
    RULES,
    SERVICES,
    binds,
    configuration,
    read,
    with_examples,
)

RECEIVERS: Final = {
    ("critical", "page"),
    ("warning", "ticket"),
    ("info", "note"),
    ("unheard-of", "ticket"),
}


def said(*words: str) -> str:
    """What a tool answers; it has to be content."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_container(name: str, path: PurePosixPath) -> Path:
    """The file or folder here that a service finds under a path."""
    for here, there, _ in binds(SERVICES[name]):
        if path.is_relative_to(there):
            return here / path.relative_to(there)
    raise AssertionError(f"{name} has nothing at {path}")


def provisioned(kind: str) -> list[dict[str, Any]]:
    """The entries of the provisioning files of a kind."""
    files = sorted((PROVISIONING / kind).glob("*.yaml"))
    contents = [read(file) for file in files]
    assert contents
    assert all(content["apiVersion"] == 1 for content in contents)
    key = {"datasources": "datasources", "dashboards": "providers"}[kind]
    return [entry for content in contents for entry in content[key]]


@pytest.mark.real("promtool")
def test_promtool_accepts_the_configuration_of_prometheus(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    replaced = {"/etc/prometheus/rules": str(RULES)}
    file.write_text(configuration(PROMETHEUS, replaced), "utf-8")
    answer = said("promtool", "check", "config", str(file))
    assert "SUCCESS" in answer
    for rules in RULES.glob("*.yml"):
        assert str(rules) in answer


def test_prometheus_scrapes_the_exporter_under_the_name_that_rules_know() -> None:
    [job] = read(PROMETHEUS)["scrape_configs"]
    assert job["job_name"] == "managed-auth"
    assert job["static_configs"] == [{"targets": ["exporter:10464"]}]
    assert "metrics_path" not in job


@pytest.mark.parametrize(
    ("name", "flag"),
    [("prometheus", "--config.file"), ("alertmanager", "--config.file")],
)
def test_each_finds_its_configuration_where_it_is_mounted(name: str, flag: str) -> None:
    flags = dict(part.split("=", 1) for part in SERVICES[name]["command"])
    assert in_container(name, PurePosixPath(flags[flag])).is_file()


def test_prometheus_finds_the_rules_and_the_alertmanager() -> None:
    config = read(PROMETHEUS)
    [pattern] = config["rule_files"]
    assert in_container("prometheus", PurePosixPath(pattern).parent) == RULES
    [alertmanagers] = config["alerting"]["alertmanagers"]
    assert alertmanagers == {"static_configs": [{"targets": ["alertmanager:9093"]}]}


@pytest.mark.real("amtool")
def test_amtool_accepts_the_configuration_of_alertmanager() -> None:
    assert "SUCCESS" in said("amtool", "check-config", str(ALERTMANAGER))


@pytest.mark.real("amtool")
def test_amtool_accepts_the_examples_in_it_too(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(with_examples(ALERTMANAGER.read_text("utf-8")), "utf-8")
    receivers = {each["name"]: set(each) - {"name"} for each in read(file)["receivers"]}
    assert receivers["page"] == {"pagerduty_configs"}
    assert receivers["ticket"] == {"slack_configs"}
    assert "SUCCESS" in said("amtool", "check-config", str(file))


@pytest.mark.real("amtool")
@pytest.mark.parametrize(("severity", "receiver"), sorted(RECEIVERS))
def test_the_severity_says_who_is_told(severity: str, receiver: str) -> None:
    labels = (f"severity={severity}", "alertname=Any", "job=managed-auth")
    config = f"--config.file={ALERTMANAGER}"
    answer = said("amtool", "config", "routes", "test", config, *labels)
    assert answer.split() == [receiver]


def test_no_alert_has_a_severity_that_is_not_routed() -> None:
    groups = [group for file in RULES.glob("*.yml") for group in read(file)["groups"]]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    severities = {rule["labels"]["severity"] for rule in alerts}
    assert severities <= {severity for severity, _ in RECEIVERS}


def test_no_receiver_needs_anything_outside() -> None:
    receivers = read(ALERTMANAGER)["receivers"]
    assert all(each.keys() == {"name"} for each in receivers)
    assert {each["name"] for each in receivers} == {name for _, name in RECEIVERS}


def test_an_alert_is_muted_only_by_one_that_wakes_somebody() -> None:
    groups = [group for file in RULES.glob("*.yml") for group in read(file)["groups"]]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in alerts}
    rules = read(ALERTMANAGER)["inhibit_rules"]
    assert rules
    for rule in rules:
        (source, target), *narrower = zip(
            *(
                [each.split("=")[1].strip('"') for each in rule[f"{side}_matchers"]]
                for side in ("source", "target")
            ),
            strict=False,
        )
        assert not narrower
        assert severities[source] == "critical"
        assert target in severities
        assert source != target
        assert rule["equal"]


def test_each_datasource_is_a_service_of_the_stack() -> None:
    for source in provisioned("datasources"):
        assert source.keys() == {
            *("name", "uid", "type", "access", "url", "jsonData"),
            *({"isDefault"} & source.keys()),
        }
        assert source["uid"] == source["type"]
        host, port = source["url"].removeprefix("http://").split(":")
        assert f"127.0.0.1:{port}:{port}" in SERVICES[host]["ports"]


def test_an_exemplar_leads_to_a_datasource_that_exists() -> None:
    sources = {source["uid"]: source for source in provisioned("datasources")}
    assert sources["prometheus"]["isDefault"] is True
    assert sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"] == [
        {"name": "trace_id", "datasourceUid": "jaeger"}
    ]
    assert sources["jaeger"]["jsonData"]["tracesToMetrics"]["datasourceUid"] in sources


def test_the_interval_of_the_datasource_is_that_of_the_scrape() -> None:
    [prometheus] = [each for each in provisioned("datasources") if each["uid"] == "prometheus"]
    [job] = read(PROMETHEUS)["scrape_configs"]
    assert prometheus["jsonData"]["timeInterval"] == job["scrape_interval"]


def test_the_example_of_tempo_is_a_datasource_as_well() -> None:
    [file] = (PROVISIONING / "datasources").glob("*.yaml")
    *_, last = yaml.safe_load(with_examples(file.read_text("utf-8")))["datasources"]
    assert (last["uid"], last["type"]) == ("tempo", "tempo")


def test_grafana_finds_its_provisioning_and_the_dashboards() -> None:
    folder = PurePosixPath("/etc/grafana/provisioning")
    for kind in ("datasources", "dashboards"):
        assert in_container("grafana", folder / kind) == PROVISIONING / kind
    [provider] = provisioned("dashboards")
    assert provider["type"] == "file"
    found = in_container("grafana", PurePosixPath(provider["options"]["path"]))
    for dashboard in found.glob("*.json"):
        assert json.loads(dashboard.read_text("utf-8"))["uid"]
