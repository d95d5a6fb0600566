"""What quiet streams cost: a heartbeat each 15 s, and nothing else.

The time is measured over one interval between heartbeats, in which each stream has one. The peer
holds the same streams with Kernel's SDK, fifty in each client.
"""

import asyncio
from collections.abc import Iterator, Sequence

from benchmarks.machine import cpu_seconds, runner, settle
from benchmarks.official import PEER, Official
from benchmarks.ours import Ours
from benchmarks.rows import Row
from benchmarks.serving import upstreams
from benchmarks.streams import open_all

SERVERS, SCALED_TO = 3, 9_000


async def _share(client: Ours | Official, number: int, seconds: float) -> float:
    """Per cent of a core, scaled, while nothing but heartbeats comes."""
    if isinstance(client, Official):
        client.prepare(number)
    try:
        await open_all(client, number, "quiet")
        settle()
        before, began = client.progress.messages, cpu_seconds()
        await asyncio.sleep(seconds)
        spent, beats = cpu_seconds() - began, client.progress.messages - before
    finally:
        await client.aclose()
    if not 0.8 * number <= beats <= 1.2 * number:
        raise RuntimeError(f"{beats} heartbeats of {number} streams came in {seconds} s")
    return 100 * spent / seconds * SCALED_TO / number


def _rounds(urls: Sequence[str], *, quick: bool) -> list[tuple[float, float]]:
    number, seconds, rounds = (200, 2.0, 2) if quick else (3_000, 15.0, 3)
    with runner() as loop:
        return [
            (
                loop.run(_share(Ours(urls), number, seconds)),
                loop.run(_share(Official(urls), number, seconds)),
            )
            for _ in range(rounds)
        ]


def run(*, quick: bool) -> Iterator[Row]:
    """Quiet streams."""
    with upstreams(SERVERS, heartbeat_seconds=2.0 if quick else 15.0) as urls:
        ours, theirs = zip(*_rounds(urls, quick=quick), strict=True)
    note = "measured at a heartbeat each 2 s" if quick else ""
    yield Row(f"{SCALED_TO:,} quiet streams", "% of a core", ours, theirs, PEER, note=note)
