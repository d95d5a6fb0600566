"""Deterministic trace and span ids.

The same flow has the same ids after a restart, a takeover by another replica, or a replay, so that
a trace goes on where it was and a backend drops the double.

Sizes and the rule that neither may be zero: W3C Trace Context, sections 3.2.2.3 and 3.2.2.4.
"""

from hashlib import blake2b
from typing import Final

ROOT_ORDINAL: Final = 0
"""The ordinal of a flow's root span; visits of steps count from 1."""


def trace_id(connection_id: str, started_ns: int, salt: str = "") -> int:
    """The 128-bit trace id of the flow that began on this connection at this time.

    ``salt`` tells flows apart that claim the same start.
    """
    return _digest(f"{connection_id}\x00{started_ns}{salt}".encode(errors="replace"), 16)


def span_id(trace: int, ordinal: int) -> int:
    """The 64-bit id of a span in ``trace``: the root's, or that of the nth visit of a step."""
    return _digest(trace.to_bytes(16, "big") + ordinal.to_bytes(8, "big"), 8)


def _digest(seed: bytes, size: int) -> int:
    return (
        int.from_bytes(blake2b(seed, digest_size=size, person=b"managed-auth").digest(), "big") or 1
    )
