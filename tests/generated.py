"""The generated parts of the documentation: what they are made of, and how to write them anew.

``python -m tests.generated`` (``make generate``) writes them, and what transcripts come to; tests
hold them against the code.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from dashboards import __main__ as dashboards
from dashboards.alerting.runbooks import render_alerts, render_runbooks
from dashboards.settings import Settings
from exporter.core.diagram import render
from exporter.core.machine import FlowState, is_legal, meaning
from exporter.settings.docs import render_docs as configuration
from exporter.sinks.metrics import render_docs as metrics
from exporter.sinks.traces import render_docs as traces
from tests.test_transcripts import write_all as write_transcripts

ROOT: Final = Path(__file__).parent.parent
END: Final = "<!-- end of generated -->"


def _diagram() -> str:
    return f"```mermaid\n{render('mermaid')}\n```"


def _moves() -> str:
    rows = ["| from | legal targets |", "|---|---|"]
    for source in FlowState:
        targets = [
            f"{target} ({meaning(source, target).value})" if source is FlowState.IDLE else target
            for target in FlowState
            if target is not source and is_legal(source, target)
        ]
        rows.append(f"| {source} | {', '.join(targets)} |")
    return "\n".join(rows)


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/metrics.md": metrics,
    "docs/traces.md": traces,
    "docs/configuration.md": configuration,
    "docs/alerts.md": render_alerts,
    "docs/runbooks.md": render_runbooks,
}
"""Whole files."""

SECTIONS: Final[Mapping[tuple[str, str], Callable[[], str]]] = {
    ("README.md", "states"): _diagram,
    ("docs/concepts.md", "moves"): _moves,
}
"""Parts of files, between two comments."""


def expected(path: str) -> str:
    """The file as it should be: generated whole, or with its generated parts replaced."""
    if path in PAGES:
        return PAGES[path]()
    text = (ROOT / path).read_text("utf-8")
    for (file, name), make in SECTIONS.items():
        if file == path:
            begin = f"<!-- generated: {name} -->"
            pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(END)}", re.DOTALL)
            replacement = f"{begin}\n{make()}\n{END}"
            text, found = pattern.subn(replacement.replace("\\", r"\\"), text)
            if found != 1:
                raise ValueError(f"{path} has {found} parts named {name}; it should have one")
    return text


FILES: Final = sorted({*PAGES, *(file for file, _ in SECTIONS)})


def write_all() -> None:
    """Write every generated part anew."""
    for path in FILES:
        (ROOT / path).write_text(expected(path), "utf-8")
    write_transcripts()
    dashboards.write(Settings(), dashboards.HERE)


if __name__ == "__main__":
    write_all()
