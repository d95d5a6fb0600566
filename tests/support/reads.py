"""Whose timeline was asked for, and when: seen from the side of the simulator."""

from collections.abc import Callable
from functools import partial

from exporter.simulator.runner import Simulator
from exporter.simulator.timeline import TimelineEntry

Reads = dict[str, list[float]]
"""Connection id -> the times at which its timeline was asked for, in their order."""


def note_reads(simulator: Simulator, now_seconds: Callable[[], float]) -> Reads:
    """Keep, from now on, when the timelines of the connections that there are are asked for."""
    reads: Reads = {}
    for connection in simulator.world.connections.values():
        times = reads[connection.id] = []
        show = partial(_note_and, connection.timeline.newest_first, times, now_seconds)
        connection.timeline.newest_first = show  # type: ignore[method-assign]
    return reads


def _note_and(
    show: Callable[[int], list[TimelineEntry]],
    times: list[float],
    now_seconds: Callable[[], float],
    now_ns: int,
) -> list[TimelineEntry]:
    times.append(now_seconds())
    return show(now_ns)
