import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

import exporter.upstream.discovery as module
from exporter.core.events import TimelineRead
from exporter.core.observations import (
    ConnectionForgotten,
    ConnectionListed,
    Entry,
    FlowEnded,
    FlowStarted,
    FollowingChanged,
    Observed,
    Outcome,
    StreamOpened,
)
from exporter.upstream.discovery import FollowNow
from exporter.upstream.responses import ApiError
from tests.upstream.stage import Stage, stage
from tests.upstream.wire import SUCCESS, connection, running, state


@pytest.fixture
async def scene() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


async def test_running_flow_is_opened_by_the_listing_and_then_followed(scene: Stage) -> None:
    scene.upstream.connections = [connection("idle"), running("busy")]
    delay = await scene.discovery().poll()
    assert delay == 15.0
    [started] = scene.sink.of(FlowStarted)
    assert (started.flow.connection_id, started.entry) == ("busy", Entry.JOINED_LATE)
    assert (started.flow.domain, started.flow.profile_name) == ("example.com", "p")
    await scene.until(lambda: scene.sink.of(StreamOpened))
    assert scene.upstream.opened == ["busy"]
    assert scene.roster.tracked("idle") is None
    listed = [each.connection_id for each in scene.sink.of(ConnectionListed)]
    assert listed == ["idle", "busy"]


async def test_flow_that_ends_while_we_connect_still_counts(scene: Stage) -> None:
    scene.upstream.connections = [running("c1")]
    scene.upstream.events_status = 503
    discovery = scene.discovery()
    await discovery.poll()
    await scene.until(lambda: len(scene.upstream.opened) > 1)
    scene.time.now += 10
    scene.upstream.connections = [connection("c1", flow_status="SUCCESS", flow_step="COMPLETED")]
    await discovery.poll()
    [ended] = scene.sink.of(FlowEnded)
    assert (ended.outcome, ended.observed) == (Outcome.SUCCESS, Observed.LISTING)
    await scene.until(lambda: scene.sink.of(FollowingChanged)[-1].connections == 0)


async def test_next_flow_of_a_connection_is_followed_again(scene: Stage) -> None:
    scene.upstream.connections = [running("c1")]
    discovery = scene.discovery()
    scene.upstream.say("c1", state(1, "AWAITING_INPUT"), SUCCESS, None)
    await discovery.poll()
    await scene.until(lambda: scene.sink.of(FlowEnded))
    await scene.until(lambda: scene.sink.of(FollowingChanged)[-1].connections == 0)
    scene.time.now += 60
    await discovery.poll()
    await scene.until(lambda: len(scene.upstream.opened) == 2)


async def test_stream_without_a_flow_is_closed_when_the_listing_shows_none(scene: Stage) -> None:
    scene.upstream.connections = [connection("c1")]
    discovery = scene.discovery()
    assert await discovery.follow_now("c1") is FollowNow.FOLLOWING
    await scene.until(lambda: scene.sink.of(StreamOpened))
    await discovery.poll()
    assert scene.sink.of(FollowingChanged)[-1].connections == 1
    scene.time.now += 31
    await discovery.poll()
    assert scene.sink.of(FollowingChanged)[-1].connections == 0


async def test_connection_that_vanished_is_forgotten(scene: Stage) -> None:
    scene.upstream.connections = [connection("c1"), running("c2")]
    discovery = scene.discovery()
    await discovery.poll()
    scene.upstream.connections = []
    await discovery.poll()
    assert scene.sink.of(ConnectionForgotten) == []
    await discovery.poll()
    assert {each.connection_id for each in scene.sink.of(ConnectionForgotten)} == {"c1", "c2"}
    assert [each.outcome for each in scene.sink.of(FlowEnded)] == [Outcome.UNKNOWN]
    await discovery.poll()
    assert len(scene.sink.of(ConnectionForgotten)) == 2


