"""What a real Alertmanager tells by the examples, where the texts of one group differ."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.deploy.stack import ALERTMANAGER, configuration, with_examples
from tests.support.alertmanager import configured, receiving

DELIVERY_SECONDS: Final = 20.0
SECRETS: Final = "/etc/alertmanager/secrets/"
MAX_DESCRIPTION: Final = 1024
"""Of PagerDuty, in characters; Slack has no need of more in a title."""
LINKS: Final = ("https://wiki.example/runbooks#one", "https://grafana.example/d/one")

pytestmark = pytest.mark.real("prometheus-alertmanager")

Alert = dict[str, dict[str, str]]


def alert(severity: str, domain: str) -> Alert:
    """An alert whose texts name the domain, as those of the rules do."""
    runbook, dashboard = LINKS
    labels = {"alertname": "OneOfThem", "job": "logins", "severity": severity, "domain": domain}
    return {
        "labels": labels,
        "annotations": {
            "summary": f"Most logins to {domain} fail (logins)",
            "description": f"60% of the logins to {domain} failed. First open the traces.",
            "runbook_url": runbook,
            "dashboard_url": dashboard,
        },
    }


class Told:
    """Where the example sends to, and what arrived of it."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.address = ""

    async def post(self, *alerts: Alert) -> tuple[str, dict[str, Any]]:
        """What is told of them: the path it was sent to, and the message."""
        async with httpx.AsyncClient(base_url=f"http://{self.address}") as client:
            answer = await client.post("/api/v2/alerts", json=alerts)
            assert answer.is_success, answer.text
        async with asyncio.timeout(DELIVERY_SECONDS):
            while not self.messages:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.1)
        (message,) = self.messages
        return message


@asynccontextmanager
async def examples(folder: Path) -> AsyncIterator[Told]:
    """Alertmanager with its examples in force; PagerDuty and Slack are a server on loopback."""
    told = Told()
    with receiving(lambda path, body: told.messages.append((path, body))) as url:
        (folder / "pagerduty-routing-key").write_text("a-key", "utf-8")
        (folder / "slack-webhook-url").write_text(f"{url}slack", "utf-8")
        here = {SECRETS: f"{folder}/", "group_wait: 10s": "group_wait: 500ms"}
        config = with_examples(configuration(ALERTMANAGER, here))
        elsewhere = f"global:\n  pagerduty_url: {url}pagerduty\n"
        async with configured(elsewhere + config, folder) as told.address:
            yield told


@pytest.mark.parametrize("domains", [("a.example",), ("a.example", "b.example")])
async def test_a_page_names_each_alert_and_has_its_links(
    domains: tuple[str, ...], tmp_path: Path
) -> None:
    async with examples(tmp_path) as told:
        path, message = await told.post(*(alert("critical", domain) for domain in domains))
    description = message["payload"]["summary"]
    assert path == "/pagerduty"
    assert description.startswith(f"OneOfThem ({len(domains)} firing): Most logins to a.example")
    assert all(domain in description for domain in domains)
    assert message["payload"]["severity"] == "critical"
    assert tuple(link["href"] for link in message["links"]) == LINKS


@pytest.mark.parametrize("domains", [("a.example",), ("a.example", "b.example")])
async def test_a_ticket_has_a_title_and_names_each_alert(
    domains: tuple[str, ...], tmp_path: Path
) -> None:
    async with examples(tmp_path) as told:
        path, message = await told.post(*(alert("warning", domain) for domain in domains))
    runbook, dashboard = LINKS
    (attachment,) = message["attachments"]
    assert path == "/slack"
    assert attachment["title"] == f"OneOfThem ({len(domains)} firing, 0 resolved)"
    assert attachment["title_link"] == dashboard
    for domain in domains:
        assert f"*Most logins to {domain} fail (logins)* (firing)\n60% of" in attachment["text"]
    assert attachment["text"].count(f"<{runbook}|Runbook>") == len(domains)


@pytest.mark.parametrize("severity", ["critical", "warning"])
async def test_of_many_alerts_the_first_are_told_and_the_number_of_all(
    severity: str, tmp_path: Path
) -> None:
    many = [alert(severity, f"{number}.example") for number in range(60)]
    async with examples(tmp_path) as told:
        _, message = await told.post(*many)
    if severity == "critical":
        text = title = message["payload"]["summary"]
    else:
        (attachment,) = message["attachments"]
        text, title = attachment["text"], attachment["title"]
    assert "(60 firing" in title
    assert len(title) < MAX_DESCRIPTION
    assert text.count("Most logins to") == 10
