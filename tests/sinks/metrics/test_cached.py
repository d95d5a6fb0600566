"""What is kept of a scrape is what the client library's own encoder writes, byte for byte."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
    disable_created_metrics,
    enable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from exporter.sinks.metrics.cached import can_cache
from exporter.sinks.metrics.exposition import Renderer

FORMATS: Final = (
    "",
    "application/openmetrics-text; version=1.0.0",
    "application/openmetrics-text; version=1.0.0; escaping=allow-utf-8",
    "application/openmetrics-text; version=1.0.0; escaping=dots",
    "application/openmetrics-text; version=1.0.0; escaping=values",
    "text/plain; version=1.0.0; escaping=allow-utf-8",
)
texts = st.text(max_size=6) | st.sampled_from(['a"b', "a\\b", "a\nb", "", "é", "}", " # {"])
numbers = st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, 1.0, 1e21, 1e-9, float("nan")])
amounts = st.floats(0, 1e9) | st.sampled_from([0.0, 1.0, 1e21, float("inf")])
exemplars = st.none() | st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=6), max_size=2
)

Metrics = dict[str, Any]
Step = Callable[[Metrics], None]


def made(registry: CollectorRegistry) -> Metrics:
    """One of each kind, with labels and without, among them what cannot be kept."""
    buckets = (0.1, 1.0, 2.5, 1e7)
    return {
        "counter": Counter("c", 'help "with" \\ and \n', registry=registry),
        "labelled counter": Counter("lc", "help", ["z", "a"], registry=registry),
        "gauge": Gauge("g", "help", registry=registry),
        "labelled gauge": Gauge("lg", "help", ["b"], registry=registry),
        "histogram": Histogram("h", "help", buckets=buckets, registry=registry),
        "labelled histogram": Histogram(
            "lh", "help", ["le_not", "z"], buckets=buckets, registry=registry
        ),
        "negative histogram": Histogram("nh", "help", buckets=(-1.0, 1.0), registry=registry),
        "unit": Counter("u", "help", unit="seconds", registry=registry),
        "odd name": Gauge("odd.name", "help", ["odd.label"], registry=registry),
        "summary": Summary("s", "help", ["a"], registry=registry),
        "info": Info("i", "help", registry=registry),
        "enum": Enum("e", "help", states=["on", "off"], registry=registry),
        "function": Gauge("f", "help", ["a"], registry=registry),
    }


steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda n, e: lambda m: m["counter"].inc(n, e), amounts, exemplars),
    st.builds(
        lambda a, b, n, e: lambda m: m["labelled counter"].labels(a, b).inc(n, e),
        *(texts, texts, amounts, exemplars),
    ),
    st.builds(lambda n: lambda m: m["gauge"].set(n), numbers),
    st.builds(lambda a, n: lambda m: m["labelled gauge"].labels(a).inc(n), texts, numbers),
    st.builds(lambda n, e: lambda m: m["histogram"].observe(n, e), numbers, exemplars),
    st.builds(
        lambda a, b, n, e: lambda m: m["labelled histogram"].labels(a, b).observe(n, e),
        *(texts, texts, numbers, exemplars),
    ),
    st.builds(lambda n: lambda m: m["negative histogram"].observe(n), numbers),
    st.builds(lambda n: lambda m: m["unit"].inc(n), amounts),
    st.builds(lambda a, n: lambda m: m["odd name"].labels(a).set(n), texts, numbers),
    st.builds(lambda a, n: lambda m: m["summary"].labels(a).observe(n), texts, numbers),
    st.builds(lambda a: lambda m: m["info"].info({"a": a}), texts),
    st.builds(lambda a: lambda m: m["enum"].state(a), st.sampled_from(["on", "off"])),
    st.builds(lambda a: lambda m: m["labelled counter"].remove(a, a), texts),
    st.just(lambda m: m["labelled histogram"].clear()),
    st.just(lambda m: m["counter"].reset()),
    st.builds(
        lambda a, n: lambda m: m["function"].labels(a).set_function(lambda: n), texts, amounts
    ),
)


def agree(registry: CollectorRegistry, renderer: Renderer) -> None:
    for accept in FORMATS:
        encode, content_type = choose_encoder(accept)
        assert renderer.render(accept) == (encode(registry), content_type), accept


@settings(max_examples=150)
@given(st.lists(st.lists(steps, max_size=8), max_size=6))
def test_what_is_kept_is_always_what_the_library_would_write(rounds: list[list[Step]]) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    metrics, renderer = made(registry), Renderer(registry)
    agree(registry, renderer)
    for changes in rounds:
        for change in changes:
            change(metrics)
        agree(registry, renderer)


def test_what_is_registered_later_or_no_more_counts() -> None:
    registry = CollectorRegistry()
    renderer = Renderer(registry)
    first = Counter("first", "help", registry=registry)
    agree(registry, renderer)
    Gauge("second", "help", registry=registry).set(3)
    registry.unregister(first)
    agree(registry, renderer)
    registry.set_target_info({"a": "b"})
    agree(registry, renderer)


def test_only_plain_metrics_are_kept_and_the_products_are() -> None:
    registry = CollectorRegistry()
    kept = {name for name, metric in made(registry).items() if can_cache(metric)}
    plain = {"counter", "gauge", "histogram"}
    assert kept == {*plain, *(f"labelled {name}" for name in plain)} | {
        "negative histogram",
        "function",
    }


def test_creation_times_are_left_to_the_library() -> None:
    enable_created_metrics()  # type: ignore[no-untyped-call]
    try:
        registry = CollectorRegistry()
        renderer = Renderer(registry)
        Counter("c", "help", registry=registry).inc()
        agree(registry, renderer)
        assert b"c_created" in renderer.render("")[0]
    finally:
        disable_created_metrics()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("accept", FORMATS[:2])
def test_what_has_not_changed_is_not_written_anew(
    accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = CollectorRegistry()
    histogram = Histogram("h", "help", ["a"], buckets=(1.0, 2.0), registry=registry)
    for name in ("x", "y", "z"):
        histogram.labels(name).observe(1.5)
    renderer = Renderer(registry)
    renderer.render(accept)
    written: list[float] = []

    def count(number: float) -> str:
        written.append(number)
        return str(float(number))

    monkeypatch.setattr("exporter.sinks.metrics.cached._number", count)
    renderer.render(accept)
    assert not written
    histogram.labels("y").observe(0.5)
    renderer.render(accept)
    assert len(written) == 5  # three buckets, count and sum of one child
