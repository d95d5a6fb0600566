"""The OTLP exporter that the variables ``OTEL_EXPORTER_OTLP_*`` describe.

Its module is imported only when it is wanted: a program without a collector loads neither requests
nor gRPC.
"""

import importlib
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.sdk.trace.export import SpanExporter

from exporter.sinks.traces.variables import Variable, first_set

_HTTP, _GRPC = "http/protobuf", "grpc"
_MODULES: Final = {
    _HTTP: "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    _GRPC: "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
}
_MOST_SECONDS: Final = 3600.0
_COMPRESSIONS: Final = ("gzip", "deflate", "none")


def _names(what: str) -> tuple[str, str]:
    """The variable for traces and the one for all signals; the first that is set counts."""
    return f"OTEL_EXPORTER_OTLP_TRACES_{what}", f"OTEL_EXPORTER_OTLP_{what}"


ENDPOINT_NAMES: Final = _names("ENDPOINT")

_CHECKS: Final[tuple[tuple[str, Callable[[Variable], object]], ...]] = (
    ("HEADERS", Variable.header_list),
    ("CERTIFICATE", Variable.file),
    ("CLIENT_CERTIFICATE", Variable.file),
    ("CLIENT_KEY", Variable.file),
    ("TIMEOUT", lambda variable: variable.number(0.001, _MOST_SECONDS)),
    ("COMPRESSION", lambda variable: variable.one_of(*_COMPRESSIONS)),
)


def otlp_exporter() -> SpanExporter:
    """An exporter over HTTP, or over gRPC where the extra is installed.

    Raises:
        ValueError: a variable has a value that cannot be used. The message names it and the mend.
    """
    protocol = _protocol()
    endpoint = first_set(*ENDPOINT_NAMES)
    if endpoint is not None:
        (Variable.http_url if protocol == _HTTP else Variable.host_and_port)(endpoint)
    for what, check in _CHECKS:
        variable = first_set(*_names(what))
        if variable is not None:
            check(variable)
    exporter: SpanExporter = _module(protocol).OTLPSpanExporter(**_arguments(protocol))
    return exporter


def _protocol() -> str:
    variable = first_set(*_names("PROTOCOL"))
    return _HTTP if variable is None else variable.one_of(_HTTP, _GRPC)


def _module(protocol: str) -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module(_MODULES[protocol])
    except ImportError:
        variable = first_set(*_names("PROTOCOL"))
        if protocol == _HTTP or variable is None:
            raise
        variable.refuse(
            "it needs an extra, pip install 'managed-auth-exporter[grpc]', or use http/protobuf"
        )


def _arguments(protocol: str) -> dict[str, object]:
    """What the gRPC exporter cannot read by itself: "none" and, for it, an empty variable."""
    if protocol == _HTTP:
        return {}
    grpc = importlib.import_module("grpc")
    compression = first_set(*_names("COMPRESSION"))
    timeout = first_set(*_names("TIMEOUT"))
    return {
        "compression": {
            "gzip": grpc.Compression.Gzip,
            "deflate": grpc.Compression.Deflate,
            "none": grpc.Compression.NoCompression,
        }["none" if compression is None else compression.value.lower()],
        "timeout": 10.0 if timeout is None else float(timeout.value),
    }
