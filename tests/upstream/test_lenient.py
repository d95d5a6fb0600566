"""JSON of the API, read leniently."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.upstream.lenient import decoded, elements, moment_ns, text


@given(st.binary())
def test_any_bytes_are_elements_or_none(body: bytes) -> None:
    found = elements(body)
    assert found is None or all(isinstance(each, msgspec.Raw) for each in found)


def test_an_element_that_cannot_be_read_does_not_lose_the_others() -> None:
    found = elements(b'[{"a": 1}, 7, {"a": 2}]')
    assert found is not None
    decoder = msgspec.json.Decoder(dict[str, int])
    assert [decoded(decoder, each) for each in found] == [{"a": 1}, None, {"a": 2}]


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[1", b'"x"', b"[" * 5000])
def test_what_is_no_array_has_no_elements(body: bytes) -> None:
    assert elements(body) is None


@given(st.none() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_text_is_cut_and_anything_else_is_none(value: Any) -> None:
    assert text(value, 3) == (value[:3] if isinstance(value, str) and value else None)


@pytest.mark.parametrize(
    ("value", "at_ns"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T01:00:01+01:00", 10**9),
        ("yesterday", None),
        ("", None),
        (1, None),
        (None, None),
    ],
)
def test_a_moment_is_rfc_3339_or_none(value: object, at_ns: int | None) -> None:
    assert moment_ns(value) == at_ns