async def test_one_list_that_is_empty_by_mistake_forgets_nobody(scene: Stage) -> None:
    scene.upstream.connections = everybody = [connection("c1"), running("c2")]
    discovery = scene.discovery()
    for connections in (everybody, [], everybody, []):
        scene.upstream.connections = connections
        await discovery.poll()
    assert scene.sink.of(ConnectionForgotten) == []
    assert scene.sink.of(FlowEnded) == []


@pytest.mark.parametrize("status", [200, 401, 429, 500])
async def test_connection_with_an_open_flow_is_forgotten_only_when_the_api_itself_does_not_know_it(
    scene: Stage, status: int
) -> None:
    scene.upstream.connections = [connection("c1"), running("c2")]
    discovery = scene.discovery()
    await discovery.poll()
    scene.upstream.unlisted, scene.upstream.connections = scene.upstream.connections, []
    scene.upstream.statuses = {"c2": status}
    for _ in range(3):
        await discovery.poll()
    assert [each.connection_id for each in scene.sink.of(ConnectionForgotten)] == ["c1"]
    assert scene.sink.of(FlowEnded) == []
    assert set(scene.upstream.retrieved) == {"c2"}
    scene.upstream.unlisted, scene.upstream.statuses = [], {}
    await discovery.poll()
    assert [each.connection_id for each in scene.sink.of(ConnectionForgotten)] == ["c1", "c2"]
    assert [each.outcome for each in scene.sink.of(FlowEnded)] == [Outcome.UNKNOWN]


async def test_connection_that_only_lists_lack_is_told_of_by_the_answer_about_itself(
    scene: Stage,
) -> None:
    scene.upstream.connections = [running("c1")]
    scene.upstream.events_status = 410
    discovery = scene.discovery()
    await discovery.poll()
    await scene.until(lambda: scene.sink.of(FollowingChanged)[-1].connections == 0)
    scene.upstream.unlisted = [connection("c1", flow_status="FAILED", flow_step="COMPLETED")]
    scene.upstream.connections = []
    for _ in range(2):
        await discovery.poll()
    assert [each.outcome for each in scene.sink.of(FlowEnded)] == [Outcome.FAILED]


async def test_connection_that_slipped_between_two_pages_is_not_forgotten(scene: Stage) -> None:
    scene.upstream.page_size = 2
    scene.upstream.connections = everybody = [connection(f"c{number}") for number in range(5)]
    discovery = scene.discovery()
    await discovery.poll()
    scene.upstream.connections = everybody[:2] + everybody[3:]
    await discovery.poll()
    scene.upstream.connections = everybody
    await discovery.poll()
    assert scene.sink.of(ConnectionForgotten) == []


async def test_failed_poll_keeps_everything_and_is_retried_with_back_off(scene: Stage) -> None:
    scene.upstream.connections = [connection("c1"), running("c2")]
    discovery = scene.discovery()
    await discovery.poll()
    scene.upstream.list_status = 503
    with capture_logs() as logs:
        delays = [await discovery.poll() for _ in range(3)]
        status = scene.health.status(int(scene.time.now * 1e9), poll_interval_seconds=15)
        assert status.consecutive_failures == 3
        assert status.ready
        scene.upstream.list_status = 200
        assert await discovery.poll() == 15.0
    assert delays == [0.75, 1.25, 2.25]
    assert [each["event"] for each in logs] == ["polling failed", "polling works again"]
    assert scene.sink.of(ConnectionForgotten) == []
    assert scene.sink.of(FollowingChanged)[-1].connections == 1


async def test_list_that_breaks_off_forgets_nobody(scene: Stage) -> None:
    scene.upstream.connections = [connection("c1"), connection("c2")]
    discovery = scene.discovery()
    await discovery.poll()
    scene.upstream.connections = [connection("c3")]
    scene.upstream.list_headers = {"X_Has_More": "true"}
    await discovery.poll()
    assert scene.sink.of(ConnectionForgotten) == []
    status = scene.health.status(0, poll_interval_seconds=15)
    assert status.consecutive_failures == 1


async def test_refused_key_is_polled_slowly_and_fails_readiness(scene: Stage) -> None:
    scene.upstream.list_status = 401
    assert await scene.discovery().poll() >= 60
    assert scene.health.status(0, poll_interval_seconds=15).key_refused


