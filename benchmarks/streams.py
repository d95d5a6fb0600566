"""What a stream costs where there are many: to open it, follow three events, and close it.

All are open at the same time: the second and the third event come when all have had the first. Each
round of each number has a fresh process, so that none profits from memory that another has left.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from benchmarks.machine import cpu_seconds, resident_kib, runner, settle
from benchmarks.official import PEER, Official
from benchmarks.ours import Ours
from benchmarks.rows import Row, Target
from benchmarks.serving import release, upstreams

SERVERS, WARM_UP, AT_ONCE = 3, 30, 100
CLIENTS = {"ours": Ours, "official": Official}


class Cost(NamedTuple):
    """Of one stream, on average."""

    microseconds: float
    kib: float


async def open_all(client: Ours | Official, number: int, kind: str = "held") -> None:
    """Open so many, a hundred at a time, until each has had its first event."""
    for opened in range(0, number, AT_ONCE):
        upto = min(opened + AT_ONCE, number)
        for each in range(opened, upto):
            client.open(f"{kind}-{each}", each)
        await client.progress.until(messages=upto)


async def _follow(name: str, urls: Sequence[str], number: int) -> Cost:
    client = CLIENTS[name](urls)
    if isinstance(client, Official):
        client.prepare(number)
    settle()
    before, began = resident_kib(), cpu_seconds()
    await open_all(client, number)
    kib = resident_kib() - before
    await release(urls)
    await client.progress.until(messages=2 * number)
    await release(urls)
    await client.progress.until(messages=3 * number, ended=number)
    spent = cpu_seconds() - began
    await client.aclose()
    return Cost(spent / number * 1e6, kib / number)


def cost(name: str, urls: Sequence[str], number: int) -> Cost:
    """The cost in this process, after a few streams that are not counted."""
    with runner() as loop:
        loop.run(_follow(name, urls, WARM_UP))
        return loop.run(_follow(name, urls, number))


def _rounds(sizes: Sequence[int], rounds: int) -> dict[tuple[str, int], list[Cost]]:
    wanted = [("official", sizes[0]), *(("ours", size) for size in sizes)]
    found: dict[tuple[str, int], list[Cost]] = {each: [] for each in wanted}
    fresh = multiprocessing.get_context("spawn")
    with (
        upstreams(SERVERS) as urls,
        ProcessPoolExecutor(1, mp_context=fresh, max_tasks_per_child=1) as pool,
    ):
        for _ in range(rounds):
            for name, size in wanted:
                found[name, size].append(pool.submit(cost, name, urls, size).result())
    return found


def run(*, quick: bool) -> Iterator[Row]:
    """Each number against the smallest, the smallest against the SDK."""
    sizes, rounds = ((100, 300), 2) if quick else ((1_000, 3_000, 9_000), 3)
    found = _rounds(sizes, rounds)
    small = found["ours", sizes[0]]
    few = f"{sizes[0]:,}"
    theirs = [each.microseconds for each in found["official", sizes[0]]]
    ours = [each.microseconds for each in small]
    yield Row(f"a stream of {few}", "CPU us", ours, theirs, PEER)
    for size in sizes[1:]:
        many = [each.microseconds for each in found["ours", size]]
        target = Target(1.5, at_most=True) if size == sizes[-1] else None
        yield Row(f"a stream of {size:,}", "CPU us", many, ours, f"ours, of {few}", target)
    most = [each.kib for each in found["ours", sizes[-1]]]
    theirs = [each.kib for each in found["official", sizes[0]]]
    yield Row(f"a stream of {sizes[-1]:,}", "KiB", most, theirs, f"{PEER}, of {few}")
