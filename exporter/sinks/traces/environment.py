"""The variables ``OTEL_*`` -> a sink, or none.

The SDK and its exporters read most of them by themselves, but meet a bad value with a warning and a
default. A bad value is a mistake of whoever starts us, so each is checked here first. Headers and
endpoints may carry credentials: no message quotes them.

Sources: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/. An empty value is an unset one. Where
the Python SDK differs from them (timeouts are in seconds), the SDK's documentation holds.
"""

import os
import sys
from typing import Final, NamedTuple

from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased

from exporter import __version__
from exporter.sinks.traces.otlp import ENDPOINT_NAMES, otlp_exporter
from exporter.sinks.traces.pipeline import Batching
from exporter.sinks.traces.sink import SCOPE_NAME, TracesSink
from exporter.sinks.traces.variables import Variable, first_set

_OTLP, _CONSOLE, _NONE = "otlp", "console", "none"
_RATIO: Final = "traceidratio"
# A flow has no parent, so each sampler that asks the parent first does as the one it falls back to.
_PARENT_BASED: Final = "parentbased_"
_SAMPLERS: Final = ("always_on", "always_off", _RATIO)


class _Whole(NamedTuple):
    """A variable with a whole number above zero: its name, and the specification's default."""

    name: str
    default: int


_SCHEDULE_DELAY: Final = _Whole("OTEL_BSP_SCHEDULE_DELAY", Batching().schedule_delay_millis)
_MAX_QUEUE_SIZE: Final = _Whole("OTEL_BSP_MAX_QUEUE_SIZE", Batching().max_queue_size)
_MAX_BATCH_SIZE: Final = _Whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Batching().max_export_batch_size)
# The SDK leaves it unused so far; a bad value of it is a mistake all the same.
_EXPORT_TIMEOUT: Final = _Whole("OTEL_BSP_EXPORT_TIMEOUT", 30000)


def sink_from_environment() -> TracesSink | None:
    """The sink that ``OTEL_*`` asks for; None, at no cost, where they name no place for spans.

    Raises:
        ValueError: a variable has a value that cannot be used. The message names it and the mend.
    """
    exporter = _exporter_name()
    if exporter == _NONE or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    batching, sampler, limits = _batching(), _sampler(), SpanLimits()
    return TracesSink(
        _console_exporter() if exporter == _CONSOLE else otlp_exporter(),
        resource=_resource(),
        sampler=sampler,
        limits=limits,
        batching=batching,
    )


def _exporter_name() -> str:
    variable = first_set("OTEL_TRACES_EXPORTER")
    if variable is None:
        return _NONE if first_set(*ENDPOINT_NAMES) is None else _OTLP
    return variable.one_of(_OTLP, _CONSOLE, _NONE)


def _console_exporter() -> SpanExporter:
    return ConsoleSpanExporter(out=sys.stdout)


def _resource() -> Resource:
    """Ours where ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` do not say otherwise."""
    told = OTELResourceDetector().detect().attributes
    ours = {SERVICE_NAME: SCOPE_NAME, SERVICE_VERSION: __version__}
    return Resource.create({key: value for key, value in ours.items() if key not in told})


def _sampler() -> Sampler:
    variable = first_set("OTEL_TRACES_SAMPLER")
    if variable is None:
        return ALWAYS_ON
    words = (*_SAMPLERS, *(_PARENT_BASED + name for name in _SAMPLERS))
    match variable.one_of(*words).removeprefix(_PARENT_BASED):
        case "always_off":
            return ALWAYS_OFF
        case "always_on":
            return ALWAYS_ON
        case _:
            return _ratio_sampler()


def _ratio_sampler() -> Sampler:
    variable = first_set("OTEL_TRACES_SAMPLER_ARG")
    return TraceIdRatioBased(1.0 if variable is None else variable.number(0.0, 1.0))


def _batching() -> Batching:
    _whole(_EXPORT_TIMEOUT)
    queue = _whole(_MAX_QUEUE_SIZE)
    # A queue made small on purpose must not fail over a batch size that nobody set.
    batch = _whole(_MAX_BATCH_SIZE._replace(default=min(queue, _MAX_BATCH_SIZE.default)))
    if batch > queue:
        raise ValueError(
            f"{_MAX_BATCH_SIZE.name} ({batch}) is more than {_MAX_QUEUE_SIZE.name} ({queue}):"
            " lower the first or raise the second"
        )
    return Batching(_whole(_SCHEDULE_DELAY), queue, batch)


def _whole(asked: _Whole) -> int:
    variable: Variable | None = first_set(asked.name)
    return asked.default if variable is None else variable.whole_number()