async def test_bug_does_not_end_the_polling(scene: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.upstream.connections = [connection("c1")]

    def bug(*_: object) -> None:
        raise RuntimeError("secret")

    discovery = scene.discovery()
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(scene.sink, "observe", bug)
        assert await discovery.poll() > 0
    assert "secret" not in str(logs)
    assert await discovery.poll() == 15.0


async def test_polls_make_way_when_the_rate_limit_is_small(scene: Stage) -> None:
    scene.upstream.page_size = 1
    scene.upstream.connections = [connection(f"c{number}") for number in range(10)]
    scene.upstream.list_headers = {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "20"}
    assert await scene.discovery().poll() == 120.0


async def test_interval_that_is_told_is_the_one_that_the_rate_limit_leaves(scene: Stage) -> None:
    scene.upstream.connections = [connection("c1")]
    discovery = scene.discovery()
    assert discovery.paced_interval_seconds == 15.0
    scene.upstream.list_headers = {"x-ratelimit-limit": "2", "x-ratelimit-remaining": "2"}
    assert await discovery.poll() == 120.0
    assert discovery.paced_interval_seconds == 120.0
    scene.upstream.connections = [connection(f"c{number}") for number in range(50)]
    scene.upstream.list_headers = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "2"}
    scene.upstream.page_size = 1
    await discovery.poll()
    scene.upstream.list_headers = {"x-ratelimit-limit": "2", "x-ratelimit-remaining": "2"}
    scene.upstream.connections = [connection("c1"), connection("c2")]
    await discovery.poll()
    assert discovery.paced_interval_seconds == 240.0


async def test_time_that_a_long_list_took_is_not_rested_again(scene: Stage) -> None:
    scene.upstream.page_size = 1
    scene.upstream.connections = [connection(f"c{number}") for number in range(25)]
    scene.upstream.list_headers = {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "20"}
    began = scene.time.now
    rest = await scene.discovery().poll()
    assert scene.time.now - began == 120.0
    assert rest == 180.0


async def test_flows_that_nobody_watches_end_at_their_deadline_also_during_a_long_list(
    scene: Stage,
) -> None:
    discovery = scene.discovery()
    scene.upstream.connections = [running("c0")]
    scene.upstream.events_status = 410
    await discovery.poll()
    await scene.until(lambda: scene.sink.of(FollowingChanged)[-1].connections == 0)
    later_ns = int(scene.time.now * 1e9) + 7200 * 10**9
    scene.roster.apply("c0", TimelineRead((), later_ns, later_ns), later_ns)
    scene.upstream.connections = [connection(f"c{number}") for number in range(1, 100)]
    scene.upstream.page_size = 1
    scene.upstream.list_headers = {"x-ratelimit-limit": "2", "x-ratelimit-remaining": "2"}
    polling = asyncio.create_task(discovery.poll())
    await scene.until(lambda: scene.sink.of(FlowEnded))
    assert not polling.done()
    assert [each.outcome for each in scene.sink.of(FlowEnded)] == [Outcome.UNKNOWN]
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling


async def test_what_a_list_that_breaks_off_has_shown_is_forgotten_by_the_next_complete_ones(
    scene: Stage,
) -> None:
    discovery = scene.discovery()
    scene.upstream.list_headers = {"X_Has_More": "true"}
    for number in range(3):
        scene.upstream.connections = [connection(f"c{number}")]
        await discovery.poll()
    scene.upstream.connections, scene.upstream.list_headers = [connection("c9")], {}
    for _ in range(2):
        await discovery.poll()
    gone = [each.connection_id for each in scene.sink.of(ConnectionForgotten)]
    assert gone == ["c0", "c1", "c2"]


