"""What the exporter takes of the machine."""

from typing import Final

from dashboards.boards.promql import in_range, per_minute, per_second, total
from dashboards.boards.spec import PER_MINUTE, Panel, Query, Shape, at_most

PROCESS: Final = (
    Panel(
        "Processor",
        Shape.LINES,
        "percentunit",
        "Processor time that the exporter takes; 100 % is one processor.",
        (Query(per_second("", "process_cpu_seconds_total"), "CPU"),),
        width=5,
    ),
    Panel(
        "Memory",
        Shape.LINES,
        "bytes",
        "Resident memory.",
        (Query(total("", "process_resident_memory_bytes"), "resident"),),
        width=5,
    ),
    Panel(
        "Open files",
        Shape.LINES,
        "short",
        "File descriptors in use: one for each stream, and some more. The limit is what the system "
        "allows.",
        (
            Query(total("", "process_open_fds"), "open"),
            Query(total("", "process_max_fds"), "limit"),
        ),
        width=5,
        decimals=0,
    ),
    Panel(
        "Garbage collections",
        Shape.LINES,
        PER_MINUTE,
        "Python's garbage collections, a minute, by generation.",
        (Query(per_minute("generation", "python_gc_collections_total"), "{{generation}}"),),
        width=5,
    ),
    Panel(
        "Names that did not fit",
        Shape.STAT,
        "short",
        "Times in the time range that a domain had to share the name other, because there are more "
        "than --metrics.max-domains.",
        (Query(in_range("label", "managed_auth_label_overflow_total"), "{{label}}"),),
        width=4,
        levels=at_most(warning=1),
        decimals=0,
    ),
)
