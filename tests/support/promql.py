"""Just enough of PromQL to see which series an expression names, and by which labels it groups."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_BRACES: Final = r'\{((?:[^}"]|"[^"]*")*)\}'
_SELECTOR: Final = re.compile(rf"([a-zA-Z_:][\w:]*){_BRACES}")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING: Final = re.compile(r"\bby \(([^)]*)\)")
_LABELS: Final = r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)"
_NAME: Final = re.compile(r"[a-zA-Z_:][\w:]*")
_AGGREGATION: Final = re.compile(r"\b(sum|min|max|count|group)\s*(by \([^)]*\)\s*)?$")
_OPERATORS: Final = {"sum", "min", "max", "count", "group", "by", "or", "unless", "offset"}
_FUNCTIONS: Final = {"rate", "increase", "changes", "vector", "time", "histogram_quantile"}
_WORDS: Final = {
    *("and", "or", "unless", "atan2", "bool", "offset", "inf", "nan"),
    *("sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "topk", "bottomk"),
    *("quantile", "count_values"),
}
"""What stands in an expression by itself and names no series."""

# Strings, windows, durations and Grafana's variables are passed over; a function has a bracket.
_TOKEN: Final = re.compile(
    rf'{_LABELS}|"[^"]*"|\[[^\]]*\]|\$\w+|[\d.]+\w*'
    rf"|(?P<name>[a-zA-Z_:][\w:]*)(?:{_BRACES.replace('((', '(?P<inside>(')})?(?P<call>\s*\()?"
)


class Matcher(NamedTuple):
    """What the value of a label has to be."""

    label: str
    operator: str
    value: str

    @property
    def alternatives(self) -> list[str]:
        """The values, or the patterns, one of which it has to be."""
        return self.value.split("|") if "~" in self.operator else [self.value]


class Selector(NamedTuple):
    """Series that are asked for, by their name and their labels."""

    name: str
    matchers: tuple[Matcher, ...]

    def labels(self) -> set[str]:
        """The labels that matter."""
        return {matcher.label for matcher in self.matchers}


def selectors(expr: str) -> list[Selector]:
    """Every selector that has braces."""
    return [_selector(name, inside) for name, inside in _SELECTOR.findall(expr)]


def series(expr: str) -> list[Selector]:
    """Every selector, with braces or without."""
    return [
        _selector(token["name"], token["inside"] or "")
        for token in _TOKEN.finditer(expr)
        if token["name"] and not token["call"] and token["name"].lower() not in _WORDS
    ]


def groupings(expr: str) -> Iterator[tuple[Selector, set[str]]]:
    """Each ``by (...)``, ``on (...)`` and the like, with the selector that has to have its labels.

    That is the first one after it, and where two sides are matched, the last one before it as well.
    """
    for grouping in re.finditer(_LABELS, expr):
        kind, inside = grouping.groups()
        labels = {label.strip() for label in inside.split(",")} - {""}
        sides = [] if kind == "group_right" else series(expr[grouping.end() :])[:1]
        if kind in {"on", "ignoring", "group_right"}:
            sides += series(expr[: grouping.start()])[-1:]
        yield from ((side, labels) for side in sides)


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


def _selector(name: str, inside: str) -> Selector:
    return Selector(name, tuple(Matcher(*found) for found in _MATCHER.findall(inside)))
