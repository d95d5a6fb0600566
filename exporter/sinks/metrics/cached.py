"""The lines of a counter, gauge or histogram, written anew only where something has changed.

The client library's encoder makes an object of every sample and formats all of them at every
scrape: more than a second for 100,000 samples, in which the event loop waits for the interpreter
again and again. Here each child keeps its lines and what they were made of.

What that is, is read from the library's own attributes, which are no interface: a property test
holds the result to that of the library's encoder, byte for byte. What is not a plain counter, gauge
or histogram, or has a name that needs escaping, is left to that encoder.
"""

import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Final, Protocol

from prometheus_client import Counter, Gauge, Histogram, metrics
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString
from prometheus_client.values import MutexValue

Pairs = tuple[tuple[str, str], ...]

_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_KINDS: Final = (Counter, Gauge, Histogram)
_number: Final[Callable[[float], str]] = floatToGoString


class Lines(Protocol):
    """The lines of one child."""

    child: MetricWrapperBase

    def text(self) -> bytes:
        """As they are now."""


def can_cache(collector: Collector) -> bool:
    """Whether the lines of this collector can be kept."""
    return (
        isinstance(collector, MetricWrapperBase)
        and type(collector) in _KINDS
        and not metrics._use_created  # noqa: SLF001 - see the head of the file
        and not collector._unit  # noqa: SLF001 - likewise
        and _METRIC_NAME.fullmatch(collector._name) is not None  # noqa: SLF001 - likewise
        and all(map(_LABEL_NAME.fullmatch, collector._labelnames))  # noqa: SLF001 - likewise
    )


def escaped(text: str) -> str:
    """A label's value, or OpenMetrics' help."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _labels(pairs: Pairs) -> str:
    inside = ",".join(f'{name}="{escaped(value)}"' for name, value in sorted(pairs))
    return f"{{{inside}}}" if inside else ""


def _exemplar(exemplar: Exemplar | None) -> str:
    if exemplar is None:
        return ""
    inside = ",".join(f'{k}="{escaped(v)}"' for k, v in sorted(exemplar.labels.items()))
    at = "" if exemplar.timestamp is None else f" {exemplar.timestamp}"
    return f" # {{{inside}}} {_number(exemplar.value)}{at}"


class _Line:
    """A counter or a gauge. A value that is the same object as then has not changed."""

    __slots__ = ("_cell", "_exemplar", "_exemplars", "_start", "_text", "_value", "child")

    def __init__(self, child: Counter | Gauge, start: str, *, exemplars: bool) -> None:
        self.child: MetricWrapperBase = child
        self._cell: MutexValue = child._value  # noqa: SLF001 - see the head of the file
        self._start = f"{start} "
        self._exemplars = exemplars
        self._value: float | None = None
        self._exemplar: Exemplar | None = None
        self._text = b""

    def text(self) -> bytes:
        value = self._cell._value  # noqa: SLF001 - see the head of the file
        exemplar = self._cell._exemplar if self._exemplars else None  # noqa: SLF001 - likewise
        if value is not self._value or exemplar is not self._exemplar:
            line = f"{self._start}{_number(value)}{_exemplar(exemplar)}\n"
            self._text = line.encode()
            self._value, self._exemplar = value, exemplar
        return self._text


class _Buckets:
    """A histogram.

    An observation changes the sum, a bucket and maybe an exemplar, one after the other, and this
    may look in between: so each of them is compared, and not the sum alone.
    """

    __slots__ = ("_cells", "_exemplars", "_seen", "_starts", "_sum", "_text", "_with_sum", "child")

    def __init__(self, child: Histogram, name: str, pairs: Pairs, *, exemplars: bool) -> None:
        self.child: MetricWrapperBase = child
        self._cells: list[MutexValue] = child._buckets  # noqa: SLF001 - see the head of the file
        self._sum: MutexValue = child._sum  # noqa: SLF001 - likewise
        bounds = child._upper_bounds  # noqa: SLF001 - likewise
        self._starts = [
            *(f"{name}_bucket{_labels((*pairs, ('le', _number(x))))} " for x in bounds),
            *(f"{name}_{part}{_labels(pairs)} " for part in ("count", "sum")),
        ]
        self._with_sum = bounds[0] >= 0
        self._exemplars = exemplars
        self._seen: tuple[float, list[float], list[Exemplar | None]] | None = None
        self._text = b""

    def text(self) -> bytes:
        cells = self._cells
        seen = (
            self._sum._value,  # noqa: SLF001 - see the head of the file
            [cell._value for cell in cells],  # noqa: SLF001 - likewise
            [cell._exemplar for cell in cells] if self._exemplars else [],  # noqa: SLF001 - likewise
        )
        if seen != self._seen:
            self._text = "".join(self._lines(*seen)).encode()
            self._seen = seen
        return self._text

    def _lines(
        self, total: float, counts: list[float], exemplars: list[Exemplar | None]
    ) -> Iterator[str]:
        *starts, count_start, sum_start = self._starts
        count = 0.0
        for start, each, exemplar in zip_longest(starts, counts, exemplars):
            count += each
            yield f"{start}{_number(count)}{_exemplar(exemplar)}\n"
        yield f"{count_start}{_number(count)}\n"
        if self._with_sum:
            yield f"{sum_start}{_number(total)}\n"


class CachedFamily:
    """The text of a family in one format; see ``can_cache`` for which."""

    def __init__(self, family: MetricWrapperBase, *, openmetrics: bool) -> None:
        self._family: Final = family
        self._openmetrics: Final = openmetrics
        self._kept: dict[tuple[str, ...], Lines] = {}
        name, kind = family._name, family._type  # noqa: SLF001 - see the head of the file
        self._sample: Final = f"{name}_total" if isinstance(family, Counter) else name
        head = name if openmetrics else self._sample
        text = family._documentation  # noqa: SLF001 - see the head of the file
        told = escaped(text) if openmetrics else text.replace("\\", r"\\").replace("\n", r"\n")
        self._head: Final = f"# HELP {head} {told}\n# TYPE {head} {kind}\n".encode()

    def text(self) -> Iterator[bytes]:
        """Its lines as they are now.

        Raises:
            NotPlainError: a child is none of the library's own making.
        """
        yield self._head
        children = self._children()
        kept = self._kept
        for values, child in children.items():
            lines = kept.get(values)
            if lines is None or lines.child is not child:
                lines = kept[values] = self._made(values, child)
            yield lines.text()
        if len(kept) > len(children):
            self._kept = {values: kept[values] for values in children}

    def _children(self) -> dict[tuple[str, ...], MetricWrapperBase]:
        family = self._family
        if not family._labelnames:  # noqa: SLF001 - see the head of the file
            return {(): family}
        with family._lock:  # noqa: SLF001 - likewise
            return family._metrics.copy()  # type: ignore[return-value] # noqa: SLF001 - likewise

    def _made(self, values: tuple[str, ...], child: MetricWrapperBase) -> Lines:
        pairs = tuple(zip(self._family._labelnames, values, strict=True))  # noqa: SLF001 - likewise
        if "_child_samples" in vars(child):
            raise NotPlainError(self._family._name)  # noqa: SLF001 - likewise
        if isinstance(child, Histogram):
            return _Buckets(child, self._sample, pairs, exemplars=self._openmetrics)
        assert isinstance(child, Counter | Gauge)  # noqa: S101 - narrows; can_cache has looked
        exemplars = self._openmetrics and isinstance(child, Counter)
        return _Line(child, f"{self._sample}{_labels(pairs)}", exemplars=exemplars)


class NotPlainError(Exception):
    """A child whose samples come from a function of somebody's."""
