"""The one door through which every event of every source reaches a connection's flow tracker."""

from collections.abc import Callable, Sequence
from typing import Final

from exporter.core.events import (
    DeadlineCheck,
    Listing,
    Resumed,
    StreamAttached,
    StreamDetached,
    TrackerInput,
)
from exporter.core.flow import FlowTracker
from exporter.core.observations import FlowEnded, FlowObservation, GapCause, Observed, Sink
from exporter.stores.keeper import Keeper, KeepsNothing
from exporter.stores.store import SavedConnection

_SAMPLES: Final = (Listing, DeadlineCheck)
"""What comes again and again, and seldom changes anything."""


class Door:
    """A connection's tracker, what comes out of it, and whether a stream is attached to it.

    ``last_event_id`` is the stream's, as far as its events have been fed, while a flow is open.
    Later it would bring back flows that the timeline has told of since.
    ``on_ended`` is called when anything but the timeline has told of a flow's end.
    """

    __slots__ = ("_keeper", "_lost", "_on_ended", "_sink", "attached", "last_event_id", "tracker")

    def __init__(
        self,
        tracker: FlowTracker,
        sink: Sink,
        *,
        keeper: Keeper | None = None,
        on_ended: Callable[[str], None] | None = None,
    ) -> None:
        self.tracker = tracker
        self.attached = False
        self.last_event_id = ""
        self._sink = sink
        self._keeper = keeper or KeepsNothing()
        self._on_ended = on_ended
        self._lost: GapCause | None = None

    @property
    def in_progress(self) -> bool:
        """Whether a flow is open."""
        return self.tracker.in_progress

    @property
    def ended(self) -> bool:
        """Whether the newest flow that was seen is over."""
        return self.tracker.ended

    def is_unsettled(self) -> bool:
        """Whether a flow is open that may be over, and another one in its place.

        What a new stream or a listing shows is then to be believed only after the timeline.
        """
        return self.in_progress and not self.attached

    def feed(self, event: TrackerInput, received_ns: int) -> Sequence[FlowObservation]:
        """Take an event in and hand on what follows from it, which is returned too."""
        observations = self.tracker.apply(event, received_ns)
        for observation in observations:
            self._sink.observe(observation)
            if isinstance(observation, FlowEnded):
                self._lost, self.last_event_id = None, ""
                if self._on_ended and observation.observed is not Observed.TIMELINE:
                    self._on_ended(self.tracker.connection_id)
        if observations or self.in_progress or not isinstance(event, _SAMPLES):
            self._keeper.touch(self.tracker.connection_id, self.save)
        return observations

    def attach(self, received_ns: int) -> None:
        """A stream was opened; where one of the same open flow was lost, that leaves a gap."""
        after, self._lost = self._lost, None
        self.attached = True
        self.feed(StreamAttached(after), received_ns)

    def detach(self, received_ns: int) -> None:
        """The stream is gone."""
        self.attached = False
        if not self.in_progress:
            self.last_event_id = ""
        self.feed(StreamDetached(), received_ns)
        self._lost = GapCause.RECONNECT if self.in_progress else None

    def resume(self, received_ns: int) -> None:
        """Go on where another process was."""
        self.feed(Resumed(), received_ns)
        self._lost = GapCause.RESTART if self.in_progress else None

    def let_go(self) -> None:
        """Nothing of the connection is kept from now on: a stream may still be closing."""
        self._keeper = KeepsNothing()

    def save(self) -> SavedConnection:
        """What a later process needs to go on."""
        return SavedConnection(self.tracker.save(), self.last_event_id)
