"""Just enough of PromQL to see which series an expression names, and by which labels it groups."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_SELECTOR: Final = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING: Final = re.compile(r"\bby \(([^)]*)\)")
_NAME: Final = re.compile(r"[a-zA-Z_:][\w:]*")
_WORDS: Final = frozenset(
    [
        "sum",
        "min",
        "max",
        "count",
        "group",
        "by",
        "rate",
        "increase",
        "changes",
        "or",
        "vector",
        "time",
        "histogram_quantile",
    ]
)


class Selector(NamedTuple):
    """Series that are asked for: their name, and label -> what its value has to be."""

    name: str
    matchers: Mapping[str, str]


def selectors(expr: str) -> list[Selector]:
    """Every selector that has braces."""
    return [
        Selector(name, {label: value for label, _, value in _MATCHER.findall(inside)})
        for name, inside in _SELECTOR.findall(expr)
    ]


def groupings(expr: str) -> list[tuple[Selector, set[str]]]:
    """Each ``by (...)`` with the first selector after it."""
    found = []
    for grouping in _GROUPING.finditer(expr):
        labels = {label.strip() for label in grouping[1].split(",")}
        found += [(following, labels) for following in selectors(expr[grouping.end() :])[:1]]
    return found


def bare_names(expr: str) -> set[str]:
    """What is named without braces: a series that no matcher holds, or a word that is not known."""
    rest = re.sub(r'"[^"]*"', "", expr)
    rest = re.sub(r"\[[^\]]*\]", "", _GROUPING.sub("", _SELECTOR.sub("", rest)))
    return set(_NAME.findall(rest)) - _WORDS
