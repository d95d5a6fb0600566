"""Names that are safe to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.names import host_name, profile_label


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("Shop.Example.", "shop.example"),
        ("localhost:8080", "localhost:8080"),
        ("b\u00fccher.example", "b\u00fccher.example"),
        ("https://user:secret@evil/?token=1", ""),
        ("a b", ""),
        ("", ""),
        ("x" * 300, ""),
    ],
)
def test_a_domain_is_a_host_name_or_nothing(domain: str, name: str) -> None:
    assert host_name(domain) == name


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("profile-00023", "profile-00023"),
        ("ada@example.com", "[email]"),
        ("x" * 300, "x" * 199 + "\u2026"),
    ],
)
def test_a_profile_keeps_its_name_unless_it_is_an_address(name: str, label: str) -> None:
    assert profile_label(name) == label


@given(st.text())
def test_a_host_name_never_holds_what_a_url_needs_for_secrets(text: str) -> None:
    assert not set(host_name(text)) & set("/?#@= ")
