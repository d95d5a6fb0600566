"""The one door through which every event of every source reaches a connection's flow tracker."""

from collections.abc import Sequence

from exporter.core.events import StreamAttached, StreamDetached, TrackerInput
from exporter.core.flow import FlowTracker
from exporter.core.observations import FlowEnded, FlowObservation, GapCause, Sink


class Door:
    """A connection's tracker, what comes out of it, and whether a stream is attached to it."""

    __slots__ = ("_sink", "_stream_lost", "_tracker", "attached")

    def __init__(self, tracker: FlowTracker, sink: Sink) -> None:
        self._tracker = tracker
        self._sink = sink
        self._stream_lost = False
        self.attached = False

    @property
    def in_progress(self) -> bool:
        """Whether a flow is open."""
        return self._tracker.in_progress

    @property
    def ended(self) -> bool:
        """Whether the newest flow that was seen is over."""
        return self._tracker.ended

    def feed(self, event: TrackerInput, received_ns: int) -> Sequence[FlowObservation]:
        """Take an event in and hand on what follows from it, which is returned too."""
        observations = self._tracker.apply(event, received_ns)
        for observation in observations:
            if isinstance(observation, FlowEnded):
                self._stream_lost = False
            self._sink.observe(observation)
        return observations

    def attach(self, received_ns: int) -> None:
        """A stream was opened; where one of the same open flow was lost, that leaves a gap."""
        after = GapCause.RECONNECT if self._stream_lost else None
        self.attached, self._stream_lost = True, False
        self.feed(StreamAttached(after), received_ns)

    def detach(self, received_ns: int) -> None:
        """The stream is gone."""
        self.attached = False
        self.feed(StreamDetached(), received_ns)
        self._stream_lost = self._tracker.in_progress
