"""A scrape of 100,000 samples: our renderer against the client library's encoder, in turns.

Run: python benchmarks/scrape.py
"""

import gzip
import random
import statistics
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from exporter.sinks.metrics.exposition import Renderer

ROUNDS, CHILDREN = 5, 5_000
BUCKETS = tuple(0.25 * 1.6**n for n in range(17))
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SHARES = (0.0, 0.01, 0.1, 1.0)


def registry() -> tuple[CollectorRegistry, list[Histogram]]:
    made = CollectorRegistry()
    histogram = Histogram(
        "managed_auth_step_duration_seconds",
        "help",
        ["step", "domain"],
        buckets=BUCKETS,
        registry=made,
    )
    children = [histogram.labels("SUBMITTING", f"site-{n}.example") for n in range(CHILDREN)]
    for child in children:
        child.observe(3.0, {"trace_id": "0" * 32})
    return made, children


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    made, children = registry()
    encode, _ = choose_encoder(OPENMETRICS)
    renderer, dice = Renderer(made), random.Random(1)
    body, _ = renderer.render(OPENMETRICS)
    assert body == encode(made)
    print(f"{body.count(b'managed_auth'):,} lines, {len(body) / 1e6:.1f} MB; medians of {ROUNDS}")
    for share in SHARES:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            for child in dice.sample(children, int(share * CHILDREN)):
                child.observe(dice.random() * 100, {"trace_id": "1" * 32})
            ours.append(seconds(lambda: renderer.render(OPENMETRICS)))
            theirs.append(seconds(lambda: encode(made)))
        mine, stock = statistics.median(ours), statistics.median(theirs)
        ratio = f"{mine * 1e3:7.1f} ms against {stock * 1e3:7.1f} ms: {stock / mine:.1f} times"
        print(f"{share:5.0%} changed: {ratio}")
    squeezed = seconds(lambda: gzip.compress(body, 1))
    print(f"gzip level 1: {squeezed * 1e3:.0f} ms")


if __name__ == "__main__":
    disable_created_metrics()
    main()
