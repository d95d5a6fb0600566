"""The reference of the metrics, written from the families themselves."""

from collections.abc import Iterable, Iterator
from typing import Final

from exporter.sinks.metrics.catalogue import FAMILIES, SECTIONS
from exporter.sinks.metrics.family import Family, Kind
from exporter.sinks.metrics.labels import Label

_INTRODUCTION: Final = """\
# Metrics

Written from the table of families in `exporter/sinks/metrics`; `make generate` writes it anew.

`/metrics` answers in OpenMetrics 1.0 where the scraper asks for it, else in the classic text
format. Durations and times are in seconds, the latter since 1970 (Unix time).

- **Every label is bounded.** What the upstream says and this version does not know becomes `other`
  or `unknown`. The id of a connection is never a label.
- **Known combinations exist at 0**, so that `rate()` and `increase()` see the first event: {fixed}
  series from the start, and {per_domain} for each domain as soon as it is known. What is possible
  but unusual appears with its first event.
- **Exemplars** (OpenMetrics only; the families marked \\*) carry the `trace_id` of the flow, so
  that a bucket opens its trace.
- **No flow is lost between the families**: `sum(managed_auth_flows_started_total)` is
  `sum(managed_auth_flows_ended_total)` plus `sum(managed_auth_flows_in_progress)`. A flow
  that a former process left open is in step `unknown` until it is taken up, within the start.
- **Totals outlive the process** where there is a journal (`--data-dir`): flows that started, that
  ended and that failed go on where they were, so a restart loses nothing that came after the last
  scrape. Every other counter and histogram begins at 0 in each process. Where there are more
  domains than may have a name, a restart may give the names to others than before, and `increase()`
  over it shows logins by domain that never were: let `--metrics.max-domains` be enough for all.
- A step or a flow that was not seen whole is counted, but gives no duration.
"""
_LABELS: Final = """\
## Labels

| label | what it tells | values |
|---|---|---|
"""
_BUCKETS: Final = """\
## Buckets

Upper bounds in seconds.

"""
_ENDING: Final = """\
The Prometheus client library adds its own `process_*` and `python_gc_*` families.
"""


def render_docs() -> str:
    """The reference as Markdown: every family, its labels and their values, its buckets."""
    fixed = sum(_series(family) for family in FAMILIES if not family.by_domain)
    per_domain = sum(_series(family) for family in FAMILIES if family.by_domain)
    sections = (_section(title, families) for title, families in SECTIONS.items())
    return "\n".join(
        (
            _INTRODUCTION.format(fixed=fixed, per_domain=per_domain),
            *sections,
            _LABELS + "".join(_label_rows()),
            _BUCKETS + "".join(_bucket_lines()),
            _ENDING,
        )
    )


def _series(family: Family) -> int:
    """How many series the presets make: a histogram has one a bucket, +Inf, sum and count."""
    each = len(family.buckets) + 3 if family.kind is Kind.HISTOGRAM else 1
    return each * len(family.preset)


def _section(title: str, families: Iterable[Family]) -> str:
    head = (
        f"## {title}\n\n| family | type | labels | what it says | fed by |\n|---|---|---|---|---|\n"
    )
    return head + "".join(_family_row(family) for family in families)


def _family_row(family: Family) -> str:
    kind = f"{family.kind}\\*" if family.exemplar else family.kind
    labels = _code(family.label_names()) or "none"
    return f"| `{family.name}` | {kind} | {labels} | {family.help} | {family.fed_by} |\n"


def _label_rows() -> Iterator[str]:
    """A row for each label; where two have the same name, the family tells which is meant."""
    users: dict[Label, Family] = {}
    for family in FAMILIES:
        for label in family.labels:
            users.setdefault(label, family)
    names = [label.name for label in users]
    for label, family in users.items():
        of = f" of `{family.name}`" if names.count(label.name) > 1 else ""
        values = label.free or _code(label.values)
        yield f"| `{label.name}`{of} | {label.meaning} | {values} |\n"


def _bucket_lines() -> Iterator[str]:
    for family in FAMILIES:
        if family.buckets:
            yield f"- `{family.name}`: {' '.join(f'{bucket:g}' for bucket in family.buckets)}\n"


def _code(values: Iterable[str]) -> str:
    return " ".join(f"`{value}`" for value in values)
