"""What the exporter is built of; what it then sends is in test_sink."""

import subprocess
import sys

import pytest

from exporter.sinks.traces.otlp import otlp_exporter


@pytest.fixture(autouse=True)
def _endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("variables", "package"),
    [
        ({}, "http"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "http"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "GRPC"}, "grpc"),
        (
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            "http",
        ),
    ],
)
def test_the_protocol_decides_on_the_exporter(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], package: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    exporter = otlp_exporter()
    exporter.shutdown()
    assert (
        type(exporter).__module__ == f"opentelemetry.exporter.otlp.proto.{package}.trace_exporter"
    )


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none", ""])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_every_compression_that_is_documented_is_taken(
    monkeypatch: pytest.MonkeyPatch, protocol: str, compression: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    exporter = otlp_exporter()
    exporter.shutdown()
    used = getattr(exporter, "_compression")  # noqa: B009 - each exporter has it, the base has not
    assert used.name.lower().replace("nocompression", "none") == (compression or "none")


def test_without_a_collector_neither_requests_nor_grpc_is_loaded() -> None:
    program = (
        "import sys; from exporter.sinks.traces import sink_from_environment as sink;"
        "assert sink() is None; print(sorted({'requests', 'grpc', 'google'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
