"""Whatever a label is asked for, the answer is one of its values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sinks.metrics.catalogue import FAMILIES
from exporter.sinks.metrics.labels import OUTCOME, Label, status_code

LABELS = sorted({label for family in FAMILIES for label in family.labels}, key=lambda x: x.meaning)
WITH_FALLBACK = [label for label in LABELS if label.other is not None]


@pytest.mark.parametrize("label", WITH_FALLBACK, ids=lambda label: label.name)
def test_a_known_value_stays_and_any_other_becomes_the_fallback(label: Label) -> None:
    bound = label.bounded()

    assert [bound(value) for value in label.known] == list(label.known)
    assert bound("anything else") == label.other
    assert bound(None) == bound("") == (label.absent or label.other)


@given(st.sampled_from(WITH_FALLBACK), st.none() | st.text(st.characters()))
def test_the_answer_is_always_an_allowed_value(label: Label, said: str | None) -> None:
    assert label.bounded()(said) in label.values


def test_an_enumeration_of_ours_has_no_place_for_the_unknown() -> None:
    with pytest.raises(ValueError, match="outcome has no value for the unknown"):
        OUTCOME.bounded()


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)
def test_every_label_lists_its_values_or_says_what_bounds_them(label: Label) -> None:
    assert label.free or label.known
    assert label.meaning


@given(st.none() | st.integers())
def test_a_status_is_three_digits_or_none(code: int | None) -> None:
    value = status_code(code)

    assert value == "none" or (100 <= int(value) <= 599 and int(value) == code)
    assert status_code(404) == "404"
