"""``docs/traces.md``, written from the table of attributes so that it cannot go stale."""

from collections.abc import Iterable
from typing import Final

from exporter.sinks.traces.attributes import ATTRIBUTES, Carrier

_EVENTS: Final = {
    Carrier.WEBSITE_ERROR: "on a step: the website showed an error",
    Carrier.INPUT_REQUESTED: "on a step: a person, or an agent, was asked for something",
    Carrier.ILLEGAL_TRANSITION: "on the flow: it did what the API does not promise",
    Carrier.GAP: "on the flow: part of it went unseen",
}

_VARIABLES: Final = (
    (
        "`OTEL_EXPORTER_OTLP_ENDPOINT`",
        (
            "the collector, such as `http://127.0.0.1:4318`: setting it turns traces on;"
            " over HTTP `/v1/traces` is appended"
        ),
    ),
    ("`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`", "the same for traces only, used as it is"),
    ("`OTEL_TRACES_EXPORTER`", "`otlp` (the default with an endpoint), `console` or `none`"),
    (
        "`OTEL_EXPORTER_OTLP_PROTOCOL`",
        (
            "`http/protobuf` (the default) or `grpc`, which needs"
            " `pip install 'managed-auth-exporter[grpc]'`"
        ),
    ),
    (
        (
            "`OTEL_EXPORTER_OTLP_HEADERS`, `_COMPRESSION`, `_TIMEOUT`, `_CERTIFICATE`,"
            " `_CLIENT_CERTIFICATE`, `_CLIENT_KEY`, `_INSECURE`"
        ),
        (
            "as specified, but the timeout is in seconds, as the Python SDK has it;"
            " some backends refuse `gzip`"
        ),
    ),
    ("`OTEL_EXPORTER_OTLP_TRACES_*`", "each of the above for traces only; it wins"),
    (
        "`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`",
        "who exports; the name is `managed-auth-exporter` unless they say otherwise",
    ),
    (
        "`OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG`",
        (
            "`always_on` (the default), `always_off`, `traceidratio`, or these with `parentbased_`;"
            " decided for each flow by its trace id, so the spans of a flow stay together and a"
            " restart decides alike"
        ),
    ),
    (
        "`OTEL_BSP_SCHEDULE_DELAY`, `_MAX_QUEUE_SIZE`, `_MAX_EXPORT_BATCH_SIZE`",
        "how long spans wait (5000 ms), how many can (2048), and how many go at once (512)",
    ),
    (
        "`OTEL_SPAN_*_LIMIT`, `OTEL_EVENT_*_LIMIT`, `OTEL_ATTRIBUTE_*_LIMIT`",
        "as specified, but without a length limit values are cut to 256 characters",
    ),
    ("`OTEL_SDK_DISABLED`", "`true` turns traces off"),
)

_TEMPLATE: Final = """\
<!-- Written by render_docs() of exporter/sinks/traces/docs.py. -->
# Traces

Each login flow is one trace. The root span is the flow, named `LOGIN flow` or `REAUTH flow`
(`flow` where its type is not known); each visit of a step is a child span, named after the step.
Steps are exported as they finish, the root when the flow ends, so a flow that still runs is a
trace whose root is yet to come. The times are Kernel's own, from the events.

- **Ids are derived** from the connection and the start of the flow. After a restart, on another
  replica or in a replay a span has the same ids, so a trace goes on where it was.
- **A flow that only the timeline told of** is a root span without steps, its times from the
  timeline.
- **A step that was under way when the process ended** is marked incomplete by the next one. With a
  journal (`--data-dir`), spans that a killed process had not exported are sent by the next: where
  they had arrived after all, a backend gets the same ids twice.
- **A REAUTH flow links** to the root of the last flow of the same connection.
- **Status** is ERROR for flows that failed or expired, with the error code as its description,
  and for the step that they ended in. Every other span leaves it unset: canceled and superseded
  are no errors, and the specification has instrumentation leave OK to others.
- **Span kind** is INTERNAL: the login is Kernel's work, not a request of the exporter.
- **Free text** is redacted and cut before it gets here. No span carries a key, a hosted or live
  view URL, a hand-off code, a field value or a selector.

## Where spans go

The standard OpenTelemetry variables say so. Without an endpoint there is no exporter, no thread
and no cost. A value that cannot be used ends the start with one line that names it.

{variables}

A collector that cannot be reached costs the spans that cannot be sent, and nothing else:
`managed_auth_spans_dropped_total` counts them, `managed_auth_spans_exported_total` the others.

## Attributes

`server.address` and `error.type` are OpenTelemetry semantic conventions.

{attributes}

## Span events

{events}
"""


def render_docs() -> str:
    """The whole text of ``docs/traces.md``."""
    return _TEMPLATE.format(
        variables=_table(("variable", "what it does here"), _VARIABLES),
        attributes=_table(
            ("attribute", "type", "on", "meaning"),
            (
                (f"`{x.key}`", x.type, ", ".join(map(_carrier, x.carriers)), x.meaning)
                for x in ATTRIBUTES
            ),
        ),
        events=_table(
            ("event", "meaning", "attributes"),
            (
                (
                    f"`{event}`",
                    meaning,
                    ", ".join(f"`{x.key}`" for x in ATTRIBUTES if event in x.carriers),
                )
                for event, meaning in _EVENTS.items()
            ),
        ),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _carrier(carrier: Carrier) -> str:
    return f"`{carrier}`" if carrier in _EVENTS else carrier
