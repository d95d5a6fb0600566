"""Jaeger 2: keeps all that OTLP sends, in Badger files, and answers OTLP's messages as JSON.

Used where a program ``jaeger`` is found, or named in ``APM_JAEGER``. With Go, its module proxy has
the source, of which the trace pages of the web interface are no part (5 minutes on two cores)::

    go mod download github.com/jaegertracing/jaeger@v1.76.0
    cd "$(go env GOMODCACHE)/github.com/jaegertracing/jaeger@v1.76.0"
    go build -o ~/bin/jaeger ./cmd/jaeger
"""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.apm.backend import Stored, serving
from tests.otlp_receiver import values
from tests.support.process import free_port

ALL: Final = 1000
SINCE, UNTIL = "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"
IDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})


class Jaeger:
    """A server that runs, asked over HTTP."""

    def __init__(self, client: httpx.AsyncClient, otlp: str, api: str, service: str) -> None:
        self.env: Mapping[str, str] = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }
        self._client = client
        self._api = api
        self._service = service

    async def stored(self) -> Stored:
        """Everything that it keeps of the service."""
        message = ExportTraceServiceRequest()
        ParseDict(await self._found(), message)
        return Stored(
            [s for part in message.resource_spans for each in part.scope_spans for s in each.spans],
            [
                {key: str(value) for key, value in values(part.resource.attributes).items()}
                for part in message.resource_spans
            ],
        )

    async def search(self, **asked: str) -> set[str]:
        """The ids of the traces that the search of the web interface finds."""
        params = {"service": self._service, "limit": str(ALL), **asked}
        answer = await self._client.get(f"{self._api}/api/traces", params=params)
        return {trace["traceID"] for trace in answer.raise_for_status().json()["data"]}

    async def _found(self) -> dict[str, Any]:
        params = {
            "query.service_name": self._service,
            "query.start_time_min": SINCE,
            "query.start_time_max": UNTIL,
            "query.num_traces": str(ALL),
        }
        answer = await self._client.get(f"{self._api}/api/v3/traces", params=params)
        if answer.status_code == 404:
            return {}
        told = answer.raise_for_status().content
        result: dict[str, Any] = json.loads(told, object_hook=_ids_as_bytes)["result"]
        return result


def _ids_as_bytes(part: dict[str, Any]) -> dict[str, Any]:
    """Ids are hexadecimal in OTLP's JSON, where JSON made of messages has bytes in base64."""
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode() if key in IDS else value
        for key, value in part.items()
    }


@asynccontextmanager
async def jaeger(program: str, folder: Path, service: str) -> AsyncIterator[Jaeger]:
    """A Jaeger of its own, with its files in ``folder``, to be asked about one service."""
    otlp, api, own = (f"127.0.0.1:{free_port()}" for _ in range(3))
    file = folder / "jaeger.yaml"
    file.write_text(yaml.safe_dump(_config(folder, otlp, api, own)), encoding="utf-8")
    # It would trace itself.
    env = {"OTEL_TRACES_SAMPLER": "always_off"}
    ready = f"http://{api}/api/services"
    async with serving(program, f"--config={file}", env=env, folder=folder, ready=ready) as client:
        yield Jaeger(client, f"http://{otlp}", f"http://{api}", service)


def _config(folder: Path, otlp: str, api: str, own: str) -> dict[str, Any]:
    where = str(folder / "badger")
    return {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}
            },
            "telemetry": {"metrics": {"level": "none"}},
        },
        "extensions": {
            "jaeger_query": {
                "storage": {"traces": "files"},
                "http": {"endpoint": api},
                "grpc": {"endpoint": own},
            },
            "jaeger_storage": {
                "backends": {
                    "files": {
                        "badger": {
                            "directories": {"keys": where, "values": where},
                            "ephemeral": False,
                        }
                    }
                }
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": otlp}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "files"}},
    }
