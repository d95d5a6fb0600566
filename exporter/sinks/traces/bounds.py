"""What OTLP and the configured limits can carry.

An export is all or nothing: one value that protobuf refuses would cost a whole batch of spans. So
every text and time is made to fit when its span is built.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link
from opentelemetry.util.types import Attributes

MAX_VALUE_LENGTH: Final = 256
"""Longest attribute value in characters where OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT does not say:
OTel's default is no limit, but these words come from strangers. The longest that is of use is a
domain name, at most 253 (RFC 1035, section 2.3.4)."""

LAST_TIME_NS: Final = 2**64 - 1
"""Times are fixed64 in opentelemetry/proto/trace/v1/trace.proto: the last is in the year 2554."""

Values = dict[str, str | bool | int | float]
"""Attributes in the making."""

_Item = TypeVar("_Item", Event, Link)


def length(limit: int | None) -> int:
    """The most characters of a value, given the configured limit."""
    return MAX_VALUE_LENGTH if limit is None else limit


def text(value: str, limit: int) -> str:
    """The value cut, and as valid Unicode: a lone surrogate has no UTF-8."""
    cut = value if len(value) <= limit else value[:limit]
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode("utf-8")


def time_ns(at_ns: int) -> int:
    """The nearest time that OTLP has."""
    return min(max(at_ns, 0), LAST_TIME_NS)


def few_attributes(values: Values, limit: int | None, max_length: int | None) -> Attributes:
    """The last of them up to the limit; the SDK's own mapping tells how many went."""
    if max_length is None and (limit is None or len(values) <= limit):
        return values
    return BoundedAttributes(maxlen=limit, attributes=values, max_value_len=max_length)


def few(items: Sequence[_Item], limit: int | None) -> Sequence[_Item]:
    """The last of them up to the limit; the SDK's own list tells how many went."""
    if limit is None or len(items) <= limit:
        return items
    return BoundedList.from_seq(limit, items)