async def test_lists_that_break_off_never_add_up_to_more_than_the_bound(
    scene: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LISTED", 5)
    discovery = scene.discovery()
    scene.upstream.list_headers = {"X_Has_More": "true"}
    with capture_logs() as logs:
        for number in range(4):
            scene.upstream.connections = [running(f"c{number}{each}") for each in range(3)]
            await discovery.poll()
    assert len({each.connection_id for each in scene.sink.of(ConnectionListed)}) == 5
    assert len(scene.sink.of(FlowStarted)) == 5
    events = [each["event"] for each in logs]
    assert events.count("no room for more connections") == 1


async def test_filters_are_sent(scene: Stage) -> None:
    await scene.discovery(domain="example.com", profile_name="p 1").poll()
    target = scene.server.requests[0].target
    assert "domain=example.com" in target
    assert "profile_name=p+1" in target or "profile_name=p%201" in target


async def test_run_polls_again_and_again(scene: Stage) -> None:
    task = asyncio.create_task(scene.discovery().run())
    await scene.until(lambda: len(scene.server.requests) >= 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scene.time.slept[:2] == [15.0, 15.0]


async def test_given_connections_are_retrieved_and_no_others(scene: Stage) -> None:
    scene.upstream.connections = [running("c1"), connection("c2"), running("c3")]
    await scene.discovery(connection_ids=("c1", "c2", "c1")).poll()
    assert sorted(scene.upstream.retrieved) == ["c1", "c2"]
    await scene.until(lambda: scene.upstream.opened)
    assert scene.upstream.opened == ["c1"]


async def test_given_connection_that_is_no_more_is_forgotten_and_said_once(scene: Stage) -> None:
    scene.upstream.connections = [running("c1"), connection("c2")]
    discovery = scene.discovery(connection_ids=("c1", "c2", "typo"))
    with capture_logs() as logs:
        await discovery.poll()
        scene.upstream.connections = [connection("c2")]
        await discovery.poll()
        await discovery.poll()
    assert [each.connection_id for each in scene.sink.of(ConnectionForgotten)] == ["c1"]
    assert [each["connection_id"] for each in logs] == ["typo", "c1"]
    status = scene.health.status(int(scene.time.now * 1e9), poll_interval_seconds=15)
    assert status.ready


async def test_given_connection_that_was_never_seen_but_followed_is_forgotten(
    scene: Stage,
) -> None:
    scene.roster.follow("c1")
    await scene.discovery(connection_ids=("c1",)).poll()
    assert [each.connection_id for each in scene.sink.of(ConnectionForgotten)] == ["c1"]


@pytest.mark.parametrize("status", [403, 500, 418])
async def test_what_is_wrong_with_one_given_connection_delays_no_other(
    scene: Stage, status: int
) -> None:
    scene.upstream.connections = [connection("c1"), running("c2")]
    scene.upstream.statuses = {"c2": status}
    discovery = scene.discovery(connection_ids=("c1", "c2"))
    with capture_logs() as logs:
        assert await discovery.poll() == 15.0
        assert await discovery.poll() == 15.0
    assert scene.health.status(int(scene.time.now * 1e9), poll_interval_seconds=15).ready
    assert [each["connection_id"] for each in logs] == ["c2"]
    assert logs[0]["event"] == f"it cannot be looked at: the API answered with status {status}"
    scene.upstream.statuses = {}
    await discovery.poll()
    assert len(scene.sink.of(FlowStarted)) == 1


async def test_given_connection_that_cannot_be_looked_at_is_not_forgotten(scene: Stage) -> None:
    scene.upstream.connections = [connection("c1"), running("c2")]
    discovery = scene.discovery(connection_ids=("c1", "c2"))
    await discovery.poll()
    scene.upstream.statuses = {"c2": 403}
    await discovery.poll()
    await discovery.poll()
    assert scene.sink.of(ConnectionForgotten) == []
    assert scene.sink.of(FlowEnded) == []


async def test_key_that_is_refused_for_a_given_connection_is_refused_for_all(
    scene: Stage,
) -> None:
    scene.upstream.connections = [connection("c1"), connection("c2")]
    scene.upstream.statuses = {"c2": 401}
    assert await scene.discovery(connection_ids=("c1", "c2")).poll() >= 60
    assert scene.health.status(0, poll_interval_seconds=15).key_refused


async def test_given_connections_that_cannot_be_had_keep_everything(scene: Stage) -> None:
    scene.upstream.connections = [running("c1")]
    discovery = scene.discovery(connection_ids=("c1",))
    await discovery.poll()
    scene.upstream.list_status = 500
    assert await discovery.poll() < 1
    assert scene.sink.of(ConnectionForgotten) == []


async def test_follow_now_opens_the_stream_of_a_known_connection_without_asking(
    scene: Stage,
) -> None:
    scene.upstream.connections = [connection("c1")]
    discovery = scene.discovery()
    await discovery.poll()
    scene.upstream.say("c1", state(1, "DISCOVERING"))
    assert await discovery.follow_now("c1") is FollowNow.FOLLOWING
    await scene.until(lambda: scene.sink.of(FlowStarted))
    [started] = scene.sink.of(FlowStarted)
    assert (started.entry, started.flow.domain) == (Entry.DISCOVERING, "example.com")
    assert scene.upstream.retrieved == []
    assert await discovery.follow_now("c1") is FollowNow.FOLLOWING
    assert scene.upstream.opened == ["c1"]


async def test_follow_now_leaves_the_start_of_a_new_connection_s_flow_to_the_stream(
    scene: Stage,
) -> None:
    scene.upstream.connections = [running("c1", "DISCOVERING")]
    scene.upstream.say("c1", state(1, "DISCOVERING"))
    assert await scene.discovery().follow_now("c1") is FollowNow.FOLLOWING
    await scene.until(lambda: scene.sink.of(FlowStarted))
    [started] = scene.sink.of(FlowStarted)
    assert (started.entry, started.flow.domain) == (Entry.DISCOVERING, "example.com")


async def test_follow_now_joins_a_flow_that_is_further_on_by_its_listing(scene: Stage) -> None:
    scene.upstream.connections = [running("c1", "SUBMITTING")]
    assert await scene.discovery().follow_now("c1") is FollowNow.FOLLOWING
    [started] = scene.sink.of(FlowStarted)
    assert started.entry is Entry.JOINED_LATE


async def test_follow_now_says_what_hinders_it() -> None:
    async with stage(max_connections=1) as scene:
        scene.upstream.connections = [connection("c1"), running("c2")]
        discovery = scene.discovery()
        assert await discovery.follow_now("c9") is FollowNow.NOT_FOUND
        assert await discovery.follow_now("..") is FollowNow.NOT_FOUND
        assert await discovery.follow_now("c1") is FollowNow.FOLLOWING
        assert await discovery.follow_now("c2") is FollowNow.NO_ROOM
        scene.upstream.list_status = 503
        assert await discovery.follow_now("c3") is FollowNow.UNAVAILABLE
        with pytest.raises(ApiError):
            await scene.api.retrieve("c3")


async def test_full_roster_does_not_stop_the_poll() -> None:
    async with stage(max_connections=1) as scene:
        scene.upstream.connections = [running("c1"), running("c2"), connection("c3")]
        assert await scene.discovery().poll() == 15.0
        assert len(scene.sink.of(ConnectionListed)) == 3
        assert len(scene.sink.of(FlowStarted)) == 1


async def test_who_went_while_no_process_was_looking_is_missed_from_the_first_list_on() -> None:
    async with stage() as before:
        for connection_id in ("c1", "c2"):
            before.roster.admit(connection_id)
        saved = {each: before.roster._entries[each].door.save() for each in before.roster}
    async with stage() as scene:
        scene.roster.restore(saved, {})
        scene.upstream.connections = [connection("c1")]
        discovery = scene.discovery()
        for _ in range(2):
            await discovery.poll()
        assert list(scene.roster) == ["c1"]


async def test_who_is_filtered_out_is_not_missed() -> None:
    async with stage() as scene:
        scene.roster.admit("c2")
        scene.upstream.connections = [connection("c1")]
        await scene.discovery(domain="example.com").poll()
        assert "c2" in list(scene.roster)
