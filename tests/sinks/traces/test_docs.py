from pathlib import Path

from exporter.sinks.traces import render_docs
from exporter.sinks.traces.attributes import ATTRIBUTES, SPANS, Carrier

DOCS = Path(__file__).parents[3] / "docs" / "traces.md"


def test_the_page_is_what_the_code_says() -> None:
    assert DOCS.read_text() == render_docs(), "stale: write it anew with render_docs()"


def test_every_attribute_and_event_is_on_the_page() -> None:
    page = render_docs()
    names = [x.key for x in ATTRIBUTES] + [x.value for x in Carrier if x not in SPANS]
    assert [name for name in names if f"| `{name}` |" not in page] == []
