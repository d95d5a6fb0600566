"""A real Prometheus that scrapes one target, and is asked with PromQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from dashboards.alerting import rule_files
from dashboards.settings import Settings
from tests.support.process import free_port

START_SECONDS: Final = 20.0


class Prometheus:
    """What it has scraped so far."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The instant vector of an expression, now: labels and value of each element."""
        answer = await self._client.get("/api/v1/query", params={"query": expression})
        body: dict[str, Any] = answer.json()
        assert body["status"] == "success", body
        return [(each["metric"], float(each["value"][1])) for each in body["data"]["result"]]

    async def until(self, expression: str) -> None:
        """Wait until the expression has a value."""
        async with asyncio.timeout(START_SECONDS):
            while not await self.query(expression):  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.2)

    async def range(self, expression: str, seconds: float) -> list[tuple[dict[str, str], float]]:
        """Every point of the expression's range vector over the last seconds, series by series."""
        now = time.time()
        moments = {"start": now - seconds, "end": now, "step": seconds / 60}
        window = {"query": expression, **{name: str(at) for name, at in moments.items()}}
        answer = await self._client.get("/api/v1/query_range", params=window)
        body: dict[str, Any] = answer.json()
        assert body["status"] == "success", body
        return [
            (series["metric"], float(value))
            for series in body["data"]["result"]
            for _, value in series["values"]
        ]

    async def rules(self) -> list[dict[str, Any]]:
        """The rules that it works out, with their health."""
        answer = await self._client.get("/api/v1/rules")
        groups: list[dict[str, Any]] = answer.json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def exemplars(self, expression: str, *, since: float) -> list[dict[str, str]]:
        """The labels of every exemplar of the series of an expression, from then until now."""
        window = {"query": expression, "start": str(since), "end": str(time.time())}
        answer = await self._client.get("/api/v1/query_exemplars", params=window)
        body: dict[str, Any] = answer.json()
        assert body["status"] == "success", body
        return [each["labels"] for series in body["data"] for each in series["exemplars"]]


def write_rules(settings: Settings, folder: Path) -> list[Path]:
    """The rules as files for Prometheus to load."""
    files = []
    for name, text in rule_files.render(settings).items():
        files.append(folder / name)
        files[-1].write_text(text, encoding="utf-8")
    return files


@asynccontextmanager
async def scraping(
    port: int,
    folder: Path,
    *,
    interval: str,
    rules: Iterable[Path] = (),
    alertmanager: str | None = None,
) -> AsyncIterator[Prometheus]:
    """Scrape what listens on that port, now and then or not at all, as often as this.

    The rules are worked out as often. A second one in the same folder goes on with its data.
    """
    config: dict[str, Any] = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "scrape_configs": [
            {"job_name": "exporter", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        ],
        "rule_files": [str(path) for path in rules],
    }
    if alertmanager:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    async with running(
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--enable-feature=exemplar-storage",
    ) as started:
        yield started


@asynccontextmanager
async def running(*flags: str) -> AsyncIterator[Prometheus]:
    """Start it with these flags, which say where its configuration and its data are."""
    own = free_port()
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        *flags,
        f"--web.listen-address=127.0.0.1:{own}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{own}") as client:
            await _until_ready(client)
            yield Prometheus(client)
    finally:
        process.kill()
        await process.wait()


async def _until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                if (await client.get("/-/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
