"""Runs benchmarks and tells what they found: python -m benchmarks [--quick] [NAME ...]."""

import argparse
import json
import logging
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from benchmarks.machine import facts
from benchmarks.rows import Row, table
from benchmarks.suite import BENCHMARKS

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Run those that are named, all of them where none is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="each in small: do they run at all?")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    where = facts()
    rows = _rows(arguments.names or list(BENCHMARKS), quick=arguments.quick)
    RESULTS.write_text(
        json.dumps({"machine": where, "rows": [row.as_dict() for row in rows]}, indent=2) + "\n",
        encoding="utf-8",
    )
    print("; ".join(f"{name} {value}" for name, value in where.items()))
    print(table(rows))


def _rows(names: Sequence[str], *, quick: bool) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        began = time.monotonic()
        found = list(BENCHMARKS[name](quick=quick))
        if not found or not all(math.isfinite(value) for row in found for value in row.ours):
            raise RuntimeError(f"{name} gave no numbers")
        rows += found
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    main()
