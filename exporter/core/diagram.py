"""Draws the machine, always from itself: as a table, as Mermaid for the README, as Graphviz."""

from collections.abc import Callable, Mapping
from typing import Final

from exporter.core.machine import TERMINAL, FlowState, is_legal, meaning

_NAMES: Final = {state: state.value for state in FlowState} | {FlowState.IDLE: "[*]"}


def render(output_format: str) -> str:
    """The states and their legal moves, without a newline at the end.

    Raises:
        KeyError: ``output_format`` is not one of ``FORMATS``.
    """
    return "\n".join(FORMATS[output_format]())


def _targets(source: FlowState) -> list[FlowState]:
    """The legal transitions from a state; a repeat is none."""
    return [target for target in FlowState if target is not source and is_legal(source, target)]


def _table() -> list[str]:
    width = max(len(state) for state in FlowState)
    rows = [("from", "to", "meaning")]
    for source in FlowState:
        rows.extend((source, to, meaning(source, to).value) for to in _targets(source))
    return [f"{source:{width}}  {target:{width}}  {sense}" for source, target, sense in rows]


def _mermaid() -> list[str]:
    """Joining late and snapshots are left out: they are how one looks in, not how a flow goes."""
    lines = ["stateDiagram-v2"]
    lines.append(f"    {_NAMES[FlowState.IDLE]} --> {FlowState.DISCOVERING}")
    for source in FlowState:
        if source is FlowState.IDLE or source in TERMINAL:
            continue
        lines.extend(f"    {source} --> {target}" for target in _targets(source))
    lines.extend(f"    {terminal} --> [*]" for terminal in TERMINAL)
    return lines


def _dot() -> list[str]:
    lines = ["digraph flow {", "    rankdir=LR;", "    node [shape=box, style=rounded];"]
    lines.extend(f"    {terminal} [peripheries=2];" for terminal in TERMINAL)
    for source in FlowState:
        lines.extend(
            f'    {source} -> {target} [tooltip="{meaning(source, target).value}"];'
            for target in _targets(source)
        )
    return [*lines, "}"]


FORMATS: Final[Mapping[str, Callable[[], list[str]]]] = {
    "table": _table,
    "mermaid": _mermaid,
    "dot": _dot,
}
"""The formats there are."""
