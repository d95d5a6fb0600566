"""The text that Prometheus reads, judged by the official parsers and by promtool."""

import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from exporter.core.observations import (
    ApiBudget,
    ApiRequest,
    ConnectionListed,
    Entry,
    FactNoted,
    FlowStarted,
    Gap,
    GapCause,
    HealthCheckSeen,
    JournalWritten,
    Outcome,
    RateLimit,
    StepEntered,
    StreamEventKind,
    StreamMessage,
    TimelineCovered,
    WebsiteError,
)
from exporter.sinks.fanout import SinkAccount
from exporter.sinks.metrics import (
    FAMILIES,
    MetricsSink,
    Renderer,
    register_readiness,
    register_sink_accounts,
    register_stalls,
)
from tests.sinks.metrics.samples import START_NS, ended, finished, flow

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
CLASSIC = "text/plain; version=0.0.4; charset=utf-8"
# What Prometheus 2.42 and 3.0 send.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
FAILED_TRACE = 0x0AF7651916CD43DD8448EB211C80319C


@pytest.fixture
def busy(registry: CollectorRegistry, sink: MetricsSink) -> CollectorRegistry:
    """A registry in which every family has something to tell."""
    one = flow(trace_id=FAILED_TRACE)
    for observation in (
        ConnectionListed("conn-1", "example.com", "NEEDS_AUTH", False, "no_credential"),  # noqa: FBT003
        RateLimit(600, 599),
        ApiBudget(300.0),
        TimelineCovered(START_NS),
        HealthCheckSeen("AUTHENTICATED", START_NS),
        JournalWritten(ok=True, at_ns=START_NS),
        ApiRequest("list", 200, 0.2),
        StreamMessage(StreamEventKind.STATE, START_NS, 1_000_000),
        FlowStarted(one, Entry.DISCOVERING),
        StepEntered(one, "SUBMITTING", START_NS),
        FactNoted("example.com", one, "SUBMITTING", WebsiteError(START_NS, "captcha", "text")),
        FactNoted("example.com", one, "SUBMITTING", Gap(START_NS, GapCause.RECONNECT)),
        finished(one, "SUBMITTING", "FAILED", 2),
        ended(one, Outcome.FAILED, error_code="captcha_blocked"),
        StepEntered(flow("conn-2", domain='bücher."example'), "AWAITING_INPUT", START_NS),
    ):
        sink.observe(observation)
    register_sink_accounts(registry, lambda: {"metrics": SinkAccount(0, 0.5)})
    register_readiness(registry, lambda: {"source": True, "sink": False})
    register_stalls(registry)(0.002)
    return registry


def parsed(body: bytes, parse: Callable[[str], object]) -> dict[str, Metric]:
    families = parse(body.decode())
    return {family.name: family for family in families}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, CLASSIC),
        ("", CLASSIC),
        ("*/*", CLASSIC),
        ("text/html,application/xhtml+xml,*/*;q=0.8", CLASSIC),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0", f"{OPENMETRICS}; escaping=underscores"),
        ("application/openmetrics-text; version=0.0.1", CLASSIC),
        ("application/openmetrics-text; version=2.0.0", CLASSIC),
        ("application/openmetrics-text; version=99.0", CLASSIC),
        ("application/openmetrics-text; version=banana", CLASSIC),
        ("application/openmetrics-text; version=1.0.0; version=banana", CLASSIC),
        (PROMETHEUS_2, f"{OPENMETRICS}; escaping=underscores"),
        (PROMETHEUS_3, f"{OPENMETRICS}; escaping=allow-utf-8"),
    ],
)
def test_the_format_is_what_the_scraper_asks_for_and_this_can_write(
    busy: CollectorRegistry, accept: str | None, content_type: str
) -> None:
    body, answered = Renderer(busy).render(accept)

    assert answered == content_type
    assert body.endswith(b"# EOF\n") == answered.startswith("application/openmetrics-text")


@given(st.text() | st.from_regex(r"(application/openmetrics-text|text/plain);\s?version=.{0,8},?"))
def test_no_header_ever_makes_it_fail_or_shows_in_the_answer(accept: str) -> None:
    body, content_type = Renderer(CollectorRegistry()).render(accept)

    version = content_type.split("version=")[1].split(";")[0]
    assert version in ("0.0.4", "1.0.0")
    assert body in (b"", b"# EOF\n")


def test_the_official_openmetrics_parser_finds_every_family(busy: CollectorRegistry) -> None:
    families = parsed(Renderer(busy).render(PROMETHEUS_2)[0], parse_openmetrics)

    for family in FAMILIES:
        name = family.name.removesuffix("_total").removesuffix("_info")
        assert families[name].type == family.kind
        assert families[name].documentation == family.help
        assert families[name].samples


def test_the_official_classic_parser_finds_every_family(busy: CollectorRegistry) -> None:
    families = parsed(Renderer(busy).render(None)[0], parse_classic)

    for family in FAMILIES:
        name = family.name.removesuffix("_total")
        kind = "gauge" if family.kind == "info" else family.kind
        assert (families[name].type, bool(families[name].samples)) == (kind, True)


def test_both_formats_tell_the_same_values(busy: CollectorRegistry) -> None:
    def values(families: dict[str, Metric]) -> set[tuple[str, frozenset[tuple[str, str]], float]]:
        return {
            (sample.name, frozenset(sample.labels.items()), sample.value)
            for family in families.values()
            for sample in family.samples
            if sample.name.startswith("managed_auth_")
        }

    openmetrics = values(parsed(Renderer(busy).render(PROMETHEUS_2)[0], parse_openmetrics))
    assert openmetrics == values(parsed(Renderer(busy).render(None)[0], parse_classic))
    assert len(openmetrics) > 1000


def test_exemplars_open_the_trace_and_are_in_openmetrics_only(busy: CollectorRegistry) -> None:
    families = parsed(Renderer(busy).render(PROMETHEUS_2)[0], parse_openmetrics)
    exemplars = {
        (sample.name, sample.exemplar.labels["trace_id"], sample.exemplar.value)
        for family in families.values()
        for sample in family.samples
        if sample.exemplar
    }

    trace = "0af7651916cd43dd8448eb211c80319c"
    assert exemplars == {
        ("managed_auth_flow_failures_total", trace, 1),
        ("managed_auth_step_duration_seconds_bucket", trace, 2),
        ("managed_auth_flow_duration_seconds_bucket", trace, 12),
        ("managed_auth_flow_waiting_seconds_bucket", trace, 7),
        ("managed_auth_flow_working_seconds_bucket", trace, 5),
    }
    assert b"trace_id" not in Renderer(busy).render(None)[0]


def test_the_creation_times_of_counters_are_no_series(busy: CollectorRegistry) -> None:
    for accept in (None, PROMETHEUS_2):
        assert b"_created" not in Renderer(busy).render(accept)[0]


@pytest.mark.real("promtool")
def test_promtool_has_nothing_to_say(busy: CollectorRegistry) -> None:
    body, _ = Renderer(busy).render(None)
    check = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, timeout=30, check=False
    )

    assert (check.returncode, check.stdout.decode(), check.stderr.decode()) == (0, "", "")
