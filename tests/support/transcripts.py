"""Whole streams from files, on the very way that live ones take; only the socket is replaced.

A transcript is the raw text of event streams. A comment line ends a stream: ``: [the stream ends]``
with a clean end of the response, ``: [the connection breaks]`` in the middle of it.
"""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util.types import Attributes
from prometheus_client import CollectorRegistry

from exporter.core.decoding import unix_ns
from exporter.core.observations import FollowingChanged, Observation, Sink
from exporter.recordings import check
from exporter.sinks.fanout import FanOut
from exporter.sinks.live import LiveSnapshot, LiveView
from exporter.sinks.metrics import Renderer, build_metrics, register_sink_accounts
from exporter.sinks.traces import TracesSink
from exporter.upstream.clock import Clock
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.roster import Roster
from exporter.website_error_rules import load_classifier

FOLDER: Final = Path(__file__).parent.parent / "transcripts"
CLASSIC: Final = "text/plain"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"

_LAG_NS: Final = 20_000_000
_ENDS: Final = re.compile(rb"^: \[the (stream ends|connection breaks)\]\n", re.MULTILINE)
_TIMESTAMP: Final = re.compile(rb'"timestamp": "([^"]+)"')
_LE: Final = re.compile(r',?le="[^"]*"')
_TYPE: Final = re.compile("# TYPE managed_auth_")
# The version is no result of a transcript.
_SAMPLE: Final = re.compile("managed_auth_(?!exporter_build_info)")


@dataclass
class _Time:
    """The local clock: a moment after the newest event; sleeps cost no time."""

    now_ns: int = 0

    async def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def clock(self) -> Clock:
        return Clock(
            unix_ns=lambda: self.now_ns,
            monotonic=lambda: self.now_ns / 1e9,
            sleep=self.sleep,
            random=lambda: 0.0,
        )


class _RecordedApi(KernelApi):
    """Gives the streams of a transcript, one after the other, where Kernel's would be opened."""

    def __init__(self, transcript: bytes, sink: FanOut, time: _Time) -> None:
        super().__init__("http://localhost", lambda: "a-key", sink, clock=time.clock())
        parts = _ENDS.split(transcript)
        self.streams = list(zip(parts[::2], [*parts[1::2], b"stream ends"], strict=True))
        self._time = time

    @asynccontextmanager
    async def events(
        self,
        connection_id: str,  # noqa: ARG002 - there is one connection
        last_event_id: bytes | None = None,  # noqa: ARG002 - and one recording of it
    ) -> AsyncIterator[AsyncIterable[bytes]]:
        yield self._chunks(*self.streams.pop(0))

    async def _chunks(self, stream: bytes, end: bytes) -> AsyncIterator[bytes]:
        for line in stream.splitlines(keepends=True):
            if match := _TIMESTAMP.search(line):
                at_ns = unix_ns(datetime.fromisoformat(match[1].decode()))
                self._time.now_ns = max(self._time.now_ns, (at_ns or 0) + _LAG_NS)
            yield line
        if end == b"connection breaks":
            raise httpx.ReadError("the connection ended in the middle of the response")


@dataclass
class _Rest:
    """Tells when nothing is followed any more."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def observe(self, observation: Observation, /) -> None:
        match observation:
            case FollowingChanged(connections=0):
                self.reached.set()
            case FollowingChanged():
                self.reached.clear()
            case _:
                pass


@dataclass(frozen=True)
class Replayed:
    """Everything that came out of a transcript."""

    registry: CollectorRegistry
    live: LiveSnapshot
    spans: tuple[ReadableSpan, ...]

    def metrics(self, accept: str = CLASSIC) -> str:
        """What /metrics says, without what says nothing: comments but for the types, samples that
        are 0, and buckets that hold no more than the one before."""
        lines: list[str] = []
        before = ("", "")
        for line in Renderer(self.registry).render(accept)[0].decode().splitlines():
            name, _, value = line.partition(" # {")[0].rpartition(" ")
            series = _LE.sub("", name) if "_bucket{" in name else ""
            repeated = bool(series) and before == (series, value)
            before = (series, value)
            if _TYPE.match(line) or (_SAMPLE.match(line) and float(value) and not repeated):
                lines.append(line)
        followed = zip(lines, [*lines[1:], "#"], strict=True)
        return "".join(f"{a}\n" for a, b in followed if not (a[0] == "#" and b[0] == "#"))

    def traces(self) -> str:
        """The spans as text, each flow's root before its steps."""
        roots = [span for span in self.spans if span.parent is None]
        return "\n".join("".join(self._trace(root)) for root in roots)

    def _trace(self, root: ReadableSpan) -> list[str]:
        trace = _context(root)[0]
        steps = [s for s in self.spans if s.parent is not None and _context(s)[0] == trace]
        begin = root.start_time or 0
        return [f"trace {trace}\n", *(_span(span, begin) for span in (root, *steps))]


async def replay(transcript: bytes) -> Replayed:
    """Follow the streams of a transcript until all of them have been read."""
    exporter, time = InMemorySpanExporter(), _Time()
    traces = TracesSink(exporter, resource=Resource({}))
    registry, live, rest = CollectorRegistry(), LiveView(), _Rest()
    metrics = build_metrics(registry, version="test", span_counts=lambda: traces.counts)
    sinks: dict[str, Sink] = {"metrics": metrics, "traces": traces, "live": live, "rest": rest}
    fanout = FanOut(sinks, clock=lambda: 0.0)
    register_sink_accounts(registry, fanout.accounts)
    api = _RecordedApi(transcript, fanout, time)
    roster = Roster(api, fanout, classify=load_classifier(), clock=time.clock())
    while api.streams:
        roster.follow("ma_0123456789", domain="shop.example", profile_name="ada")
        await rest.reached.wait()
    await roster.stop()
    await api.aclose()
    traces.shutdown(2.0)
    return Replayed(registry, live.snapshot(), exporter.get_finished_spans())


def checked(transcript: bytes) -> str:
    """What ``check`` prints of it, which takes it for one stream."""
    out = io.StringIO()
    status = check(io.BytesIO(transcript), out)
    return f"{out.getvalue()}exit status {status}\n"


def _context(span: ReadableSpan) -> tuple[str, str]:
    context = span.context
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def _span(span: ReadableSpan, begin: int) -> str:
    start, end = span.start_time or 0, span.end_time or 0
    parent = f" in {span.parent.span_id:016x}" if span.parent else ""
    status = span.status.status_code.name
    status += f" ({span.status.description})" if span.status.description else ""
    lines = [
        f"  {span.name} {_context(span)[1]}{parent}",
        f"    from {_after(start, begin)} to {_after(end, begin)}, status {status}",
        *(
            f"    {key} = {json.dumps(value)}"
            for key, value in sorted((span.attributes or {}).items())
        ),
        *(f"    {_event(event, begin)}" for event in span.events),
        *(f"    link to {link.context.trace_id:032x}" for link in span.links),
    ]
    return "".join(f"{line}\n" for line in lines)


def _event(event: Event, begin: int) -> str:
    return f"{_after(event.timestamp, begin)} {event.name} {_values(event.attributes)}".rstrip()


def _values(attributes: Attributes) -> str:
    return ", ".join(
        f"{key} = {json.dumps(value)}" for key, value in sorted((attributes or {}).items())
    )


def _after(at_ns: int, begin_ns: int) -> str:
    return f"+{(at_ns - begin_ns) / 1e9:.3f} s"
