import gc
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from exporter.core.events import Listing, TimelineEntry, TimelineRead
from exporter.core.observations import (
    ConnectionForgotten,
    FlowEnded,
    FlowResumed,
    FlowStarted,
    FollowingChanged,
    Observation,
    Outcome,
    StreamEnded,
    StreamEndReason,
    StreamMessage,
    StreamOpened,
    TimelineNoted,
)
from exporter.stores.store import SavedConnection
from exporter.upstream.decisions import Tracked
from exporter.upstream.roster import MAX_FORGOTTEN, NEWCOMER_NS, STOP_SECONDS
from tests.upstream.stage import Stage, stage
from tests.upstream.wire import START_SECONDS, SUCCESS, connection, running, state


@pytest.fixture
async def scene() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


def following(scene: Stage) -> list[int]:
    return [each.connections for each in scene.sink.of(FollowingChanged)]


async def test_followed_connection_s_flow_reaches_the_sink(scene: Stage) -> None:
    scene.upstream.say("c1", state(0, "DISCOVERING"), SUCCESS, None)
    assert scene.roster.tracked("c1") is None
    assert scene.roster.follow("c1", domain="example.com", profile_name="p")
    assert scene.roster.tracked("c1") == Tracked(int(scene.time.now * 1e9), in_progress=False)
    await scene.until(lambda: following(scene) == [1, 0])
    [ended] = scene.sink.of(FlowEnded)
    assert (ended.outcome, ended.flow.domain) == (Outcome.SUCCESS, "example.com")
    assert scene.roster.tracked("c1") == Tracked(None, in_progress=False)


async def test_connection_that_is_followed_is_not_followed_twice(scene: Stage) -> None:
    assert scene.roster.follow("c1")
    assert scene.roster.follow("c1")
    await scene.until(lambda: scene.sink.of(StreamOpened))
    assert (scene.upstream.opened, following(scene)) == (["c1"], [1])


async def test_second_wish_renews_the_grace(scene: Stage) -> None:
    scene.roster.follow("c1")
    await scene.until(lambda: scene.sink.of(StreamOpened))
    scene.time.now += 100
    scene.roster.follow("c1")
    assert scene.roster.tracked("c1") == Tracked(int(scene.time.now * 1e9), in_progress=False)


async def test_wish_made_while_the_stream_of_the_last_flow_lingers_opens_another(
    scene: Stage,
) -> None:
    scene.upstream.say("c1", state(0, "DISCOVERING"), SUCCESS)
    scene.roster.follow("c1")
    await scene.until(lambda: scene.sink.of(FlowEnded))
    scene.upstream.streams.clear()
    scene.upstream.say("c1", state(20, "DISCOVERING"))
    assert scene.roster.follow("c1")
    await scene.until(lambda: len(scene.sink.of(FlowStarted)) == 2)
    assert following(scene) == [1]


async def test_missing_connection_is_forgotten_with_its_open_flow(scene: Stage) -> None:
    scene.upstream.say("c1", state(0, "DISCOVERING"))
    scene.roster.follow("c1")
    await scene.until(lambda: scene.sink.of(FlowStarted))
    scene.upstream.events_status = 404
    scene.upstream.say("c1", None)
    await scene.until(lambda: scene.sink.of(ConnectionForgotten))
    assert [each.outcome for each in scene.sink.of(FlowEnded)] == [Outcome.UNKNOWN]
    assert scene.roster.tracked("c1") is None
    assert following(scene) == [1, 0]


async def test_unfollow_closes_the_stream_and_keeps_the_flow(scene: Stage) -> None:
    scene.upstream.say("c1", state(0, "DISCOVERING"))
    scene.roster.follow("c1")
    await scene.until(lambda: scene.sink.of(FlowStarted))
    scene.roster.unfollow("c1")
    await scene.until(lambda: scene.sink.of(StreamEnded))
    assert scene.sink.of(StreamEnded) == [StreamEnded("c1", StreamEndReason.STOPPED, opened=True)]
    assert scene.roster.tracked("c1") == Tracked(None, in_progress=True, unsettled=True)
    assert following(scene) == [1, 0]
    await scene.until(scene.server.requests[0].closed.is_set)


async def test_unknown_connection_is_no_trouble(scene: Stage) -> None:
    scene.roster.unfollow("c9")
    scene.roster.apply("c9", Listing("c9", "d", "p", "s", 1, 2), 3)
    assert scene.sink.observations == []
    scene.roster.forget("c9")
    assert scene.sink.observations == [ConnectionForgotten("c9")]


