"""A scrape of 100,000 samples: our renderer against the client library's encoder, in turns."""

import gzip
import random
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from benchmarks.machine import cpu_seconds, settle
from benchmarks.rows import Row, Target
from exporter.sinks.metrics.exposition import Renderer

BUCKETS = tuple(0.25 * 1.6**n for n in range(17))
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SHARES = (0.0, 0.01, 0.1, 1.0)
PEER = "prometheus_client's encoder"


def registry(children: int) -> tuple[CollectorRegistry, list[Histogram]]:
    """A histogram with so many children, an exemplar in each."""
    disable_created_metrics()
    made = CollectorRegistry()
    histogram = Histogram(
        "managed_auth_step_duration_seconds",
        "help",
        ["step", "domain"],
        buckets=BUCKETS,
        registry=made,
    )
    labelled = [histogram.labels("SUBMITTING", f"site-{n}.example") for n in range(children)]
    for child in labelled:
        child.observe(3.0, {"trace_id": "0" * 32})
    return made, labelled


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    began = cpu_seconds()
    work()
    return 1e3 * (cpu_seconds() - began)


def run(*, quick: bool) -> Iterator[Row]:
    """A scrape after so many of the samples have changed; then what compressing one costs."""
    rounds, number = (2, 200) if quick else (5, 5_000)
    made, children = registry(number)
    encode, _ = choose_encoder(OPENMETRICS)
    renderer, dice = Renderer(made), random.Random(1)
    body, _ = renderer.render(OPENMETRICS)
    if body != encode(made):
        raise RuntimeError("the bytes differ from the encoder's")
    lines = body.count(b"managed_auth")
    for share in SHARES:
        ours, theirs = [], []
        for _ in range(rounds):
            for child in dice.sample(children, int(share * number)):
                child.observe(dice.random() * 100, {"trace_id": "1" * 32})
            settle()
            ours.append(milliseconds(lambda: renderer.render(OPENMETRICS)))
            theirs.append(milliseconds(lambda: encode(made)))
        what = f"{lines:,} lines, {share:.0%} changed"
        yield Row(what, "CPU ms", ours, theirs, PEER, Target(0.2, at_most=True))
    levels = [
        [milliseconds(lambda: gzip.compress(body, level)) for _ in range(rounds)]  # noqa: B023 - called at once
        for level in (1, 9)
    ]
    yield Row(f"gzip of {lines:,} lines, level 1", "CPU ms", *levels, "level 9")
