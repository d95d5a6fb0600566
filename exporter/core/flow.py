"""One connection's flows: an event and the time it was received go in, observations come out."""

from collections.abc import Callable, Sequence
from typing import Self

from exporter.core.events import TrackerInput
from exporter.core.observations import FlowObservation


class FlowTracker:
    """Follows the flows of one connection, one after the other, through the state machine."""

    def __init__(
        self,
        connection_id: str,
        *,
        domain: str = "",
        profile_name: str = "",
        classify: Callable[[str], str],
    ) -> None:
        raise NotImplementedError

    @property
    def in_progress(self) -> bool:
        """Whether a flow is open: it has started and has not ended."""
        raise NotImplementedError

    def apply(self, event: TrackerInput, received_ns: int) -> Sequence[FlowObservation]:
        """What happened, in order. Never raises, whatever the upstream sent."""
        raise NotImplementedError

    def save(self) -> bytes:
        """Everything it needs to go on after a restart, as JSON; no secrets in it."""
        raise NotImplementedError

    @classmethod
    def restore(cls, saved: bytes, *, classify: Callable[[str], str]) -> Self:
        """The tracker as it was when it was saved.

        Raises:
            msgspec.DecodeError: the bytes are not what ``save`` made.
        """
        raise NotImplementedError