async def test_full_roster_refuses_and_says_so_once() -> None:
    async with stage(max_connections=2) as scene:
        with capture_logs() as logs:
            assert scene.roster.follow("c1")
            assert scene.roster.follow("c2")
            assert not scene.roster.follow("c3")
            assert not scene.roster.follow("c4")
            assert not scene.roster.admit("c5")
        assert [each["event"] for each in logs] == ["no room to follow more connections"]
        assert following(scene) == [1, 2]


async def test_resting_connection_without_a_flow_makes_room() -> None:
    async with stage(max_connections=2) as scene:
        scene.upstream.say("open", state(0, "DISCOVERING"))
        scene.roster.follow("open")
        await scene.until(lambda: scene.sink.of(FlowStarted))
        scene.roster.unfollow("open")
        scene.upstream.say("over", SUCCESS, None)
        scene.roster.follow("over")
        await scene.until(lambda: scene.roster.tracked("over") == Tracked(None, in_progress=False))
        assert scene.roster.follow("next")
        assert scene.roster.tracked("over") is None
        assert scene.roster.tracked("open") is not None
        assert not scene.roster.follow("one more")


async def test_follower_that_dies_of_a_bug_is_logged_and_starts_over(scene: Stage) -> None:
    observe, broken = scene.sink.observe, True

    def fragile(observation: Observation, /) -> None:
        nonlocal broken
        if broken and isinstance(observation, StreamMessage):
            broken = False
            raise RuntimeError("secret text from the stream")
        observe(observation)

    scene.sink.observe = fragile  # type: ignore[method-assign]
    scene.upstream.say("c1", state(0, "DISCOVERING"), state(1, "SUBMITTING"), SUCCESS, None)
    with capture_logs() as logs:
        scene.roster.follow("c1")
        await scene.until(lambda: following(scene) == [1, 0])
    [line] = logs
    assert (line["event"], line["error"]) == ("a follower failed and starts over", "RuntimeError")
    assert line["at"].startswith("test_roster.py:")
    assert "secret" not in str(line)
    assert [each.opened for each in scene.sink.of(StreamEnded)] == [True, True]


async def test_stop_closes_all_streams_at_once_and_in_time(scene: Stage) -> None:
    for number in range(50):
        scene.upstream.say(f"c{number}", state(0, "DISCOVERING"))
        scene.roster.follow(f"c{number}")
    await scene.until(lambda: len(scene.sink.of(FlowStarted)) == 50)
    began = time.monotonic()
    await scene.roster.stop()
    assert time.monotonic() - began < STOP_SECONDS
    ends = scene.sink.of(StreamEnded)
    assert [each.reason for each in ends] == [StreamEndReason.STOPPED] * 50
    assert scene.sink.of(FlowEnded) == []
    await scene.until(lambda: all(each.closed.is_set() for each in scene.server.requests))
    await scene.roster.stop()


