"""Timelines read from a server: whose, when, how far, and what comes of failures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from structlog.testing import capture_logs

from exporter.core.entries import DOUBT_NS
from exporter.core.events import Listing
from exporter.core.observations import (
    ApiRequest,
    FlowEnded,
    StreamMessage,
    TimelineCovered,
    TimelineNoted,
)
from exporter.upstream.backoff import MIN_SECONDS
from exporter.upstream.roster import NEWCOMER_NS
from exporter.upstream.timeline import (
    ENDED_SECONDS,
    FAILED_SECONDS,
    IDLE_SECONDS,
    INTERVAL_SECONDS,
    MAX_PAGES,
    READERS,
    TELL_SECONDS,
    Timeline,
)
from tests.upstream.recorder import StillTime
from tests.upstream.stage import Stage, stage
from tests.upstream.wire import START_SECONDS, connection, entry, running, state

NOW = START_SECONDS + 1000.0
START_NS = START_SECONDS * 10**9
MOMENT = 0.03
"""So many real seconds are enough to see what should not happen."""


@pytest.fixture
async def scene() -> AsyncIterator[Stage]:
    async with stage(time=StillTime(NOW)) as made:
        yield made


@pytest.fixture
def timeline(scene: Stage) -> Timeline:
    return scene.timeline()


@asynccontextmanager
async def reading(timeline: Timeline) -> AsyncIterator[None]:
    task = asyncio.create_task(timeline.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def listed(scene: Stage, timeline: Timeline) -> None:
    """Poll once: the timeline is told of what was listed."""
    await scene.discovery(timeline=timeline).poll()


def read(scene: Stage) -> list[str]:
    """Whose timelines were asked for, in order; further pages are not told."""
    return [whose for whose, offset in scene.upstream.timelines_read if offset == 0]


def was_read(scene: Stage, *connection_ids: str, times: int = 1) -> Callable[[], bool]:
    """Whether these were, and nothing is being read any more."""

    def check() -> bool:
        answers = [each for each in scene.sink.of(ApiRequest) if each.endpoint == "timeline"]
        if len(answers) < len(scene.upstream.timelines_read):
            return False
        return all(read(scene).count(each) >= times for each in connection_ids)

    return check


def outcomes(scene: Stage) -> list[tuple[str, str]]:
    return [(each.outcome.value, each.observed.value) for each in scene.sink.of(FlowEnded)]


async def test_a_flow_that_nobody_saw_is_counted_with_what_the_list_knows_of_it(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection("c1")]
    scene.upstream.timelines["c1"] = [entry("e1", 1, 5, "FAILED")]
    await listed(scene, timeline)
    async with reading(timeline):
        await scene.until(lambda: scene.sink.of(FlowEnded))
    [over] = scene.sink.of(FlowEnded)
    assert outcomes(scene) == [("failed", "timeline")]
    assert (over.flow.domain, over.flow.profile_name) == ("example.com", "p")
    assert over.duration_ns == 4 * 10**9


async def test_pages_are_read_until_one_shows_what_is_known(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.page_size = 2
    scene.upstream.connections = [connection("c1")]
    scene.upstream.timelines["c1"] = [entry("e0", -9000, -8990)]
    scene.roster.since_ns = START_NS - 10**13
    await listed(scene, timeline)
    await timeline.settle("c1")
    later = [entry(f"e{n}", 10 * n, 10 * n + 5) for n in (3, 2, 1)]
    scene.upstream.timelines["c1"] = [*later, entry("e0", -9000, -8990), entry("x", -9990, -9980)]
    scene.upstream.timelines_read.clear()
    await timeline.settle("c1")
    assert scene.upstream.timelines_read == [("c1", 0), ("c1", 2)]
    assert len(outcomes(scene)) == 4


async def test_the_first_read_goes_back_as_far_as_flows_are_to_be_counted(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.page_size = 2
    scene.upstream.connections = [connection("c1")]
    hour = [entry(f"e{n}", -600 * n, -600 * n + 5) for n in range(1, 9)]
    scene.upstream.timelines["c1"] = hour
    scene.roster.since_ns = START_NS - 3000 * 10**9
    await listed(scene, timeline)
    async with reading(timeline):
        await scene.until(lambda: len(outcomes(scene)) == 5)


async def test_a_timeline_without_end_is_read_to_a_limit_and_that_is_told(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.page_size = 1
    scene.upstream.connections = [connection("c1")]
    endless = [entry(f"e{n}", -n, -n + 0.5) for n in range(MAX_PAGES + 5)]
    scene.upstream.timelines["c1"] = endless
    scene.roster.since_ns = START_NS - 3000 * 10**9
    await listed(scene, timeline)
    await timeline.settle("c1")
    assert scene.upstream.timelines_read == [("c1", n) for n in range(MAX_PAGES)]
    results = [each.result.value for each in scene.sink.of(TimelineNoted)]
    assert results == ["counted"] * MAX_PAGES + ["out_of_reach"]


async def test_every_timeline_is_read_again_after_the_interval(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection("c1"), connection("c2")]
    await listed(scene, timeline)
    async with reading(timeline):
        await scene.until(was_read(scene, "c1", "c2"))
        scene.time.now = NOW + INTERVAL_SECONDS - 0.1
        await asyncio.sleep(MOMENT)
        assert len(read(scene)) == 2
        scene.time.now = NOW + INTERVAL_SECONDS + IDLE_SECONDS
        await scene.until(was_read(scene, "c1", "c2", times=2))


@pytest.mark.parametrize(
    "change",
    [
        {"flow_status": "FAILED", "flow_step": "COMPLETED", "flow_type": "REAUTH"},
        {"status": "AUTHENTICATED"},
        {"error_code": "bot_detected"},
        {"last_auth_at": "2025-06-15T15:06:40Z"},
        {"last_auth_check_at": "2025-06-15T15:06:40Z"},
    ],
)
async def test_a_connection_that_looks_different_is_read_at_once(
    scene: Stage, timeline: Timeline, change: dict[str, object]
) -> None:
    scene.upstream.connections = [connection("c1"), connection("c2")]
    await listed(scene, timeline)
    async with reading(timeline):
        await scene.until(was_read(scene, "c1", "c2"))
        scene.upstream.connections[0] |= change
        await listed(scene, timeline)
        scene.time.now += IDLE_SECONDS
        await scene.until(was_read(scene, "c1", times=2))
        await asyncio.sleep(MOMENT)
    assert read(scene).count("c2") == 1


@pytest.mark.parametrize(
    "change", [{}, {"flow_status": "IN_PROGRESS", "flow_step": "SUBMITTING", "flow_type": "LOGIN"}]
)
async def test_one_that_looks_the_same_or_has_a_flow_running_is_in_no_hurry(
    scene: Stage, timeline: Timeline, change: dict[str, str]
) -> None:
    now_ns = int(NOW * 1e9)
    listing = Listing("c1", "example.com", "p", "NEEDS_AUTH", now_ns, now_ns)
    timeline.listed(listing)
    async with reading(timeline):
        await scene.until(was_read(scene, "c1"))
        timeline.listed(msgspec.structs.replace(listing, **change))
        scene.time.now += 15
        await asyncio.sleep(MOMENT)
    assert read(scene) == ["c1"]


async def test_a_flow_that_its_stream_ends_is_soon_looked_for_in_the_timeline(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [running("c1", "DISCOVERING")]
    scene.upstream.say("c1", state(0, "DISCOVERING"))
    await listed(scene, timeline)
    async with reading(timeline):
        await scene.until(lambda: scene.sink.of(StreamMessage))
        await scene.until(was_read(scene, "c1"))
        before = len(read(scene))
        scene.upstream.timelines["c1"] = [entry("e1", 0, 9)]
        scene.upstream.say("c1", state(9, "COMPLETED", "SUCCESS"), None)
        await scene.until(lambda: scene.sink.of(FlowEnded))
        scene.time.now += ENDED_SECONDS - 0.1
        await asyncio.sleep(MOMENT)
        assert len(read(scene)) == before
        scene.time.now += 0.1 + IDLE_SECONDS
        await scene.until(lambda: scene.sink.of(TimelineNoted))
    assert [each.result.value for each in scene.sink.of(TimelineNoted)] == ["matched"]
    assert outcomes(scene) == [("success", "stream")]


async def test_an_entry_that_has_just_ended_is_soon_looked_at_again(
    scene: Stage, timeline: Timeline
) -> None:
    over = entry("e1", 990, 999)
    scene.upstream.connections = [connection("c1")]
    scene.upstream.timelines["c1"] = [over | {"completed_at": None}]
    await listed(scene, timeline)
    async with reading(timeline):
        await scene.until(was_read(scene, "c1"))
        scene.upstream.timelines["c1"] = [over]
        await asyncio.sleep(MOMENT)
        assert scene.sink.of(FlowEnded) == []
        scene.time.now += DOUBT_NS / 1e9 + IDLE_SECONDS
        await scene.until(lambda: scene.sink.of(FlowEnded))
    assert scene.sink.of(FlowEnded)[0].duration_ns == 9 * 10**9


async def test_settling_reads_at_once_whatever_else_is_due(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection(f"c{n}") for n in range(5)]
    await listed(scene, timeline)
    await timeline.settle("c3")
    assert read(scene) == ["c3"]
    async with reading(timeline):
        await scene.until(was_read(scene, "c0", "c1", "c2", "c4"))
    assert read(scene).count("c3") == 1


async def test_settling_gives_up_on_an_api_that_fails_and_reads_again_soon(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection("c1")]
    scene.upstream.timelines["c1"] = [entry("e1", 0, 5)]
    await listed(scene, timeline)
    scene.upstream.timeline_status = 503
    await timeline.settle("c1")
    assert outcomes(scene) == []
    scene.upstream.timeline_status = 200
    async with reading(timeline):
        await scene.until(lambda: scene.sink.of(FlowEnded))
    assert scene.time.now == NOW


async def test_settling_gives_up_on_an_api_that_does_not_answer(
    scene: Stage, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.upstream.timeline.SETTLE_SECONDS", 0.05)
    scene.upstream.timeline_hangs = True
    async with asyncio.timeout(3):
        await timeline.settle("c1")
    assert read(scene) == ["c1"]


async def test_settling_gives_up_at_once_where_the_budget_is_used_up(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.list_headers = {"X_RateLimit_Limit": "2", "X_RateLimit_Remaining": "2"}
    scene.upstream.connections = [connection("c1")]
    await listed(scene, timeline)
    await timeline.settle("c1")
    assert (read(scene), scene.time.slept) == ([], [])


async def test_one_timeline_that_cannot_be_read_stops_no_other_and_is_tried_again(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection("c1"), connection("c2")]
    await listed(scene, timeline)
    scene.upstream.timeline_status = 500
    with capture_logs() as logs:
        async with reading(timeline):
            await scene.until(was_read(scene, "c1", "c2"))
            scene.upstream.timeline_status = 200
            scene.time.now += FAILED_SECONDS - 0.1
            await asyncio.sleep(MOMENT)
            assert len(read(scene)) == 2
            scene.time.now += 0.1 + IDLE_SECONDS
            await scene.until(was_read(scene, "c1", "c2", times=2))
            await scene.until(lambda: len(logs) == 2)
    assert [each["event"] for each in logs] == [
        "a timeline could not be read",
        "timelines can be read again",
    ]


@pytest.mark.parametrize(("status", "seconds"), [(401, FAILED_SECONDS), (503, MIN_SECONDS)])
async def test_where_the_api_fails_all_timelines_wait_and_not_each_for_itself(
    scene: Stage, timeline: Timeline, status: int, seconds: float
) -> None:
    scene.upstream.connections = [connection(f"c{number}") for number in range(4 * READERS)]
    await listed(scene, timeline)
    scene.upstream.timeline_status = status
    async with reading(timeline):
        await scene.until(lambda: len(read(scene)) == READERS)
        await asyncio.sleep(MOMENT)
        scene.time.now += seconds - 0.1
        await asyncio.sleep(MOMENT)
        assert len(read(scene)) == READERS
        scene.upstream.timeline_status = 200
        scene.time.now += 30 + IDLE_SECONDS
        await scene.until(lambda: len(set(read(scene))) == 4 * READERS)


async def test_a_bug_stops_no_reader_and_tells_no_more_than_where_it_was(
    scene: Stage, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    scene.upstream.connections = [connection("c1")]
    await listed(scene, timeline)
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(scene.roster, "apply", fail)
        async with reading(timeline):
            for times in range(1, READERS + 3):
                await scene.until(was_read(scene, "c1", times=times))
                scene.time.now += FAILED_SECONDS + IDLE_SECONDS
    assert len(logs) == 1
    assert logs[0]["problem"].startswith("internal error: RuntimeError at ")
    assert "secret" not in str(logs)


async def test_a_connection_that_is_gone_is_not_read_any_more_and_leaves_nothing(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection("c1"), connection("c2")]
    discovery = scene.discovery(timeline=timeline)
    await discovery.poll()
    async with reading(timeline):
        await scene.until(was_read(scene, "c1", "c2"))
        del scene.upstream.connections[0]
        for _ in range(2):
            await discovery.poll()
        scene.time.now += INTERVAL_SECONDS + IDLE_SECONDS
        await scene.until(was_read(scene, "c2", times=2))
    assert read(scene).count("c1") == 1
    assert set(timeline._names) == set(timeline._shown) == {"c2"}
    assert len(timeline._agenda) == 1


async def test_a_connection_that_goes_while_it_is_read_does_not_come_back(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection("c1")]
    scene.upstream.timelines["c1"] = [entry("e1", 0, 5)]
    await listed(scene, timeline)
    retrieve = scene.api.timeline

    async def slow(*args: object, **options: object) -> object:
        page = await retrieve(*args, **options)  # type: ignore[arg-type]
        scene.roster.forget("c1")
        timeline.gone("c1")
        return page

    scene.api.timeline = slow  # type: ignore[method-assign,assignment]
    await timeline.settle("c1")
    assert scene.roster.tracked("c1") is None
    assert scene.sink.of(FlowEnded) == []


async def test_how_far_timelines_are_read_is_told_and_true(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection("c1"), connection("c2")]
    await listed(scene, timeline)
    scene.upstream.timeline_status = 500
    async with reading(timeline):
        await scene.until(was_read(scene, "c1", "c2"))
        scene.time.now += TELL_SECONDS
        await scene.until(lambda: scene.sink.of(TimelineCovered))
        assert scene.sink.of(TimelineCovered) == [TimelineCovered(int(NOW * 1e9))]
        scene.upstream.timeline_status = 200
        scene.time.now = NOW + FAILED_SECONDS + TELL_SECONDS
        await scene.until(was_read(scene, "c1", "c2", times=2))
        read_ns = int(scene.time.now * 1e9)
        scene.time.now += TELL_SECONDS
        await scene.until(lambda: scene.sink.of(TimelineCovered)[-1] == TimelineCovered(read_ns))


async def test_nobody_s_timeline_is_told_of_as_nothing(scene: Stage, timeline: Timeline) -> None:
    async with reading(timeline):
        scene.time.now += TELL_SECONDS
        await scene.until(lambda: scene.sink.of(TimelineCovered))
    assert scene.sink.of(TimelineCovered) == [TimelineCovered(None)]


async def test_a_connection_without_room_is_not_said_to_have_been_read() -> None:
    async with stage(max_connections=1, time=StillTime(NOW)) as scene:
        timeline = scene.timeline()
        scene.upstream.connections = [running("c1"), connection("c2")]
        await listed(scene, timeline)
        async with reading(timeline):
            await scene.until(was_read(scene, "c1"))
            for _ in range(3):
                scene.time.now += FAILED_SECONDS + IDLE_SECONDS
                await asyncio.sleep(MOMENT)
            await scene.until(lambda: scene.sink.of(TimelineCovered))
        assert set(read(scene)) == {"c1"}
        assert scene.sink.of(TimelineCovered)[-1].stalest_read_ns == int(NOW * 1e9)


async def test_with_since_it_reaches_back_also_where_the_list_was_complete_before_it_is_read(
    scene: Stage, timeline: Timeline
) -> None:
    scene.upstream.connections = [connection("c1")]
    scene.upstream.timelines["c1"] = [entry("e1", -3000, -2990)]
    scene.roster.since_ns = START_NS - 3600 * 10**9
    await listed(scene, timeline)
    assert scene.roster.since_ns == int(scene.time.now * 1e9) - NEWCOMER_NS
    await timeline.settle("c1")
    assert outcomes(scene) == [("success", "timeline")]
