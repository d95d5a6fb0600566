"""JSON of the API that is read leniently: what is odd in one place does not lose the rest. Pure."""

from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from exporter.core.decoding import MAX_IDENTIFIER, tolerant, unix_ns

T = TypeVar("T")

_BAD_JSON: Final = (msgspec.MsgspecError, RecursionError, UnicodeError)
_array_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])


def elements(body: bytes) -> list[msgspec.Raw] | None:
    """The elements of a JSON array, unread; None where the body is none."""
    return decoded(_array_decoder, body)


def decoded(decoder: msgspec.json.Decoder[T], raw: Any) -> T | None:  # noqa: ANN401 - bytes or Raw
    """What the decoder makes of it; None where it cannot."""
    try:
        return tolerant(decoder.decode, bytes(raw))
    except _BAD_JSON:
        return None


def text(value: object, longest: int = MAX_IDENTIFIER) -> str | None:
    """Text, cut; null, absent and empty are the same."""
    return value[:longest] if isinstance(value, str) and value else None


def moment_ns(value: object) -> int | None:
    """An RFC 3339 time in Unix nanoseconds; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        return unix_ns(msgspec.convert(value, datetime))
    except msgspec.ValidationError:
        return None
