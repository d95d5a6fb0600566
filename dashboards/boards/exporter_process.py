"""What the exporter takes of the machine."""

from typing import Final

from dashboards.boards.promql import in_range, per_minute, per_second, quantile, total
from dashboards.boards.spec import PER_MINUTE, Panel, Query, Shape, at_most

STALLS: Final = "managed_auth_event_loop_stall_seconds"

PROCESS: Final = (
    Panel(
        "Processor",
        Shape.LINES,
        "percentunit",
        "Processor time that the exporter takes; 100 % is one processor.",
        (Query(per_second("", "process_cpu_seconds_total"), "CPU"),),
        width=4,
    ),
    Panel(
        "Memory",
        Shape.LINES,
        "bytes",
        "Resident memory.",
        (Query(total("", "process_resident_memory_bytes"), "resident"),),
        width=4,
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
        width=4,
        decimals=0,
    ),
    Panel(
        "Event loop stalls",
        Shape.LINES,
        "s",
        "By how much the loop that serves all streams was late: nine of ten and 99 of 100 looks "
        "at it found no more than this. Tens of milliseconds mean that something keeps it from "
        "them.",
        tuple(Query(quantile(share, "", STALLS), share) for share in ("0.9", "0.99")),
        width=4,
        empty="not looked at",
    ),
    Panel(
        "Garbage collections",
        Shape.LINES,
        PER_MINUTE,
        "Python's garbage collections, a minute, by generation.",
        (Query(per_minute("generation", "python_gc_collections_total"), "{{generation}}"),),
        width=4,
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
