"""All benchmarks by name, in the order in which they run."""

from collections.abc import Iterator
from typing import Protocol

from benchmarks import core, idle, journal, scrape, spans, streams, throughput
from benchmarks.rows import Row


class Benchmark(Protocol):
    """Takes its measures; it fails on errors, never on numbers."""

    def __call__(self, *, quick: bool) -> Iterator[Row]: ...


BENCHMARKS: dict[str, Benchmark] = {
    "core": core.run,
    "spans": spans.run,
    "scrape": scrape.run,
    "journal": journal.run,
    "throughput": throughput.run,
    "streams": streams.run,
    "idle": idle.run,
}
