"""mlflow: keeps attributes, status, span events, links and resources in SQLite; not the span kind.

It answers with the official messages, as JSON, and adds an attribute of its own to each span. The
attributes of the resource become tags of the trace.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.apm.backend import Stored, serving
from tests.support.process import free_port

EXPERIMENT: Final = "0"
"""mlflow keeps traces by experiment; this one is always there."""
PAGE: Final = 25
ADDED: Final = "mlflow."
ENV: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


class Mlflow:
    """A server that runs, asked over REST."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self.env: Mapping[str, str] = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-mlflow-experiment-id={EXPERIMENT}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }
        self._client = client
        self._api = f"{url}/api/3.0/mlflow/traces"

    async def stored(self) -> Stored:
        """Everything that it keeps, trace by trace."""
        found = await self._search()
        spans = await asyncio.gather(*(self._spans(trace["trace_id"]) for trace in found))
        return Stored([span for several in spans for span in several], [t["tags"] for t in found])

    async def _search(self) -> list[dict[str, Any]]:
        """What there is of each trace, read page by page."""
        found: list[dict[str, Any]] = []
        asked: dict[str, Any] = {
            "locations": [
                {
                    "type": "MLFLOW_EXPERIMENT",
                    "mlflow_experiment": {"experiment_id": EXPERIMENT},
                }
            ],
            "max_results": PAGE,
        }
        while True:
            answer = await self._client.post(f"{self._api}/search", json=asked)
            page = answer.raise_for_status().json()
            found += page.get("traces", [])
            if not page.get("next_page_token"):
                return found
            asked["page_token"] = page["next_page_token"]

    async def _spans(self, trace_id: str) -> list[Span]:
        answer = await self._client.get(f"{self._api}/get", params={"trace_id": trace_id})
        return [_span(each) for each in answer.raise_for_status().json()["trace"]["spans"]]


def _span(told: dict[str, Any]) -> Span:
    told["attributes"] = [e for e in told["attributes"] if not e["key"].startswith(ADDED)]
    span = Span()
    ParseDict(told, span)
    return span


@asynccontextmanager
async def mlflow(program: str, folder: Path) -> AsyncIterator[Mlflow]:
    """An mlflow server of its own, with its database in ``folder``."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (
        *(program, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--default-artifact-root", str(folder / "artifacts")),
    )
    async with serving(*command, env=ENV, folder=folder, ready=f"{url}/health") as client:
        yield Mlflow(client, url)
