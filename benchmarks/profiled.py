"""Where the CPU goes on the whole way, ours and then the peer's: python -m benchmarks.profiled [N].

The N functions that take most by themselves, and with all they call. A profiler makes calls dear:
it says where to look, the benchmark how much a change has brought. The export thread is not in it.
"""

import cProfile
import logging
import pstats
import sys

import structlog

from benchmarks.machine import runner
from benchmarks.official import Official
from benchmarks.ours import Ours
from benchmarks.serving import upstreams
from benchmarks.throughput import per_second

WARM_UP, FLOWS = 20, 200


def main(lines: int) -> None:
    """Profile a round of each, after one in small."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with upstreams() as urls, runner() as loop:
        for make in (Ours, Official):
            loop.run(per_second(make(urls), WARM_UP))
            with cProfile.Profile() as profile:
                loop.run(per_second(make(urls), FLOWS))
            print(f"{make.__name__}:")
            for order in ("tottime", "cumtime"):
                pstats.Stats(profile).sort_stats(order).print_stats(lines)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