async def test_finished_streams_leave_nothing_of_ours_to_the_cycle_collector(scene: Stage) -> None:
    """A full pass of the collector stalls all other streams, the longer the more there are."""

    async def follow_to_the_end(connection_id: str) -> None:
        scene.upstream.say(connection_id, state(0, "DISCOVERING"), SUCCESS, None)
        scene.roster.follow(connection_id)
        rest = Tracked(None, in_progress=False)
        await scene.until(lambda: scene.roster.tracked(connection_id) == rest)

    await follow_to_the_end("warm")
    gc.collect()
    gc.disable()
    try:
        for number in range(20):
            await follow_to_the_end(f"c{number}")
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = Counter(type(each).__module__.partition(".")[0] for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not set(left) & {"exporter", "httpx", "httpcore", "httpx_sse", "h11", "anyio"}


async def test_flow_that_nobody_watches_ends_at_its_deadline(scene: Stage) -> None:
    scene.roster.admit("c1", domain="example.com")
    now_ns = int(scene.time.now * 1e9)
    listing = Listing(
        "c1",
        "example.com",
        "p",
        "s",
        now_ns,
        now_ns,
        flow_status="IN_PROGRESS",
        flow_step="SUBMITTING",
    )
    scene.roster.apply("c1", listing, now_ns)
    scene.roster.check_deadlines()
    assert scene.sink.of(FlowEnded) == []
    scene.time.now += 3600
    scene.roster.check_deadlines()
    assert scene.sink.of(FlowEnded) == []
    now_ns = int(scene.time.now * 1e9)
    scene.roster.apply("c1", TimelineRead((), now_ns, now_ns), now_ns)
    scene.roster.check_deadlines()
    assert [each.outcome for each in scene.sink.of(FlowEnded)] == [Outcome.UNKNOWN]


async def test_stream_of_an_open_flow_is_not_ended_by_a_deadline(scene: Stage) -> None:
    scene.upstream.say("c1", state(0, "DISCOVERING"))
    scene.roster.follow("c1")
    await scene.until(lambda: scene.sink.of(FlowStarted))
    scene.time.now += 3600
    scene.roster.check_deadlines()
    assert scene.sink.of(FlowEnded) == []


# What another process knew.


class Kept:
    """A keeper in memory."""

    def __init__(self) -> None:
        self.connections: dict[str, SavedConnection] = {}
        self.forgotten: dict[str, int] = {}
        self.lists: list[int] = []

    def touch(self, connection_id: str, save: Callable[[], SavedConnection], /) -> None:
        self.connections[connection_id] = save()

    def forget(self, connection_id: str, at_ns: int, /) -> None:
        self.connections.pop(connection_id, None)
        self.forgotten[connection_id] = at_ns

    def listed(self, at_ns: int, /) -> None:
        self.lists.append(at_ns)


def login(entry_id: str, second: float, now: float) -> TimelineRead:
    """A timeline, read ``now``, with a login of five seconds that began at ``second``."""
    at_ns, now_ns = int(second * 1e9), int(now * 1e9)
    entry = TimelineEntry(entry_id, "login", at_ns, "SUCCESS", completed_ns=at_ns + 5 * 10**9)
    return TimelineRead((entry,), now_ns, now_ns)


def noted(scene: Stage) -> list[str]:
    return [each.result.value for each in scene.sink.of(TimelineNoted)]


async def test_another_process_goes_on_with_open_flows_and_asks_for_what_was_missed() -> None:
    kept = Kept()
    async with stage(keeper=kept) as first:
        first.upstream.say("open", b"id: 41\n" + state(0, "DISCOVERING"))
        first.upstream.say("over", b"id: 42\n" + state(0, "DISCOVERING"), SUCCESS, None)
        for connection_id in ("open", "over"):
            first.roster.follow(connection_id, domain="example.com")
        await first.until(lambda: len(first.sink.of(FlowStarted)) == 2)
        await first.until(lambda: first.sink.of(FlowEnded))
        [started] = [e.flow for e in first.sink.of(FlowStarted) if e.flow.connection_id == "open"]
        await first.roster.stop()
    async with stage() as second:
        assert second.roster.restore(kept.connections, {}) == []
        assert [each.flow for each in second.sink.of(FlowResumed)] == [started]
        assert second.roster.tracked("open") == Tracked(None, in_progress=True, unsettled=True)
        assert second.roster.tracked("over") == Tracked(None, in_progress=False)
        second.upstream.say("open", SUCCESS, None)
        second.roster.follow_open()
        await second.until(lambda: second.sink.of(FlowEnded))
        assert second.upstream.opened == ["open"]
        assert second.server.requests[0].headers["last-event-id"] == "41"
        assert [each.flow for each in second.sink.of(FlowEnded)] == [started]
        assert second.sink.of(FlowStarted) == []


async def test_what_was_counted_is_not_counted_again_by_another_process() -> None:
    kept = Kept()
    async with stage(keeper=kept) as first:
        first.roster.admit("c1")
        first.roster.apply("c1", login("e1", 100, 200), 200 * 10**9)
        assert first.roster.timeline_read_ns("c1") == 200 * 10**9
    async with stage() as second:
        second.roster.restore(kept.connections, {})
        assert second.roster.timeline_read_ns("c1") == 200 * 10**9
        second.roster.apply("c1", login("e1", 100, 300), 300 * 10**9)
        assert second.sink.observations == []


async def test_connections_that_cannot_be_read_are_named_and_stop_no_other(scene: Stage) -> None:
    saved = {"bad": SavedConnection(b"{"), "worse": SavedConnection(b"[]")}
    scene.roster.admit("c1")
    good = scene.roster._entries["c1"].door.save()
    scene.roster.forget("c1")
    assert scene.roster.restore({**saved, "good": good}, {}) == ["bad", "worse"]
    assert scene.roster.tracked("good") is not None
    assert scene.roster.tracked("bad") is None


async def test_connection_that_was_forgotten_and_comes_back_counts_nothing_twice() -> None:
    kept = Kept()
    async with stage(keeper=kept) as scene:
        now = scene.time.now
        scene.roster.admit("c1")
        scene.roster.apply("c1", login("e1", now - 50, now), int(now * 1e9))
        scene.roster.forget("c1")
        assert kept.forgotten == {"c1": int(now * 1e9)}
        assert kept.connections == {}
        scene.time.now += 100
        scene.roster.admit("c1")
        scene.roster.apply("c1", login("e1", now - 50, now + 100), int(now * 1e9))
        scene.roster.apply("c1", login("e2", now + 50, now + 100), int(now * 1e9))
        assert noted(scene) == ["counted", "before_start", "counted"]
    async with stage() as later:
        later.roster.restore({}, kept.forgotten)
        later.roster.admit("c1")
        later.roster.apply("c1", login("e1", now - 50, now + 200), int(now * 1e9))
        assert noted(later) == ["before_start"]


@pytest.mark.parametrize("ahead", [0, 120])
async def test_connection_that_comes_back_counts_nothing_twice_also_where_the_api_s_clock_is_ahead(
    ahead: int,
) -> None:
    kept = Kept()
    async with stage(keeper=kept) as scene:
        now, server = scene.time.now, scene.time.now + ahead
        scene.roster.admit("c1")
        scene.roster.apply("c1", login("e1", server - 10, now), int(now * 1e9))
        for _ in range(2):
            scene.roster.forget("c1")
            scene.roster.admit("c1")
        scene.roster.apply("c1", login("e1", server - 10, now + 1), int(now * 1e9))
        scene.roster.apply("c1", login("e2", server + 1, now + 9), int(now * 1e9))
        assert noted(scene) == ["counted", "before_start", "counted"]


async def test_connection_that_comes_back_does_not_count_a_flow_that_its_stream_told_of() -> None:
    async with stage() as scene:
        ahead = 120.0
        over = state(ahead + 5, "COMPLETED", "SUCCESS")
        scene.upstream.say("c1", state(ahead, "DISCOVERING"), over, None)
        scene.roster.follow("c1")
        await scene.until(lambda: following(scene) == [1, 0])
        scene.roster.forget("c1")
        scene.roster.admit("c1")
        now, begun = scene.time.now + 30, START_SECONDS + ahead
        scene.roster.apply("c1", login("e1", begun + 0.5, now), int(now * 1e9))
        assert noted(scene) == ["before_start"]


async def test_time_that_cannot_be_does_not_keep_a_connection_that_comes_back_from_counting(
    scene: Stage,
) -> None:
    now, day = scene.time.now, 24 * 3600
    entry = TimelineEntry("odd", "login", int(now * 1e9), "SUCCESS", completed_ns=2**62)
    scene.roster.admit("c1")
    scene.roster.apply("c1", TimelineRead((entry,), int(now * 1e9), int(now * 1e9)), 0)
    scene.roster.forget("c1")
    scene.roster.admit("c1")
    scene.roster.apply("c1", login("e1", now + day, now + day + 60), 0)
    assert noted(scene) == ["counted", "counted"]


async def test_connection_that_made_room_and_comes_back_counts_nothing_twice() -> None:
    async with stage(max_connections=1) as scene:
        now = scene.time.now
        scene.roster.admit("c1")
        scene.roster.apply("c1", login("e1", now - 50, now), int(now * 1e9))
        scene.roster.admit("c2")
        assert scene.roster.tracked("c1") is None
        scene.roster.admit("c1")
        scene.roster.apply("c1", login("e1", now - 50, now), int(now * 1e9))
        assert noted(scene) == ["counted", "before_start"]


async def test_no_more_than_so_many_forgotten_connections_are_remembered(scene: Stage) -> None:
    for number in range(MAX_FORGOTTEN + 2):
        scene.roster._let_go(f"c{number}", number)
    assert len(scene.roster._forgotten) == MAX_FORGOTTEN
    assert next(iter(scene.roster._forgotten)) == "c2"


async def test_of_a_connection_that_no_complete_list_had_so_far_all_is_counted_since_that() -> None:
    kept = Kept()
    async with stage(keeper=kept) as scene:
        now = scene.time.now
        scene.roster.since_ns = int((now - 10_000) * 1e9)
        scene.roster.admit("old")
        scene.roster.listed(int(now * 1e9))
        scene.roster.admit("new")
        for connection_id in ("old", "new"):
            begun = now - NEWCOMER_NS / 1e9
            scene.roster.apply(connection_id, login("e1", begun - 60, now), int(now * 1e9))
            scene.roster.apply(connection_id, login("e2", begun, now), int(now * 1e9))
        assert noted(scene) == ["counted", "counted", "before_start", "counted"]
        assert kept.lists == [int(now * 1e9)]


async def test_a_complete_list_never_moves_the_start_back(scene: Stage) -> None:
    scene.roster.since_ns = int(scene.time.now * 1e9)
    scene.roster.listed(scene.roster.since_ns)
    assert scene.roster.since_ns == int(scene.time.now * 1e9)


async def test_more_streams_than_there_is_room_for_are_refused_and_rest_makes_room(
    scene: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.upstream.roster.MAX_STREAMS", 2)
    with capture_logs() as logs:
        assert scene.roster.follow("c1")
        assert scene.roster.follow("c2")
        assert not scene.roster.follow("c3")
        assert scene.roster.follow("c1")
    assert len(logs) == 1
    assert scene.roster.tracked("c3") == Tracked(None, in_progress=False)
    scene.roster.unfollow("c1")
    await scene.until(lambda: len(scene.roster._tasks) < 2)
    assert scene.roster.follow("c3")


async def test_from_when_on_a_connection_counts_is_kept_before_it_is_ever_read() -> None:
    kept = Kept()
    async with stage(keeper=kept) as first:
        now = first.time.now
        first.roster.since_ns = int((now - 3600) * 1e9)
        first.roster.admit("c1")
        first.roster.listed(int(now * 1e9))
    async with stage() as second:
        second.roster.since_ns = int((now + 900) * 1e9)
        second.roster.restore(kept.connections, {})
        second.roster.apply("c1", login("e1", now - 1800, now), int(now * 1e9))
        assert noted(second) == ["counted"]


async def test_a_forgotten_connection_is_not_kept_again_by_its_closing_stream() -> None:
    kept = Kept()
    async with stage(keeper=kept) as scene:
        scene.upstream.say("c1", state(0, "DISCOVERING"))
        scene.roster.follow("c1")
        await scene.until(lambda: scene.sink.of(FlowStarted))
        scene.roster.forget("c1")
        await scene.until(lambda: scene.sink.of(StreamEnded))
        assert (kept.connections, list(kept.forgotten)) == ({}, ["c1"])


async def test_no_more_connections_are_kept_or_taken_up_than_there_is_room_for() -> None:
    kept = Kept()
    async with stage(keeper=kept, max_connections=2) as scene:
        assert all(scene.roster.admit(f"c{number}") for number in range(10))
        assert list(kept.connections) == ["c8", "c9"]
        saved = {f"d{number}": kept.connections["c9"] for number in range(10)}
    async with stage(max_connections=2) as scene:
        scene.roster.restore(saved, {})
        assert list(scene.roster) == ["d8", "d9"]


async def test_what_ended_unseen_is_counted_though_a_stream_says_that_there_is_no_connection(
    scene: Stage,
) -> None:
    scene.upstream.connections = [connection("c1")]
    scene.upstream.events_status = 404
    now = scene.time.now
    scene.roster.follow("c1")
    await scene.until(lambda: following(scene) == [1, 0])
    scene.roster.apply("c1", login("e1", now - 9, now), int(now * 1e9))
    assert scene.sink.of(ConnectionForgotten) == []
    assert noted(scene) == ["counted"]


async def test_a_connection_that_is_there_is_not_forgotten_for_a_stream_that_is_not(
    scene: Stage,
) -> None:
    scene.upstream.connections = [running("c1", "DISCOVERING")]
    scene.upstream.say("c1", state(0, "DISCOVERING"))
    scene.roster.follow("c1")
    await scene.until(lambda: scene.sink.of(FlowStarted))
    scene.upstream.events_status = 404
    scene.upstream.say("c1", None)
    await scene.until(lambda: following(scene) == [1, 0])
    assert scene.roster.tracked("c1") == Tracked(None, in_progress=True, unsettled=True)
    assert scene.sink.of(ConnectionForgotten) == []
