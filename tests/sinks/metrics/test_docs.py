"""The reference in the docs is the one that the families make."""

from pathlib import Path

import pytest

from exporter.sinks.metrics import FAMILIES, render_docs
from exporter.sinks.metrics.family import Family

DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_docs_are_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == render_docs(), "run: make generate"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_has_its_row_and_its_labels_theirs(family: Family) -> None:
    docs = render_docs()

    assert docs.count(f"\n| `{family.name}` | {family.kind}") == 1
    assert family.help in docs
    for label in family.labels:
        assert f"\n| `{label.name}`" in docs
        assert all(f"`{value}`" in docs for value in label.values)


def test_the_number_of_series_in_it_is_the_number_that_there_are() -> None:
    fixed = sum(
        len(family.preset) * (len(family.buckets) + 3 if family.buckets else 1)
        for family in FAMILIES
        if not family.by_domain
    )
    assert f"event: {fixed}\n  series from the start" in render_docs()
