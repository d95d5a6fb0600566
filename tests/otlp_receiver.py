"""Small OTLP receivers on real sockets, over HTTP and gRPC, made of the official messages.

They record what arrives and can be told to refuse it or to keep the caller waiting.
"""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}

Value = str | bool | int | float


class Request(NamedTuple):
    """One export: its path (empty over gRPC), headers in lower case, and message."""

    path: str
    headers: Mapping[str, str]
    message: ExportTraceServiceRequest


class Received:
    """What arrived so far, and how the next request is to be answered.

    ``status`` is the HTTP status of the answer, and ``hold`` keeps callers waiting while it is set.
    Only what was answered with success counts as received; ``tries`` counts every request.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status = 200
        self.tries = 0
        self.endpoint = ""
        self._open = threading.Event()
        self._open.set()
        self._changed = threading.Condition()

    def hold(self) -> None:
        """Answer nobody until ``release``."""
        self._open.clear()

    def release(self) -> None:
        """Answer those who wait, and everybody after them."""
        self._open.set()

    def take(self, request: Request) -> int:
        """Note a request and say with which status it is to be answered."""
        with self._changed:
            self.tries += 1
            self._changed.notify_all()
        self._open.wait(30)
        with self._changed:
            if self.status == 200:
                self.requests.append(request)
            self._changed.notify_all()
            return self.status

    def wait_for(self, *, spans: int = 0, tries: int = 0, timeout_seconds: float = 20.0) -> None:
        """Wait until so much arrived; fail if it does not."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self.spans) >= spans and self.tries >= tries, timeout_seconds
            ):
                raise AssertionError(f"{len(self.spans)} spans arrived in {self.tries} requests")

    @property
    def resource_spans(self) -> list[ResourceSpans]:
        """The outer messages, in the order of their arrival."""
        return [part for request in self.requests for part in request.message.resource_spans]

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order of their arrival."""
        return [
            span
            for part in self.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]


@contextmanager
def http_receiver() -> Iterator[Received]:
    """A collector that speaks OTLP/HTTP with protobuf bodies, plain, gzip or deflate."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            decode = _DECODERS[self.headers.get("content-encoding", "")]
            headers = {name.lower(): value for name, value in self.headers.items()}
            message = ExportTraceServiceRequest.FromString(decode(body))
            status = received.take(Request(self.path, headers, message))
            answer = ExportTraceServiceResponse().SerializeToString()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    received.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield received
    finally:
        received.release()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def grpc_receiver() -> Iterator[Received]:
    """A collector that speaks OTLP/gRPC; any status but 200 is UNAVAILABLE."""
    received = Received()

    class Servicer(TraceServiceServicer):
        def Export(  # noqa: N802 - the service's name
            self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
        ) -> ExportTraceServiceResponse:
            headers = {key: str(value) for key, value in context.invocation_metadata()}
            if received.take(Request("", headers, request)) != 200:
                context.abort(grpc.StatusCode.UNAVAILABLE, "told to refuse")
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(4))
    add_TraceServiceServicer_to_server(Servicer(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    received.endpoint = f"http://127.0.0.1:{port}"
    try:
        yield received
    finally:
        received.release()
        server.stop(0).wait()


def values(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    """The attributes of a message as plain Python values."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    assert kind in ("string_value", "bool_value", "int_value", "double_value"), kind
    plain: Value = getattr(value, kind)
    return plain
