"""A real Alertmanager, and where its notifications arrive."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.support.process import free_port

START_SECONDS: Final = 20.0


class Notified:
    """The alerts that were delivered so far, each as it was in its notification."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.url = ""

    def find(self, status: str, **labels: str) -> list[dict[str, Any]]:
        """The alerts with that status and these labels, in the order of their arrival."""
        return [
            alert
            for alert in list(self.alerts)
            if alert["status"] == status and labels.items() <= alert["labels"].items()
        ]


@contextmanager
def webhook() -> Iterator[Notified]:
    """Somebody who is notified, on a port of loopback."""
    notified = Notified()
    with receiving(lambda _, body: notified.alerts.extend(body["alerts"])) as notified.url:
        yield notified


@contextmanager
def receiving(take: Callable[[str, dict[str, Any]], None]) -> Iterator[str]:
    """A server on loopback that takes the path and the JSON of each request; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            take(self.path, json.loads(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def alerting(notified: Notified, folder: Path) -> AsyncIterator[str]:
    """Start it; everything goes to ``notified`` at once. Yields its address as ``host:port``."""
    config = {
        "route": {
            "receiver": "webhook",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
        },
        "receivers": [
            {"name": "webhook", "webhook_configs": [{"url": notified.url, "send_resolved": True}]}
        ],
    }
    async with configured(yaml.safe_dump(config), folder) as address:
        yield address


@asynccontextmanager
async def configured(config: str, folder: Path) -> AsyncIterator[str]:
    """Start it with that configuration. Yields its address as ``host:port``."""
    file = folder / "alertmanager.yml"
    file.write_text(config, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        "prometheus-alertmanager",
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _until_ready(address)
        yield address
    finally:
        process.kill()
        await process.wait()


async def _until_ready(address: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(START_SECONDS):
        while True:
            try:
                if (await client.get(f"http://{address}/-/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
