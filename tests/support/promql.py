"""Just enough of PromQL to see which series an expression names, and by which labels it groups."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_SELECTOR: Final = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING: Final = re.compile(r"\bby \(([^)]*)\)")
_NAME: Final = re.compile(r"[a-zA-Z_:][\w:]*")
_AGGREGATION: Final = re.compile(r"\b(sum|min|max|count|group)\s*(by \([^)]*\)\s*)?$")
_OPERATORS: Final = {"sum", "min", "max", "count", "group", "by", "or", "unless", "offset"}
_FUNCTIONS: Final = {"rate", "increase", "changes", "vector", "time", "histogram_quantile"}


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


def unaggregated(expr: str) -> list[str]:
    """The names of the selectors that stand in no ``sum``, or the like."""
    found, within = [], [False]
    for token in re.finditer(rf"{_SELECTOR.pattern}|(?P<bracket>[()])", expr):
        if token["bracket"] == "(":
            within.append(within[-1] or _AGGREGATION.search(expr[: token.start()]) is not None)
        elif token["bracket"] == ")":
            within.pop()
        elif not within[-1]:
            found.append(token[1])
    return found


def bare_names(expr: str) -> set[str]:
    """What is named without braces: a series that no matcher holds, or a word that is not known."""
    rest = re.sub(r'"[^"]*"|\$\w+', "", expr)
    rest = re.sub(r"\[[^\]]*\]", "", _GROUPING.sub("", _SELECTOR.sub("", rest)))
    return set(_NAME.findall(rest)) - _OPERATORS - _FUNCTIONS
