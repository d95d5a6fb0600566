"""The whole way at full speed: bytes of ten streams -> metrics and spans, against parsing alone.

Ours goes from the socket to the sinks, metrics with exemplars and a span for each step and flow,
the export thread included. The peer is Kernel's SDK, which makes objects of the same bytes and does
nothing with them. Both on one loop, in turns; what is counted is CPU time of the client.
"""

from collections.abc import Callable, Iterator

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from benchmarks.events import EVENTS_A_FLOW
from benchmarks.machine import cpu_seconds, runner, settle
from benchmarks.official import PEER, Official
from benchmarks.ours import Ours
from benchmarks.rows import Row, Target
from benchmarks.serving import upstreams

STREAMS = 10


async def per_second(client: Ours | Official, flows: int) -> float:
    """Events per CPU second, all streams read to their end and all spans exported."""
    expected = STREAMS * flows * EVENTS_A_FLOW
    try:
        if isinstance(client, Official):
            client.prepare(STREAMS)
        settle()
        began = cpu_seconds()
        for number in range(STREAMS):
            client.open(f"full-{flows}-{number}", number)
        await client.progress.until(messages=expected, ended=STREAMS)
        client.flush()
        return expected / (cpu_seconds() - began)
    finally:
        await client.aclose()


def _in_turns(
    makers: tuple[Callable[[], Ours | Official], ...], *, quick: bool
) -> tuple[list[float], ...]:
    rounds, flows = (2, 20) if quick else (5, 500)
    found: tuple[list[float], ...] = tuple([] for _ in makers)
    with runner() as loop:
        for make in makers:
            loop.run(per_second(make(), 20))
        for _ in range(rounds):
            for values, make in zip(found, makers, strict=True):
                values.append(loop.run(per_second(make(), flows)))
    return found


def run(*, quick: bool) -> Iterator[Row]:
    """Without an export, and with one to a receiver that drops what it gets."""
    with upstreams(2) as (url, receiver):
        endpoint = f"{receiver}/v1/traces"
        ours, exporting, theirs = _in_turns(
            (
                lambda: Ours([url]),
                lambda: Ours([url], OTLPSpanExporter(endpoint)),
                lambda: Official([url]),
            ),
            quick=quick,
        )
    unit = "events/CPU s"
    yield Row("whole way, spans dropped", unit, ours, theirs, PEER, Target(1.5))
    yield Row("whole way, OTLP sent", unit, exporting, theirs, PEER, Target(1.0))
