"""One connection's events on their way to its streams: every message to every stream, in order."""

import asyncio
from collections import deque
from enum import Enum
from typing import NamedTuple

from exporter.simulator.misbehaviour import MALFORMED_MESSAGES, oversized_message
from exporter.simulator.script import WireFault

LOG_LENGTH = 256
"""How many messages are kept for streams that come back with ``Last-Event-ID``."""


class Then(Enum):
    """What happens to a stream after a delivery."""

    GO_ON = "go on"
    END = "end"
    CUT = "cut"


class Delivery(NamedTuple):
    """Bytes for one stream. ``drip`` sends them slowly, a few at a time."""

    chunk: bytes
    then: Then = Then.GO_ON
    drip: bool = False


class Subscriber:
    """One open stream's queue of deliveries; a flow has few events, so it stays short.

    None in it says that the client has gone away.
    """

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Delivery | None] = asyncio.Queue()


class Hub:
    """Hands a connection's messages to its streams, and does to them what the wire faults ask."""

    def __init__(self, *, event_ids: bool) -> None:
        self._event_ids = event_ids
        self._subscribers: set[Subscriber] = set()
        self._log: deque[tuple[int, bytes]] = deque(maxlen=LOG_LENGTH)
        self._last_id = 0
        self._cut_next = False
        self._drip = False
        self._joined = asyncio.Event()
        self.silent = False

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._subscribers)

    def reset(self) -> None:
        """Wire faults end with the flow that they were meant for."""
        self._cut_next = self._drip = self.silent = False

    def encode(self, event: str, data: bytes) -> bytes:
        """A message of the stream, with the id of the newest one where ids are on."""
        number = f"id: {self._last_id}\n".encode() if self._event_ids else b""
        return b"event: %b\n%bdata: %b\n\n" % (event.encode(), number, data)

    def publish(self, event: str, data: bytes) -> None:
        """Sends a message to every open stream, and keeps it for those that come back."""
        self._last_id += 1
        message = self.encode(event, data)
        self._log.append((self._last_id, message))
        if self._cut_next:
            self._cut_next = False
            self._finish(Delivery(message[: len(message) // 2], Then.CUT))
            return
        self._deliver(Delivery(message, drip=self._drip))

    def fault(self, fault: WireFault) -> None:
        """Does to the open streams what the fault says."""
        match fault:
            case WireFault.CUT:
                self._finish(Delivery(b"", Then.CUT))
            case WireFault.CUT_MID_EVENT:
                self._cut_next = True
            case WireFault.MALFORMED:
                for message in MALFORMED_MESSAGES:
                    self._deliver(Delivery(message))
            case WireFault.OVERSIZED:
                self._deliver(Delivery(oversized_message()))
            case WireFault.DRIP:
                self._drip = True
            case WireFault.SILENCE:
                self.silent = True

    def end(self) -> None:
        """Ends every stream after what is still on its way."""
        self._finish(Delivery(b"", Then.END))

    def missed(self, last_event_id: str | None) -> list[bytes]:
        """The messages after the one with that id; none where the id is not known (any more)."""
        if not self._event_ids or last_event_id is None or not last_event_id.isdecimal():
            return []
        known = int(last_event_id)
        if not self._log or not self._log[0][0] - 1 <= known <= self._last_id:
            return []
        return [message for number, message in self._log if number > known]

    def join(self, first: list[bytes], *, ended: bool) -> Subscriber:
        """Opens a stream that begins with these messages; ``ended``: and ends with them."""
        subscriber = Subscriber()
        for message in first:
            subscriber.queue.put_nowait(Delivery(message, drip=self._drip))
        if ended:
            subscriber.queue.put_nowait(Delivery(b"", Then.END))
        else:
            self._subscribers.add(subscriber)
            self._joined.set()
        return subscriber

    async def watched(self) -> None:
        """Returns when a stream is open."""
        while not self._subscribers:
            self._joined.clear()
            await self._joined.wait()

    def leave(self, subscriber: Subscriber) -> None:
        """The client of that stream has gone away, or the stream has ended."""
        self._subscribers.discard(subscriber)

    def _deliver(self, delivery: Delivery) -> None:
        for subscriber in self._subscribers:
            subscriber.queue.put_nowait(delivery)

    def _finish(self, delivery: Delivery) -> None:
        self._deliver(delivery)
        self._subscribers.clear()
