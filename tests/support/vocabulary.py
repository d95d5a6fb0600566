"""What there is to ask Prometheus for: series, their labels, and the values that these may have."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.utils import floatToGoString

from dashboards.alerting import recording
from dashboards.alerting.rule import Recording
from exporter.sinks.metrics import FAMILIES
from exporter.sinks.metrics.family import Family, Kind
from exporter.sinks.metrics.labels import CODE, NONE, Label
from tests.support.grafana import DEFAULTS
from tests.support.promql import Matcher, groupings, series

OF_A_TARGET: Final = {"job", "instance"}
NOT_OURS: Final[Mapping[str, set[str]]] = {
    "up": set(),
    "process_cpu_seconds_total": set(),
    "process_max_fds": set(),
    "process_open_fds": set(),
    "process_resident_memory_bytes": set(),
    "process_start_time_seconds": set(),
    "python_gc_collections_total": {"generation"},
}
"""What Prometheus and its client add by themselves, with its labels besides those of a target."""

SERIES: Final[Mapping[str, Family]] = {
    name: family
    for family in FAMILIES
    for name in (
        (f"{family.name}_bucket", f"{family.name}_sum", f"{family.name}_count")
        if family.kind is Kind.HISTOGRAM
        else (family.name,)
    )
}
_RULES: Final = [rule for group in recording.groups(DEFAULTS) for rule in group.rules]
RECORDED: Final[Mapping[str, list[Recording]]] = {
    rule.record: [each for each in _RULES if each.record == rule.record] for rule in _RULES
}
_NAMES: Final = {label.name for family in FAMILIES for label in family.labels} | {"job", "quantile"}
# The longest first: error_code is no code.
_OF_LEVEL: Final = re.compile(
    rf"(?<![a-z])(?:{'|'.join(sorted(_NAMES, key=len, reverse=True))})(?![a-z])"
)
_STATUSES: Final = {NONE, *(str(status) for status in range(100, 600))}


def labels(name: str) -> set[str]:
    """The labels of a series; none where there is no such series."""
    if name in RECORDED:
        return set(_OF_LEVEL.findall(name.split(":", maxsplit=1)[0]))
    if name in NOT_OURS:
        return OF_A_TARGET | NOT_OURS[name]
    if name not in SERIES:
        return set()
    bucket = {"le"} if name.endswith("_bucket") else set()
    return {*OF_A_TARGET, *SERIES[name].label_names(), *bucket}


def values(name: str, label: str) -> set[str] | None:
    """Every value that a label of a series may have; None where they cannot be listed."""
    if name in RECORDED:
        return _recorded(RECORDED[name], label)
    if name not in SERIES or label in OF_A_TARGET or label not in labels(name):
        return None
    if label == "le":
        bounds = (*SERIES[name].buckets, float("inf"))
        return {floatToGoString(bound) for bound in bounds}  # type: ignore[no-untyped-call]
    (known,) = (each for each in SERIES[name].labels if each.name == label)
    return _values(known)


def missing(expr: str) -> Iterator[str]:
    """The series and the labels that an expression asks for in vain."""
    for asked in series(expr):
        if not labels(asked.name):
            yield f"there is no {asked.name}"
        for label in asked.labels() - labels(asked.name):
            yield f"{asked.name} has no {label}"
    for asked, by in groupings(expr):
        for label in by - labels(asked.name):
            yield f"{asked.name} has no {label} to group by"


def unheard(expr: str) -> Iterator[str]:
    """The values that an expression picks, and that no series ever has; variables have any."""
    for asked in series(expr):
        for matcher in asked.matchers:
            known = values(asked.name, matcher.label)
            if "$" not in matcher.value and known is not None:
                for each in matcher.alternatives:
                    if not _is_known(each, matcher, known):
                        yield f'{asked.name} has no {matcher.label}="{each}"'


def _recorded(rules: list[Recording], label: str) -> set[str] | None:
    """What the rules add by themselves, and what comes through them."""
    found = {rule.labels[label] for rule in rules if label in rule.labels}
    for rule in rules:
        for behind in series(rule.expr):
            if label in labels(behind.name):
                known = values(behind.name, label)
                if known is None:
                    return None
                found |= known
    return found


def _values(label: Label) -> set[str] | None:
    if label is CODE:
        return _STATUSES
    return None if label.free else set(label.values)


def _is_known(value: str, matcher: Matcher, known: set[str]) -> bool:
    if "~" in matcher.operator:
        return any(re.fullmatch(value, each) for each in known)
    return value in known
