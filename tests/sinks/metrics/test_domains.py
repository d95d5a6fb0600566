"""The domain label is bounded, whatever the upstream names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sinks.metrics.domains import DomainLabel


class Label:
    """A domain label that remembers what it told."""

    def __init__(self, limit: int | None) -> None:
        self.new: list[str] = []
        self.overflows = 0
        self.of = DomainLabel(limit, on_new=self.new.append, on_overflow=self._overflow)

    def _overflow(self) -> None:
        self.overflows += 1


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        ("example.com", "example.com"),
        (" Example.COM. ", "example.com"),
        ("bücher.example", "bücher.example"),
        ("login.example.com:8443", "login.example.com:8443"),
        ("", "unknown"),
        ("   ", "unknown"),
        ("https://example.com/?token=secret", "unknown"),
        ("user:password@example.com", "unknown"),
        ("two words", "unknown"),
        ("line\nbreak", "unknown"),
        ("\ud800", "unknown"),
        ("a" * 254, "unknown"),
    ],
)
def test_a_domain_is_a_lower_case_host_name_or_unknown(domain: str, value: str) -> None:
    assert Label(10).of(domain) == value


def test_the_first_domains_keep_their_name_and_later_ones_share_other() -> None:
    label = Label(2)

    assert [label.of(name) for name in ("a.example", "b.example", "c.example", "d.example")] == [
        "a.example",
        "b.example",
        "other",
        "other",
    ]
    assert label.of("A.example") == "a.example"
    assert label.overflows == 2
    assert label.new == ["a.example", "b.example", "other"]


def test_switched_off_every_domain_is_the_same_and_none_overflows() -> None:
    label = Label(None)

    assert {label.of(name) for name in ("a.example", "", "two words")} == {""}
    assert (label.overflows, label.new) == (0, [""])


@given(st.integers(0, 4), st.lists(st.text(st.characters(), max_size=8) | st.sampled_from("abcde")))
def test_there_are_never_more_values_than_the_limit_and_two(limit: int, domains: list[str]) -> None:
    label = Label(limit)
    values = [label.of(domain) for domain in domains]

    assert len(set(values) - {"other", "unknown"}) <= limit
    assert label.overflows >= values.count("other") - domains.count("other")
    assert set(values) == set(label.new)
    assert all(value.encode() for value in values)
