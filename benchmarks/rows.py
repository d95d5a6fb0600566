"""What a benchmark found, and how it is told."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for the ratio of ours to the peer's, or for ours alone."""

    number: float
    at_most: bool = False
    of_ours: bool = False

    def __str__(self) -> str:
        bound = f"{'<=' if self.at_most else '>='} {figure(self.number)}"
        return f"{bound} ours" if self.of_ours else bound

    def reached(self, ours: float, ratio: float | None) -> bool | None:
        value = ours if self.of_ours else ratio
        if value is None:
            return None
        return value <= self.number if self.at_most else value >= self.number


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: a value for each round, ours and the peer's, taken in turns."""

    what: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    peer: str = "-"
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's of the same round, the median: a slow minute slows both."""
        if not self.theirs:
            return None
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def reached(self) -> bool | None:
        """Whether the target is; None where there is none."""
        ours = statistics.median(self.ours)
        return self.target.reached(ours, self.ratio) if self.target else None

    def as_dict(self) -> dict[str, object]:
        """Everything, for results.json."""
        return asdict(self) | {
            "ours_median": statistics.median(self.ours),
            "theirs_median": statistics.median(self.theirs) if self.theirs else None,
            "ratio": self.ratio,
            "reached": self.reached,
        }

    def cells(self) -> tuple[str, ...]:
        """The columns of the table."""
        return (
            f"{self.what}, {self.unit}",
            _with_spread(self.ours),
            _with_spread(self.theirs) if self.theirs else "-",
            self.peer,
            "-" if self.ratio is None else f"{self.ratio:.2f}",
            "-" if self.target is None else str(self.target),
            {True: "yes", False: "no", None: "-"}[self.reached],
            self.note,
        )


HEAD = ("what", "ours", "peer's", "the peer", "ours/peer", "target", "reached", "")


def table(rows: Iterable[Row]) -> str:
    """All rows below one head, in columns."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def figure(number: float) -> str:
    """A number with as many places as say something."""
    size = abs(number)
    return f"{number:,.0f}" if size >= 100 else f"{number:.1f}" if size >= 10 else f"{number:.3g}"


def _with_spread(values: Sequence[float]) -> str:
    """The median, and between what the rounds lie."""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{figure(middle)} ({figure(least)}..{figure(most)})"
