"""One flow, one outcome: whatever is streamed, listed, read, missed, killed and restored.

A server with one connection plays logins one after the other. A follower does what the product's
does: it reads the timeline before it believes a new stream or a listing of a flow that went
unwatched, writes before it tells, and goes on from what was written.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.core.events import Listing, StateEvent, TimelineEntry, TimelineRead
from exporter.core.flow import FlowTracker
from exporter.core.observations import (
    FlowEnded,
    FlowStarted,
    Observation,
)
from exporter.core.timeline import HANDOVER_NS
from exporter.stores.store import SavedConnection
from exporter.upstream.door import Door
from tests.support.driving import CONNECTION, PAUSES, SECOND, START_NS

STEPS: Final = ("DISCOVERING", "AWAITING_INPUT", "SUBMITTING", "AWAITING_EXTERNAL_ACTION")
ENDS: Final = ("SUCCESS", "FAILED", "EXPIRED", "CANCELED")
MS: Final = 10**6


@dataclass
class Login:
    number: int
    flow_type: str
    begun_ns: int
    step: str = "DISCOVERING"
    reported_ns: int = 0
    status: str = "IN_PROGRESS"
    ended_ns: int | None = None
    truth: str | None = None

    @property
    def entry_id(self) -> str:
        return f"session_{self.number}"


@dataclass
class Server:
    """What really happens. ``late_ns``: ``completed_at`` shows so long after the end.

    With ``event_ids`` a stream that comes back gets what it missed, instead of a snapshot. The
    follower's clock is ``ahead_ns`` ahead of the server's.
    """

    sessions: bool
    restamps: bool
    event_ids: bool
    late_ns: int
    ahead_ns: int
    reports: list[StateEvent] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)

    @property
    def newest(self) -> Login | None:
        return self.logins[-1] if self.logins else None

    def running(self) -> Login | None:
        newest = self.newest
        return newest if newest and newest.status == "IN_PROGRESS" else None

    def begin(self, flow_type: str, now_ns: int) -> None:
        running = self.running()
        if running:
            flow_type = "LOGIN"  # Only somebody's login takes over from a flow that is stuck.
            self._close(running, "EXPIRED", now_ns, truth="superseded")
        self.logins.append(Login(len(self.logins), flow_type, now_ns, reported_ns=now_ns))

    def end(self, status: str, now_ns: int) -> None:
        running = self.running()
        assert running is not None
        self._close(running, status, now_ns, truth=status.lower())

    def _close(self, login: Login, status: str, now_ns: int, truth: str) -> None:
        login.status, login.ended_ns, login.reported_ns = status, now_ns, now_ns
        login.truth = truth

    def state(self, now_ns: int | None = None) -> StateEvent | None:
        login = self.newest
        if login is None:
            return None
        running = login.status == "IN_PROGRESS"
        return StateEvent(
            at_ns=login.reported_ns if now_ns is None else now_ns,
            flow_status=login.status,
            flow_step=login.step if running else "COMPLETED",
            flow_type=login.flow_type,
            pause=PAUSES.get(login.step, PAUSES["AWAITING_INPUT"]),
            hosted_url=f"https://h/{login.number}"
            if login.flow_type == "LOGIN" and running
            else None,
        )

    def report(self) -> tuple[str, StateEvent | None]:
        """The present state as a message with its id."""
        state = self.state()
        if state:
            self.reports.append(state)
        return (str(len(self.reports)) if self.event_ids else ""), state

    def since(self, last_event_id: str, now_ns: int) -> list[tuple[str, StateEvent]]:
        """What a new stream begins with."""
        if last_event_id:
            missed = enumerate(self.reports[int(last_event_id) :], int(last_event_id) + 1)
            return [(str(number), state) for number, state in missed]
        state = self.state(now_ns if self.restamps else None)
        number = str(len(self.reports)) if self.event_ids else ""
        return [(number, state)] if state else []

    def listing(self, now_ns: int) -> Listing:
        login = self.newest
        running = self.running() is not None
        return Listing(
            connection_id=CONNECTION,
            domain="shop.example",
            profile_name="ada",
            status="NEEDS_AUTH",
            requested_ns=now_ns + self.ahead_ns,
            received_ns=now_ns + self.ahead_ns,
            flow_status=login.status if login else None,
            flow_step=login.step if login else None,
            flow_type=login.flow_type if login else None,
            browser_session_id=f"b{login.number}" if login and running and self.sessions else None,
        )

    def timeline(self, now_ns: int) -> list[TimelineEntry]:
        return [self._entry(login, now_ns) for login in reversed(self.logins)]

    def _entry(self, login: Login, now_ns: int) -> TimelineEntry:
        told = login.ended_ns is not None and login.ended_ns + self.late_ns <= now_ns
        return TimelineEntry(
            entry_id=login.entry_id,
            type=login.flow_type.lower(),
            at_ns=login.begun_ns,
            status=login.status,
            completed_ns=login.ended_ns if told else None,
            updated_ns=login.reported_ns,
            step=login.step,
            browser_session_id=f"b{login.number}" if self.sessions else None,
        )


class Follower:
    """What the product does, without sockets. ``told`` is what reached the sinks."""

    def __init__(self, server: Server, page: int) -> None:
        self.server = server
        self.page = page
        self.told: list[Observation] = []
        self.held: list[Observation] = []
        tracker = FlowTracker(
            CONNECTION, domain="shop.example", since_ns=0, classify=lambda _: "other"
        )
        self.door = Door(tracker, self)
        self.saved: SavedConnection | None = None
        self.pipe: deque[tuple[str, StateEvent]] | None = None
        self.over = False
        self.asked: Listing | None = None
        self.fetched: tuple[tuple[TimelineEntry, ...], int] | None = None
        self.commit()

    def local(self, now_ns: int) -> int:
        return now_ns + self.server.ahead_ns

    def observe(self, observation: Observation, /) -> None:
        self.held.append(observation)

    def commit(self) -> None:
        self.saved = self.door.save()
        self.told += self.held
        self.held = []

    def kill(self, now_ns: int) -> None:
        assert self.saved is not None
        self.held, self.pipe, self.asked, self.fetched = [], None, None, None
        self.door = Door(FlowTracker.restore(self.saved.state, classify=lambda _: "other"), self)
        self.door.last_event_id = self.saved.last_event_id
        if self.door.in_progress:
            self.door.resume(self.local(now_ns))

    def fetch(self, now_ns: int) -> None:
        """Have pages on their way, each of which repeats the last entry of the one before."""
        whole, offset = self.server.timeline(now_ns), 0
        read: list[TimelineEntry] = []
        while offset < len(whole) and (not read or self.door.tracker.lacks(read)):
            read += whole[max(0, offset - 1) : offset + self.page]
            offset += self.page
        self.fetched = (tuple(read), self.local(now_ns))

    def read(self, now_ns: int) -> None:
        if self.fetched is None:
            self.fetch(now_ns)
        assert self.fetched is not None
        (entries, requested_ns), self.fetched = self.fetched, None
        local_ns = self.local(now_ns)
        self.door.feed(TimelineRead(entries, requested_ns, local_ns), local_ns)

    def settle(self, now_ns: int) -> None:
        self.fetched = None
        self.read(now_ns)

    def open(self, now_ns: int) -> None:
        """The server accepts the stream, and begins to send."""
        if self.pipe is None:
            self.pipe = deque(self.server.since(self.door.last_event_id, now_ns))
            self.over = self.server.running() is None

    def connect(self, now_ns: int) -> None:
        """The answer is here."""
        if self.door.attached:
            return
        self.open(now_ns)
        unsettled = self.door.is_unsettled()
        self.door.attach(self.local(now_ns))
        if unsettled:
            self.settle(now_ns)
        self.drain(now_ns)

    def report(self, now_ns: int) -> None:
        """The server reports its state on the stream, which ends with the flow."""
        number, state = self.server.report()
        if self.pipe is None or state is None or self.over:
            return
        self.pipe.append((number, state))
        self.over = self.server.running() is None
        if self.door.attached:
            self.drain(now_ns)

    def drain(self, now_ns: int) -> None:
        while self.pipe:
            number, state = self.pipe.popleft()
            self.door.last_event_id = number
            self.door.feed(state, self.local(now_ns))
        if self.over:
            self.lose(now_ns)

    def lose(self, now_ns: int) -> None:
        self.pipe = None
        if self.door.attached:
            self.door.detach(self.local(now_ns))

    def ask(self, now_ns: int) -> None:
        """Have a listing on its way."""
        self.asked = self.server.listing(now_ns)

    def poll(self, now_ns: int) -> None:
        if self.asked is None:
            self.ask(now_ns)
        assert self.asked is not None
        local_ns = self.local(now_ns)
        listing, self.asked = msgspec.structs.replace(self.asked, received_ns=local_ns), None
        if self.door.is_unsettled():
            self.settle(now_ns)
        if self.pipe is not None and not self.door.in_progress:
            return  # The stream is about to tell.
        self.door.feed(listing, local_ns)
        if listing.flow_status == "IN_PROGRESS":
            self.connect(now_ns)


MEANS: Final = {
    "open": Follower.open,
    "connect": Follower.connect,
    "lose": Follower.lose,
    "ask": Follower.ask,
    "poll": Follower.poll,
    "fetch": Follower.fetch,
    "read": Follower.read,
    "kill": Follower.kill,
}


def play(server: Server, follower: Follower, actions: list[tuple[str, int, int]]) -> int:
    now_ns = START_NS
    for action, pause_ms, choice in actions:
        now_ns += pause_ms * MS
        running, newest = server.running(), server.newest
        if action == "begin" and newest and newest.truth == "expired":
            now_ns += HANDOVER_NS  # Nobody logs in again faster than that.
        match action:
            case "begin" if running is None or choice == 0:
                server.begin(("LOGIN", "REAUTH")[choice % 2], now_ns)
                follower.report(now_ns)
            case "step" if running:
                running.step, running.reported_ns = STEPS[choice], now_ns
                follower.report(now_ns)
            case "end" if running:
                server.end(ENDS[choice], now_ns)
                follower.report(now_ns)
            case "commit":
                follower.commit()
            case _ if action in MEANS:
                MEANS[action](follower, now_ns)
            case _:
                pass
    return now_ns


def finish(server: Server, follower: Follower, now_ns: int) -> None:
    """Everything ends, and the follower has a quiet hour to find out."""
    if server.running():
        server.end("SUCCESS", now_ns + MS)
        follower.report(now_ns + MS)
    for minute in range(1, 4):
        now_ns += minute * 60 * SECOND
        follower.poll(now_ns)
        follower.read(now_ns)
    follower.commit()


actions = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "step", "end", "end", "commit", *MEANS]),
        st.integers(1, 4000),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=50,
)
worlds = st.builds(
    Server,
    sessions=st.booleans(),
    restamps=st.booleans(),
    event_ids=st.booleans(),
    late_ns=st.sampled_from([0, 3 * SECOND]),
    ahead_ns=st.sampled_from([0, 5 * SECOND, -5 * SECOND]),
)


@settings(max_examples=1000)
@given(worlds, st.integers(1, 5), actions)
def test_each_flow_always_has_exactly_one_outcome_and_it_is_its_own(
    server: Server, page: int, actions: list[tuple[str, int, int]]
) -> None:
    follower = Follower(server, page)
    finish(server, follower, play(server, follower, actions))
    ended = [seen for seen in follower.told if isinstance(seen, FlowEnded)]
    counted = Counter((seen.flow.flow_type, seen.outcome.value) for seen in ended)
    assert counted == Counter((login.flow_type, login.truth) for login in server.logins)
    assert not follower.door.in_progress
    started = {seen.flow.trace_id for seen in follower.told if isinstance(seen, FlowStarted)}
    assert started == {seen.flow.trace_id for seen in ended}
    assert len(started) == len(ended)
