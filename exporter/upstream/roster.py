"""The connections that are followed: each with its door and the task that follows it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec
import structlog

from exporter.core.events import DeadlineCheck, Forgotten, TimelineEntry, TrackerInput
from exporter.core.flow import FlowTracker
from exporter.core.observations import ConnectionForgotten, FollowingChanged, Sink
from exporter.errors import where_raised
from exporter.stores.keeper import Keeper, KeepsNothing
from exporter.stores.store import SavedConnection
from exporter.upstream.backoff import Backoff
from exporter.upstream.clock import SYSTEM_CLOCK, Clock
from exporter.upstream.decisions import Tracked
from exporter.upstream.door import Door
from exporter.upstream.ends import Forget, Stop
from exporter.upstream.follower import Follower
from exporter.upstream.idle import IdleLimit
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.wish import Wish

MAX_CONNECTIONS: Final = 100_000
"""How many connections are tracked at most: as many as are listed, at some 2 KiB each."""
MAX_STREAMS: Final = 20_000
"""How many are followed at the same time: at some 30 KiB a stream, 600 MiB."""
MAX_FORGOTTEN: Final = 10_000
"""Connections remembered after they were forgotten, so that one that comes back counts nothing
twice."""
NEWCOMER_NS: Final = 5 * 60 * 10**9
"""How far back a connection is looked into that a complete list did not have yet: the server's
clock may differ from ours."""
STOP_SECONDS: Final = 2.0
"""How long closing all streams may take."""

_log = structlog.get_logger()


class _Entry:
    __slots__ = ("door", "since_ns", "task", "wish")

    def __init__(self, door: Door) -> None:
        self.door = door
        self.task: asyncio.Task[None] | None = None
        self.since_ns: int | None = None
        self.wish = Wish()


class Timelines(Protocol):
    """What is asked of whoever reads timelines."""

    async def settle(self, connection_id: str, /) -> None:
        """Read one now, before a new stream of a flow that may be over is believed."""

    def ended(self, connection_id: str, /) -> None:
        """A flow ended that something else than the timeline told of."""


class Roster:
    """Which connections are followed, and the way for events to reach them.

    ``classify`` puts the text of a website error into a bounded category. Trackers of connections
    that are followed no more stay, for what of their timelines is counted and for the link from a
    flow to the one before it, until their place is needed.

    Of a connection that is admitted for the first time nothing is counted that had ended by
    ``since_ns``.
    """

    def __init__(
        self,
        api: KernelApi,
        sink: Sink,
        *,
        classify: Callable[[str], str],
        clock: Clock = SYSTEM_CLOCK,
        idle: IdleLimit | None = None,
        max_connections: int = MAX_CONNECTIONS,
        keeper: Keeper | None = None,
    ) -> None:
        self.since_ns = 0
        self._api = api
        self._sink = sink
        self._classify = classify
        self._clock = clock
        self._idle = idle or IdleLimit()
        self._max_connections = max_connections
        self._keeper = keeper or KeepsNothing()
        self._timelines: Timelines | None = None
        self._forgotten: dict[str, int] = {}
        self._entries: dict[str, _Entry] = {}
        self._resting: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused = False

    def __iter__(self) -> Iterator[str]:
        """The connections that have a tracker."""
        return iter(self._entries)

    def tracked(self, connection_id: str) -> Tracked | None:
        """How the connection stands with us; None where it was never followed."""
        entry = self._entries.get(connection_id)
        if entry is None:
            return None
        unsettled = entry.door.is_unsettled()
        return Tracked(entry.since_ns, entry.door.in_progress, unsettled)

    def consult(self, timelines: Timelines) -> None:
        """Ask these from now on."""
        self._timelines = timelines

    def restore(
        self, saved: Mapping[str, SavedConnection], forgotten: Mapping[str, int]
    ) -> list[str]:
        """Go on where another process was; returns the connections whose state cannot be read."""
        unreadable = []
        now_ns = self._clock.unix_ns()
        self._forgotten = dict(forgotten)
        for connection_id, each in saved.items():
            try:
                tracker = FlowTracker.restore(each.state, classify=self._classify)
            except msgspec.MsgspecError:
                unreadable.append(connection_id)
                continue
            entry = self._admit(connection_id, tracker)
            entry.door.last_event_id = each.last_event_id
            if tracker.in_progress:
                entry.door.resume(now_ns)
        while len(self._entries) > self._max_connections and self._make_room():
            pass
        return unreadable

    def follow_open(self) -> None:
        """Open the streams of all flows that are open, as after a restart."""
        for connection_id in list(self._resting):
            if self._entries[connection_id].door.in_progress:
                self.follow(connection_id)

    def admit(self, connection_id: str, *, domain: str = "", profile_name: str = "") -> bool:
        """Give the connection a tracker; false where there is no room for one."""
        if connection_id in self._entries:
            return True
        if len(self._entries) >= self._max_connections and not self._make_room():
            return False
        tracker = FlowTracker(
            connection_id,
            domain=domain,
            profile_name=profile_name,
            since_ns=self._forgotten.pop(connection_id, self.since_ns),
            classify=self._classify,
        )
        door = self._admit(connection_id, tracker).door
        # What is counted of it is settled now, and must be the same for the next process.
        self._keeper.touch(connection_id, door.save)
        return True

    def _admit(self, connection_id: str, tracker: FlowTracker) -> _Entry:
        door = Door(tracker, self._sink, keeper=self._keeper, on_ended=self._ended)
        self._entries[connection_id] = entry = _Entry(door)
        self._resting[connection_id] = None
        return entry

    def _ended(self, connection_id: str) -> None:
        if self._timelines:
            self._timelines.ended(connection_id)

    def timeline_read_ns(self, connection_id: str) -> int:
        """The local time at which the connection's timeline was last read; 0 where it never was."""
        entry = self._entries.get(connection_id)
        return entry.door.tracker.timeline_read_ns if entry else 0

    def lacks(self, connection_id: str, read: Sequence[TimelineEntry]) -> bool:
        """Whether older entries of the connection's timeline have to be read as well."""
        entry = self._entries.get(connection_id)
        return entry is not None and entry.door.tracker.lacks(read)

    def apply(self, connection_id: str, event: TrackerInput, received_ns: int) -> None:
        """Let an event of any source in; one for a connection without a tracker changes nothing."""
        entry = self._entries.get(connection_id)
        if entry:
            entry.door.feed(event, received_ns)

    def follow(self, connection_id: str, *, domain: str = "", profile_name: str = "") -> bool:
        """Open the connection's stream; false where there is no room for it.

        Where it is followed already, this is a wish to have the stream now: a back-off ends at
        once, and a stream that is about to end is followed by another.
        """
        if not self.admit(connection_id, domain=domain, profile_name=profile_name):
            return False
        entry = self._entries[connection_id]
        if entry.task is None and len(self._tasks) >= MAX_STREAMS:
            return self._refuse()
        entry.since_ns = self._clock.unix_ns()
        if entry.task:
            entry.wish.make()
        else:
            entry.wish = Wish()
            entry.task = asyncio.create_task(self._keep_following(connection_id, entry))
            self._tasks.add(entry.task)
            entry.task.add_done_callback(self._tasks.discard)
            self._resting.pop(connection_id, None)
            self._count()
        return True

    def unfollow(self, connection_id: str) -> None:
        """Close the connection's stream; what is known of its flows stays."""
        entry = self._entries.get(connection_id)
        if entry and entry.task:
            entry.task.cancel()
            self._rest(connection_id, entry)

    def forget(self, connection_id: str) -> None:
        """The connection is no more: a flow that is open ends as unknown."""
        now_ns = self._clock.unix_ns()
        self.unfollow(connection_id)
        self.apply(connection_id, Forgotten(), now_ns)
        if entry := self._entries.pop(connection_id, None):
            entry.door.let_go()
            self._let_go(connection_id, entry.door.tracker.counted_until_ns(now_ns))
        self._resting.pop(connection_id, None)
        self._sink.observe(ConnectionForgotten(connection_id))

    def _let_go(self, connection_id: str, until_ns: int) -> None:
        """Remember until when what happened to the connection has been counted."""
        self._keeper.forget(connection_id, until_ns)
        self._forgotten[connection_id] = until_ns
        if len(self._forgotten) > MAX_FORGOTTEN:
            del self._forgotten[next(iter(self._forgotten))]

    def lacks_later(self, connection_id: str) -> bool:
        """Whether the connection's timeline is to be read again soon."""
        entry = self._entries.get(connection_id)
        return entry is not None and entry.door.tracker.lacks_later

    def listed(self, began_ns: int) -> None:
        """A complete list was begun then: a connection that turns up later had no flow before."""
        self.since_ns = max(self.since_ns, began_ns - NEWCOMER_NS)
        self._keeper.listed(began_ns)

    def check_deadlines(self) -> None:
        """Let flows end that nobody watches and that must be over by now."""
        now_ns = self._clock.unix_ns()
        for entry in self._entries.values():
            if entry.door.in_progress and not entry.door.attached:
                entry.door.feed(DeadlineCheck(), now_ns)

    async def stop(self) -> None:
        """Close all streams at once, within 2 s; flows that are open stay open."""
        for connection_id in list(self._entries):
            self.unfollow(connection_id)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)

    async def _keep_following(self, connection_id: str, entry: _Entry) -> None:
        backoff, wish = Backoff(self._clock.random), entry.wish
        step: Stop | Forget | None = None
        while step is None:
            follower = Follower(
                connection_id,
                entry.door,
                api=self._api,
                sink=self._sink,
                clock=self._clock,
                idle=self._idle,
                wish=wish,
                settle=self._timelines.settle if self._timelines else None,
            )
            try:
                step = await follower.run()
            except Exception as bug:  # noqa: BLE001 - a connection is never silently given up
                _log.error(
                    "a follower failed and starts over",
                    error=type(bug).__name__,
                    at=where_raised(bug),
                )
                await wish.sleep(self._clock, backoff.next_seconds())
        self._rest(connection_id, entry)
        if isinstance(step, Forget):
            self.forget(connection_id)

    def _rest(self, connection_id: str, entry: _Entry) -> None:
        entry.task = entry.since_ns = None
        self._resting[connection_id] = None
        self._count()

    def _count(self) -> None:
        self._sink.observe(FollowingChanged(len(self._entries) - len(self._resting)))

    def _make_room(self) -> bool:
        for connection_id in self._resting:
            tracker = self._entries[connection_id].door.tracker
            if not tracker.in_progress:
                del self._entries[connection_id], self._resting[connection_id]
                self._let_go(connection_id, tracker.counted_until_ns(self._clock.unix_ns()))
                return True
        return self._refuse()

    def _refuse(self) -> bool:
        if not self._refused:
            self._refused = True
            _log.warning("no room to follow more connections", limit=self._max_connections)
        return False
