"""Free text to a bounded category."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.website_errors import CATEGORIES, Classifier, Rule, fold

RULES = [
    Rule("rate_limited", ("too many * attempts", "try again later")),
    Rule("wrong_credentials", ("wrong password", "contrasena * incorrecta")),
]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Wrong password", "wrong_credentials"),
        ("WRONG   PASSWORD!", "wrong_credentials"),
        ("Contrase\u00f1a incorrecta", "wrong_credentials"),
        ("Wrong password. Too many failed attempts", "rate_limited"),
        ("attempts: too many", "other"),
        ("", "other"),
    ],
)
def test_the_first_rule_with_a_phrase_in_the_text_wins(text: str, category: str) -> None:
    assert Classifier(RULES)(text) == category


def test_parts_of_a_phrase_match_in_their_order_only() -> None:
    classify = Classifier([Rule("captcha", ("one * two",))])
    assert classify("one, then two") == "captcha"
    assert classify("two, then one") == "other"


def test_an_unknown_category_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown category 'bad'; the categories are wrong_cred"):
        Classifier([Rule("bad", ("x",))])


@given(st.text())
def test_every_text_has_a_category_of_the_list(text: str) -> None:
    assert Classifier(RULES)(text) in CATEGORIES


@given(st.text())
def test_case_and_spacing_never_matter(text: str) -> None:
    assert fold(f"  {text}  ") == fold(text)
    assert fold(fold(text)) == fold(text)
