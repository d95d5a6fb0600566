"""Every drawing of the machine has every legal move of it, and no other."""

import re
from itertools import product
from typing import Final

import pytest

from exporter.core.diagram import FORMATS, render
from exporter.core.machine import TERMINAL, WORKING, FlowState, is_legal, meaning

TRANSITIONS: Final = {
    (source, target)
    for source, target in product(FlowState, FlowState)
    if source is not target and is_legal(source, target)
}


def test_the_table_has_every_legal_transition_with_what_it_means() -> None:
    heading, *rows = (re.split(r" {2,}", line) for line in render("table").splitlines())
    assert heading == ["from", "to", "meaning"]
    drawn = [(FlowState(source), FlowState(target)) for source, target, _ in rows]
    assert set(drawn) == TRANSITIONS
    assert len(drawn) == len(TRANSITIONS)
    assert all(row[2] == meaning(*pair).value for row, pair in zip(rows, drawn, strict=True))


def test_graphviz_has_every_legal_transition_and_marks_the_terminals() -> None:
    text = render("dot")
    drawn = re.findall(r"^    (\w+) -> (\w+) \[tooltip=\"([^\"]+)\"\];$", text, re.MULTILINE)
    assert {(FlowState(source), FlowState(target)) for source, target, _ in drawn} == TRANSITIONS
    assert len(drawn) == len(TRANSITIONS)
    assert all(meaning(FlowState(a), FlowState(b)).value == told for a, b, told in drawn)
    assert set(re.findall(r"(\w+) \[peripheries=2\]", text)) == set(TERMINAL)
    assert text.startswith("digraph flow {\n")
    assert text.endswith("\n}")


def test_mermaid_shows_how_a_flow_goes_from_its_begin_to_its_end() -> None:
    heading, *lines = render("mermaid").splitlines()
    drawn = [tuple(line.strip().split(" --> ")) for line in lines]
    assert heading == "stateDiagram-v2"
    assert set(drawn) == {
        ("[*]", "DISCOVERING"),
        *((source, target) for source, target in TRANSITIONS if source in WORKING),
        *((terminal, "[*]") for terminal in TERMINAL),
    }
    assert len(drawn) == len(set(drawn))


def test_every_state_is_drawn_in_every_format() -> None:
    for name in FORMATS:
        for state in WORKING + TERMINAL:
            assert state in render(name), name


def test_there_is_no_other_format() -> None:
    assert set(FORMATS) == {"table", "mermaid", "dot"}
    with pytest.raises(KeyError, match="art"):
        render("art")
