"""Where it is measured: the machine, the loop, and the meters of this process."""

import asyncio
import gc
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("httpx", "httpx-sse", "kernel", "msgspec", "opentelemetry-sdk", "prometheus-client")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop that the exporter runs on; the peers are given the same."""
    try:
        import uvloop  # noqa: PLC0415 - it installs on most systems, not on all
    except ImportError:
        return None
    return uvloop.new_event_loop


def runner() -> asyncio.Runner:
    """A runner with that loop."""
    return asyncio.Runner(loop_factory=loop_factory())


def facts() -> dict[str, str]:
    """What has to be known to read the numbers."""
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "loop": "asyncio" if loop_factory() is None else f"uvloop {version('uvloop')}",
        "load before": busy,
        **{name: version(name) for name in _LIBRARIES},
    }


def cpu_seconds() -> float:
    """CPU time of this process, all of its threads."""
    return time.process_time()


def settle() -> None:
    """Leave no garbage of one measurement for the next to collect."""
    gc.collect()


def resident_kib() -> float:
    """Memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024
