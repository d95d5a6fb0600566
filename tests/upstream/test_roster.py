import gc
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from exporter.core.events import Listing
from exporter.core.observations import (
    ConnectionForgotten,
    FlowEnded,
    FlowStarted,
    FollowingChanged,
    Observation,
    Outcome,
    StreamEnded,
    StreamEndReason,
    StreamMessage,
    StreamOpened,
)
from exporter.upstream.decisions import Tracked
from exporter.upstream.roster import STOP_SECONDS
from tests.upstream.stage import Stage, stage
from tests.upstream.wire import SUCCESS, state


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
    assert [each.outcome for each in scene.sink.of(FlowEnded)] == [Outcome.UNKNOWN]


async def test_stream_of_an_open_flow_is_not_ended_by_a_deadline(scene: Stage) -> None:
    scene.upstream.say("c1", state(0, "DISCOVERING"))
    scene.roster.follow("c1")
    await scene.until(lambda: scene.sink.of(FlowStarted))
    scene.time.now += 3600
    scene.roster.check_deadlines()
    assert scene.sink.of(FlowEnded) == []
