import json
import os
import sys
import threading
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased

from exporter.sinks.traces import sink_from_environment
from exporter.sinks.traces.sink import TracesSink
from tests.otlp_receiver import http_receiver, values
from tests.sinks.traces.samples import flow_ended, flow_ref

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def built(monkeypatch: pytest.MonkeyPatch, **variables: str) -> TracesSink | None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    sink = sink_from_environment()
    if sink is not None:
        sink.shutdown(0.5)
    return sink


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {ENDPOINT: ""},
        {"OTEL_TRACES_SAMPLER": "always_on", "OTEL_SERVICE_NAME": "x"},
        {ENDPOINT: NOWHERE, "OTEL_TRACES_EXPORTER": "none"},
        {ENDPOINT: NOWHERE, "OTEL_SDK_DISABLED": "True"},
    ],
)
def test_without_a_place_for_spans_there_is_no_sink_and_no_thread(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    before = threading.active_count()
    assert built(monkeypatch, **variables) is None
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "variables",
    [
        {ENDPOINT: NOWHERE},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": NOWHERE},
        {"OTEL_TRACES_EXPORTER": "otlp"},
        {"OTEL_TRACES_EXPORTER": " OTLP "},
        {ENDPOINT: NOWHERE, "OTEL_SDK_DISABLED": "false"},
        {ENDPOINT: NOWHERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {
            ENDPOINT: "127.0.0.1:9",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "",
        },
        {ENDPOINT: NOWHERE, "OTEL_BSP_MAX_QUEUE_SIZE": "10"},
    ],
)
def test_a_place_for_spans_makes_a_sink(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    assert built(monkeypatch, **variables) is not None


@pytest.mark.parametrize(
    ("variables", "sampler"),
    [
        ({}, ALWAYS_ON),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, ALWAYS_ON),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, ALWAYS_OFF),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.2"},
            TraceIdRatioBased(0.2),
        ),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, TraceIdRatioBased(1.0)),
    ],
)
def test_the_sampler_is_the_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sampler: Sampler
) -> None:
    sink = built(monkeypatch, **{ENDPOINT: NOWHERE}, **variables)
    assert sink is not None
    assert sink._sampler.get_description() == sampler.get_description()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ENDPOINT, "collector:4318"),
        (ENDPOINT, "http://"),
        (ENDPOINT, "http://[::1"),
        (ENDPOINT, "http://collector:99999"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector/s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer s3cret"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b,=s3cret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10000"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "no/such/file.pem"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "1.5"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "-3"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_it_and_keeps_secrets(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match=name) as refused:
        built(monkeypatch, **{ENDPOINT: NOWHERE, name: value})
    assert "\n" not in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert caplog.records == []
    assert threading.active_count() == before


@pytest.mark.parametrize("ratio", ["1.5", "-0.1", "half", "nan"])
def test_a_bad_ratio_is_refused(monkeypatch: pytest.MonkeyPatch, ratio: str) -> None:
    with pytest.raises(ValueError, match=r"OTEL_TRACES_SAMPLER_ARG .*from 0 to 1"):
        built(
            monkeypatch,
            **{ENDPOINT: NOWHERE},
            OTEL_TRACES_SAMPLER="traceidratio",
            OTEL_TRACES_SAMPLER_ARG=ratio,
        )


def test_grpc_without_its_extra_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(ValueError, match=r"pip install 'managed-auth-exporter\[grpc\]'"):
        built(monkeypatch, **{ENDPOINT: NOWHERE, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"})


def test_what_is_meant_for_traces_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_receiver() as collector:
        monkeypatch.setenv(ENDPOINT, NOWHERE)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.endpoint}/own/path")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "logins")
        sink = sink_from_environment()
        assert sink is not None
        sink.observe(flow_ended(flow_ref()))
        sink.shutdown(5)
        assert [x.path for x in collector.requests] == ["/own/path"]
        (part,) = collector.resource_spans
        assert values(part.resource.attributes)["service.name"] == "logins"


def test_the_console_exporter_prints_spans(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    sink = sink_from_environment()
    assert sink is not None
    sink.observe(flow_ended(flow_ref()))
    sink.shutdown(5)
    assert json.loads(capsys.readouterr().out)["name"] == "LOGIN flow"


def test_a_certificate_that_can_be_read_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = tmp_path / "ca.pem"
    certificate.write_text("")
    assert built(
        monkeypatch, **{ENDPOINT: NOWHERE, "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate)}
    )
