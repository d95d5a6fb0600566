import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sinks.traces.bounds import (
    LAST_TIME_NS,
    MAX_VALUE_LENGTH,
    few_attributes,
    length,
    text,
    time_ns,
)
from tests.sinks.traces.samples import texts


@given(value=texts, limit=st.integers(0, 400))
def test_a_text_always_has_utf8_and_never_more_than_its_length(value: str, limit: int) -> None:
    fit = text(value, limit)
    assert fit.encode().decode() == fit
    assert len(fit) <= limit


@given(value=st.text(max_size=300))
def test_a_text_that_fits_stays_as_it_is(value: str) -> None:
    assert text(value, 300) == value


def test_a_lone_surrogate_is_replaced() -> None:
    assert text("a\ud800b", 10) == "a?b"


@pytest.mark.parametrize(
    ("at_ns", "fit"),
    [(-1, 0), (0, 0), (7, 7), (LAST_TIME_NS, LAST_TIME_NS), (LAST_TIME_NS + 1, LAST_TIME_NS)],
)
def test_a_time_outside_of_what_otlp_has_becomes_the_nearest(at_ns: int, fit: int) -> None:
    assert time_ns(at_ns) == fit


def test_without_a_limit_a_value_still_has_one() -> None:
    assert length(None) == MAX_VALUE_LENGTH
    assert length(3) == 3


def test_attributes_within_the_limits_are_not_copied() -> None:
    values: dict[str, str | bool | int | float] = {"a": "long"}
    assert few_attributes(values, 1, None) is values
    assert dict(few_attributes(values, 1, 2) or {}) == {"a": "lo"}
