"""One connection followed over real sockets, through everything that can happen to a stream."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exporter.core.events import Forgotten, TimelineEntry, TimelineRead
from exporter.core.flow import FlowTracker
from exporter.core.observations import (
    FlowEnded,
    FlowStarted,
    Gap,
    GapCause,
    Outcome,
    StreamEnded,
    StreamEndReason,
    StreamEventKind,
    StreamMessage,
    StreamOpened,
)
from exporter.stores.store import SavedConnection
from exporter.upstream.door import Door
from exporter.upstream.ends import Forget, Stop
from exporter.upstream.follower import LONG_SECONDS, Follower
from exporter.upstream.idle import IdleLimit
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.sse import MAX_MESSAGE_BYTES
from exporter.upstream.wish import Wish
from tests.upstream.raw_server import Exchange, RawServer, raw_server
from tests.upstream.recorder import FakeTime, Recorder
from tests.upstream.wire import (
    START_SECONDS,
    SUCCESS,
    connection,
    heartbeat,
    message,
    running,
    state,
)

KEY = "sk_very_private"

Part = Callable[[Exchange], Awaitable[None]]


def streaming(*chunks: bytes, then: Part | None = None) -> Part:
    """Answer with a stream of these chunks; after them the stream ends, or ``then`` happens."""

    async def part(exchange: Exchange) -> None:
        await exchange.open_stream()
        for chunk in chunks:
            await exchange.send(chunk)
            await asyncio.sleep(0)
        if then:
            await then(exchange)

    return part


def status(code: int, **headers: str) -> Part:
    async def part(exchange: Exchange) -> None:
        await exchange.answer(code, b"{}", **headers)

    return part


def answering(body: object) -> Part:
    async def part(exchange: Exchange) -> None:
        await exchange.answer(200, json.dumps(body).encode())

    return part


async def silence(exchange: Exchange) -> None:
    await exchange.gone()


async def cut_short(exchange: Exchange) -> None:
    """End a chunked body without its last chunk, as a server that is killed does."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked"
    event = state(0, "DISCOVERING")
    await exchange.send(head, b"\r\n\r\n%x\r\n%s\r\n" % (len(event), event))


async def reset(exchange: Exchange) -> None:
    exchange.reset()


class Run:
    """What a follower did against a server that plays one part a request."""

    def __init__(self) -> None:
        self.sink = Recorder()
        self.time = FakeTime(START_SECONDS + 10)
        self.chance = 0.0
        self.result: Stop | Forget | None = None
        self.server: RawServer | None = None
        self.door: Door | None = None
        self.idle = IdleLimit()
        self.wish = Wish()
        self.settle: Callable[[str], Awaitable[None]] | None = None
        self.saved: SavedConnection | None = None

    async def play(self, *parts: Part, idle_seconds: float = 5.0) -> None:
        async def handler(exchange: Exchange) -> None:
            await parts[min(exchange.number, len(parts) - 1)](exchange)

        clock = self.time.clock(self.chance)
        tracker = FlowTracker("c1", domain="example.com", classify=lambda _: "other")
        self.idle = IdleLimit(floor_seconds=idle_seconds, unlearnt_seconds=idle_seconds)
        async with raw_server(handler) as self.server, asyncio.timeout(10):
            api = KernelApi(self.server.url, lambda: KEY, self.sink, clock=clock)
            self.door = Door(tracker, self.sink)
            if self.saved:
                self._go_on(self.saved)
            follower = Follower(
                "c1",
                self.door,
                api=api,
                sink=self.sink,
                clock=clock,
                idle=self.idle,
                wish=self.wish,
                settle=self.settle,
            )
            self.result = await follower.run()
            await api.aclose()

    def _go_on(self, saved: SavedConnection) -> None:
        """Take up what another process has left."""
        tracker = FlowTracker.restore(saved.state, classify=lambda _: "other")
        self.door = Door(tracker, self.sink)
        self.door.last_event_id = saved.last_event_id
        self.door.resume(int(self.time.now * 1e9))

    @property
    def ends(self) -> list[str]:
        return [each.reason.value for each in self.sink.of(StreamEnded)]

    @property
    def outcomes(self) -> list[Outcome]:
        return [each.outcome for each in self.sink.of(FlowEnded)]

    @property
    def gaps(self) -> list[GapCause]:
        facts = [fact for each in self.sink.of(FlowEnded) for fact in each.facts]
        return [fact.cause for fact in facts if isinstance(fact, Gap)]

    @property
    def kinds(self) -> list[StreamEventKind]:
        return [each.kind for each in self.sink.of(StreamMessage)]


@pytest.fixture
def run() -> Run:
    return Run()


async def test_flow_is_followed_from_its_start_to_its_end(run: Run) -> None:
    await run.play(
        streaming(
            state(0, "DISCOVERING"),
            state(2, "AWAITING_INPUT"),
            heartbeat(3),
            state(5, "SUBMITTING"),
            SUCCESS,
        )
    )
    assert run.result == Stop()
    assert run.ends == ["terminal"]
    assert run.outcomes == [Outcome.SUCCESS]
    assert run.gaps == []
    assert run.sink.of(StreamOpened) == [StreamOpened("c1")]
    assert run.sink.of(StreamEnded) == [StreamEnded("c1", StreamEndReason.TERMINAL, opened=True)]
    assert run.kinds == ["state", "state", "heartbeat", "state", "state"]
    lags = [each.lag_ns for each in run.sink.of(StreamMessage)]
    assert lags == [None, 8 * 10**9, 7 * 10**9, 5 * 10**9, 10**9]


@pytest.mark.parametrize(
    ("accident", "reason"),
    [
        (streaming(state(0, "DISCOVERING")), "eof"),
        (streaming(state(0, "DISCOVERING"), then=reset), "network"),
        (cut_short, "network"),
        (streaming(state(0, "DISCOVERING"), state(1, "SUBMITTING")[:40]), "eof"),
        (streaming(state(0, "DISCOVERING"), state(1, "SUBMITTING")[:40], then=reset), "network"),
    ],
)
async def test_broken_stream_is_opened_again_and_the_flow_goes_on(
    run: Run, accident: Part, reason: str
) -> None:
    await run.play(accident, streaming(state(4, "SUBMITTING"), SUCCESS))
    assert run.ends == [reason, "terminal"]
    assert run.outcomes == [Outcome.SUCCESS]
    assert run.gaps == [GapCause.RECONNECT]
    assert len(run.sink.of(FlowStarted)) == 1


@pytest.mark.parametrize("code", [408, 409, 425, 500, 503])
async def test_server_s_trouble_is_retried(run: Run, code: int) -> None:
    await run.play(status(code), status(code), streaming(state(0, "DISCOVERING"), SUCCESS))
    assert run.ends == ["http_5xx", "http_5xx", "terminal"]
    assert run.time.slept == [0.5, 0.5]
    assert [each.opened for each in run.sink.of(StreamEnded)] == [False, False, True]


async def test_retry_after_is_honoured(run: Run) -> None:
    await run.play(status(503, Retry_After="17"), streaming(SUCCESS))
    assert run.time.slept == [17.5]


async def test_refused_key_is_retried_about_every_minute(run: Run) -> None:
    await run.play(status(401), status(403), streaming(SUCCESS))
    assert run.ends == ["http_401", "http_401", "terminal"]
    assert run.time.slept == [60.5, 60.5]


async def test_missing_connection_is_forgotten(run: Run) -> None:
    await run.play(status(404))
    assert run.result == Forget()
    assert run.ends == ["http_404"]
    assert run.server
    asked = [each.target for each in run.server.requests]
    assert asked == ["/auth/connections/c1/events", "/auth/connections/c1"]


@pytest.mark.parametrize("answer", [answering(connection("c1")), status(401), status(503)])
async def test_connection_that_is_there_is_not_forgotten_for_its_stream_though_no_flow_is_open(
    run: Run, answer: Part
) -> None:
    settled = timeline_that_tells(run)
    await run.play(status(404), answer)
    assert (run.result, run.outcomes, settled) == (Stop(), [], [])


async def test_flow_that_shows_when_its_connection_is_asked_for_is_open_from_then_on(
    run: Run,
) -> None:
    await run.play(status(404), answering(running("c1")))
    assert (run.result, len(run.sink.of(FlowStarted))) == (Stop(), 1)


async def test_session_that_is_over_is_not_a_connection_that_is_gone(run: Run) -> None:
    await run.play(status(410))
    assert run.result == Stop()
    assert run.ends == ["http_404"]
    assert run.server
    assert len(run.server.requests) == 1


async def test_flow_whose_session_is_over_is_asked_for_once_and_ends_by_the_answer(
    run: Run,
) -> None:
    over = connection("c1", flow_status="SUCCESS", flow_step="COMPLETED")
    await run.play(
        streaming(state(0, "SUBMITTING")),
        status(410),
        answering(over),
    )
    assert (run.result, run.ends, run.outcomes) == (Stop(), ["eof", "http_404"], [Outcome.SUCCESS])
    assert run.server
    assert [each.target for each in run.server.requests][2:] == ["/auth/connections/c1"]


async def test_flow_whose_session_is_over_stays_open_when_nobody_can_tell_how_it_went(
    run: Run,
) -> None:
    await run.play(streaming(state(0, "SUBMITTING")), status(410), status(503))
    assert (run.result, run.outcomes) == (Stop(), [])


async def test_429_waits_as_long_as_the_server_asks(run: Run) -> None:
    await run.play(status(429, Retry_After="30"), streaming(SUCCESS))
    assert run.ends == ["http_429", "terminal"]
    assert sum(run.time.slept) >= 30


@pytest.mark.parametrize("code", [204, 301, 400, 418])
async def test_answer_that_is_no_stream_stops_where_no_flow_is_open(run: Run, code: int) -> None:
    await run.play(status(code))
    assert (run.result, run.ends) == (Stop(), ["protocol"])


async def test_html_in_the_middle_of_a_flow_is_retried(run: Run) -> None:
    await run.play(
        streaming(state(0, "DISCOVERING")),
        status(200, Content_Type="text/html"),
        streaming(SUCCESS),
    )
    assert run.ends == ["eof", "protocol", "terminal"]


async def test_end_without_any_flow_stops(run: Run) -> None:
    await run.play(streaming(heartbeat(0)))
    assert (run.result, run.ends) == (Stop(), ["eof"])


async def test_snapshot_of_a_flow_that_is_over_is_terminal_and_counts_no_flow(run: Run) -> None:
    await run.play(streaming(SUCCESS))
    assert (run.result, run.ends) == (Stop(), ["terminal"])
    assert run.outcomes == []


async def test_stream_that_breaks_after_the_flow_s_end_is_not_opened_again(run: Run) -> None:
    await run.play(streaming(state(0, "DISCOVERING"), SUCCESS, then=reset))
    assert (run.result, run.ends) == (Stop(), ["network"])
    assert run.outcomes == [Outcome.SUCCESS]


async def test_resume_sends_the_last_event_id(run: Run) -> None:
    await run.play(
        streaming(b"id: 41\n" + state(0, "DISCOVERING")),
        streaming(state(1, "SUBMITTING")),
        streaming(SUCCESS),
    )
    assert run.server
    sent = [each.headers.get("last-event-id") for each in run.server.requests]
    assert sent == [None, "41", "41"]


async def test_event_id_that_no_header_can_carry_does_not_stop_the_follower(run: Run) -> None:
    await run.play(streaming(b"id: a\x01b\r\n" + state(0, "DISCOVERING")), streaming(SUCCESS))
    assert run.server
    assert run.ends == ["eof", "terminal"]
    assert "last-event-id" not in run.server.requests[1].headers


async def test_retry_line_sets_the_reconnection_time(run: Run) -> None:
    await run.play(streaming(b"retry: 9000\n\n", state(0, "DISCOVERING")), streaming(SUCCESS))
    assert run.time.slept == [9.5]


async def test_silent_stream_is_idle_and_opened_again(run: Run) -> None:
    await run.play(
        streaming(state(0, "DISCOVERING"), then=silence), streaming(SUCCESS), idle_seconds=0.1
    )
    assert run.ends == ["idle", "terminal"]
    assert run.gaps == [GapCause.RECONNECT]


async def test_slow_drip_of_an_endless_message_is_idle(run: Run) -> None:
    async def drip(exchange: Exchange) -> None:
        while not exchange.closed.is_set():
            await exchange.send(b"x")
            await asyncio.sleep(0.01)

    await run.play(
        streaming(state(0, "DISCOVERING"), then=drip), streaming(SUCCESS), idle_seconds=0.1
    )
    assert run.ends == ["idle", "terminal"]


async def test_heartbeats_teach_how_long_silence_may_last(run: Run) -> None:
    def later(seconds: float) -> Part:
        async def part(exchange: Exchange) -> None:
            seen = len(run.kinds)
            await exchange.send(heartbeat(1))
            while len(run.kinds) == seen:  # noqa: ASYNC110 - a sink has no event
                await asyncio.sleep(0)
            run.time.now += seconds

        return part

    async def three_heartbeats(exchange: Exchange) -> None:
        await later(20.0)(exchange)
        await later(15.0)(exchange)
        await later(0.0)(exchange)
        await exchange.send(SUCCESS)

    await run.play(streaming(state(0, "DISCOVERING"), then=three_heartbeats))
    assert run.idle.seconds == 60.0


async def test_comments_keep_a_stream_alive(run: Run) -> None:
    async def comments(exchange: Exchange) -> None:
        for _ in range(10):
            await exchange.send(b": alive\n\n")
            await asyncio.sleep(0.03)
        await exchange.send(SUCCESS)

    await run.play(streaming(state(0, "DISCOVERING"), then=comments), idle_seconds=0.15)
    assert run.ends == ["terminal"]


async def test_bad_messages_are_counted_and_the_stream_goes_on(run: Run) -> None:
    oversized = b"data: " + b"x" * MAX_MESSAGE_BYTES + b"\n\n"
    await run.play(
        streaming(
            b"data: {nonsense\n\n",
            state(0, "DISCOVERING"),
            b"data: \xff\xfe\n\n",
            message("event_of_tomorrow", mood="fine"),
            b"event: managed_auth_state\n\n",
            message("error", timestamp="2025-06-15T15:06:40Z", error={"code": "x"}),
            oversized,
            b"data: " + b"[" * 100_000 + b"\n\n",
            SUCCESS,
        )
    )
    assert run.ends == ["terminal"]
    assert run.kinds == [
        "malformed",
        "state",
        "malformed",
        "unknown",
        "error",
        "oversized",
        "malformed",
        "state",
    ]


async def test_back_off_grows_while_nothing_comes_and_starts_over_after_news() -> None:
    run = Run()
    run.chance = 1.0
    await run.play(
        status(500),
        status(500),
        status(500),
        streaming(state(0, "DISCOVERING")),
        streaming(SUCCESS),
    )
    assert run.time.slept == [1, 2, 4, 1]


async def test_back_off_grows_while_each_stream_only_repeats_what_is_known() -> None:
    run = Run()
    run.chance = 1.0
    snapshot = streaming(state(0, "AWAITING_INPUT"), heartbeat(1))
    await run.play(*[snapshot] * 8, streaming(state(1, "SUBMITTING")), streaming(SUCCESS))
    assert run.time.slept == [1, 2, 4, 8, 16, 32, 60, 60, 1]


async def test_stream_that_lasted_is_opened_again_without_long_delay() -> None:
    run = Run()
    run.chance = 1.0

    async def lasting(exchange: Exchange) -> None:
        await streaming(state(0, "AWAITING_INPUT"))(exchange)
        while len(run.kinds) <= exchange.number:  # noqa: ASYNC110 - a sink has no event
            await asyncio.sleep(0)
        run.time.now += LONG_SECONDS

    await run.play(*[lasting] * 4, streaming(SUCCESS))
    assert run.time.slept == [1, 1, 1, 1]


async def test_stream_that_brings_nothing_after_a_flow_s_end_is_not_called_terminal(
    run: Run,
) -> None:
    async def another_wish(exchange: Exchange) -> None:
        while not run.outcomes:  # noqa: ASYNC110 - a sink has no event
            await asyncio.sleep(0)
        run.wish.make()

    await run.play(
        streaming(state(0, "DISCOVERING"), SUCCESS, then=another_wish),
        streaming(heartbeat(20)),
    )
    assert (run.result, run.ends) == (Stop(), ["terminal", "eof"])


@pytest.mark.parametrize("lingering", [silence, None], ids=["silent", "closed"])
async def test_wish_for_the_next_flow_is_met_though_the_stream_of_the_last_is_still_open(
    run: Run, lingering: Part | None
) -> None:
    async def wish_after_the_end(exchange: Exchange) -> None:
        while not run.outcomes:  # noqa: ASYNC110 - a sink has no event
            await asyncio.sleep(0)
        run.wish.make()
        if lingering:
            await lingering(exchange)

    await run.play(
        streaming(state(0, "DISCOVERING"), SUCCESS, then=wish_after_the_end),
        streaming(state(20, "DISCOVERING"), state(29, "COMPLETED", "FAILED")),
        idle_seconds=5.0,
    )
    assert (run.result, run.ends) == (Stop(), ["terminal", "terminal"])
    assert run.outcomes == [Outcome.SUCCESS, Outcome.FAILED]
    assert run.time.slept == []


async def test_wish_made_in_the_last_moments_of_a_flow_is_met(run: Run) -> None:
    async def wish_before_the_end(exchange: Exchange) -> None:
        while not run.sink.of(FlowStarted):  # noqa: ASYNC110 - a sink has no event
            await asyncio.sleep(0)
        run.wish.make()
        await exchange.send(SUCCESS)
        await silence(exchange)

    await run.play(
        streaming(state(0, "DISCOVERING"), then=wish_before_the_end),
        streaming(state(20, "DISCOVERING"), state(29, "COMPLETED", "FAILED")),
    )
    assert run.ends == ["terminal", "terminal"]
    assert run.outcomes == [Outcome.SUCCESS, Outcome.FAILED]


async def test_wish_that_the_open_stream_meets_opens_no_other(run: Run) -> None:
    async def wish_before_the_start(exchange: Exchange) -> None:
        run.wish.make()
        await streaming(state(0, "DISCOVERING"), SUCCESS)(exchange)

    await run.play(wish_before_the_start)
    assert (run.result, run.ends) == (Stop(), ["terminal"])


async def test_wish_cuts_a_back_off_short(run: Run) -> None:
    run.time.sleeping_for_ever = True
    playing = asyncio.create_task(run.play(status(503, Retry_After="90"), streaming(SUCCESS)))
    async with asyncio.timeout(5):
        while not run.time.slept:  # noqa: ASYNC110 - a clock has no event
            await asyncio.sleep(0)
        run.wish.make()
        await playing
    assert run.time.slept == [90.5]
    assert run.ends == ["http_5xx", "terminal"]


async def test_wish_made_in_a_back_off_is_not_lost_when_the_flow_is_found_over(run: Run) -> None:
    run.time.sleeping_for_ever = True
    playing = asyncio.create_task(
        run.play(
            streaming(state(0, "DISCOVERING")),
            streaming(state(20, "DISCOVERING"), state(29, "COMPLETED", "FAILED")),
        )
    )
    async with asyncio.timeout(5):
        while not run.time.slept:  # noqa: ASYNC110 - a clock has no event
            await asyncio.sleep(0)
        assert run.door
        run.door.feed(Forgotten(), int(run.time.now * 1e9))
        run.wish.make()
        await playing
    assert run.outcomes == [Outcome.UNKNOWN, Outcome.FAILED]


async def test_no_secret_reaches_a_log_or_an_observation(
    run: Run, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets: dict[str, Any] = {
        "hosted_url": "https://login.example/SECRET-hosted",
        "live_view_url": "https://live.example/SECRET-live",
        "handoff_code": "SECRET-handoff",
        "post_login_url": "https://example.com/?token=SECRET-query#SECRET-fragment",
        "fields": [{"name": "n", "type": "text", "value": "SECRET-value", "selector": "SECRET"}],
    }
    await run.play(
        status(503, SECRET_header="1"),
        streaming(
            state(0, "DISCOVERING", **secrets),
            state(1, "AWAITING_INPUT", **secrets),
            message("error", error={"code": "SECRET", "message": "SECRET"}),
            b"data: SECRET broken\n\n",
            message("SECRET_event"),
            then=reset,
        ),
        streaming(state(9, "COMPLETED", "SUCCESS", **secrets)),
    )
    assert run.ends == ["http_5xx", "network", "terminal"]
    assert run.kinds == ["state", "state", "error", "malformed", "unknown", "state"]
    shown = f"{run.sink.observations}{capsys.readouterr()}"
    assert "SECRET" not in shown
    assert KEY not in shown + caplog.text


async def test_stop_closes_the_stream_and_says_so() -> None:
    run = Run()
    playing = asyncio.create_task(run.play(streaming(state(0, "DISCOVERING"), then=silence)))
    async with asyncio.timeout(5):
        while not run.sink.of(FlowStarted):  # noqa: ASYNC110 - a sink has no event
            await asyncio.sleep(0)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert run.sink.of(StreamEnded) == [StreamEnded("c1", StreamEndReason.STOPPED, opened=True)]
    assert run.outcomes == []


def timeline_that_tells(run: Run, *entries: TimelineEntry) -> list[list[StreamEventKind]]:
    """Settle by a timeline with these entries; returns what the streams had said by each time."""
    settled: list[list[StreamEventKind]] = []

    async def settle(connection_id: str) -> None:
        assert run.door
        assert connection_id == "c1"
        settled.append(run.kinds)
        now_ns = int(run.time.now * 1e9)
        run.door.feed(TimelineRead(entries, now_ns, now_ns), now_ns)

    run.settle = settle
    return settled


async def run_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


def login(begun: int, over: int, status: str) -> TimelineEntry:
    at_ns, end_ns = (START_SECONDS * 10**9 + second * 10**9 for second in (begun, over))
    return TimelineEntry(f"e{begun}", "login", at_ns, status, completed_ns=end_ns)


async def test_the_timeline_is_read_before_the_first_state_of_a_stream_is_believed(
    run: Run,
) -> None:
    settled = timeline_that_tells(run, login(0, 5, "FAILED"))
    await run.play(
        streaming(state(0, "DISCOVERING")),
        streaming(state(7, "DISCOVERING"), SUCCESS),
    )
    assert settled == [["state"]]
    ends = [(each.outcome, each.observed) for each in run.sink.of(FlowEnded)]
    assert ends == [("failed", "timeline"), ("success", "stream")]
    assert len(run.sink.of(FlowStarted)) == 2


async def test_the_timeline_is_not_asked_where_no_flow_was_left_unwatched(run: Run) -> None:
    settled = timeline_that_tells(run)
    await run.play(status(503), streaming(state(0, "DISCOVERING"), SUCCESS))
    assert (settled, run.outcomes) == ([], [Outcome.SUCCESS])


async def test_the_timeline_is_asked_before_a_flow_without_any_stream_is_looked_up(
    run: Run,
) -> None:
    settled = timeline_that_tells(run, login(0, 5, "CANCELED"))
    await run.play(streaming(state(0, "SUBMITTING")), status(410))
    assert (run.result, run.outcomes) == (Stop(), [Outcome.CANCELED])
    assert settled == [["state"]]
    assert run.server
    assert len(run.server.requests) == 2


async def test_the_event_id_of_a_flow_that_the_timeline_ended_is_not_sent_again(run: Run) -> None:
    timeline_that_tells(run, login(0, 5, "FAILED"))

    async def breaks_while_the_next_is_wished_for(exchange: Exchange) -> None:
        await run_until(lambda: bool(run.outcomes))
        run.wish.make()
        exchange.reset()

    await run.play(
        streaming(b"id: 41\n" + state(0, "DISCOVERING")),
        streaming(then=breaks_while_the_next_is_wished_for),
        streaming(state(7, "DISCOVERING"), SUCCESS),
    )
    assert run.server
    sent = [each.headers.get("last-event-id") for each in run.server.requests]
    assert sent == [None, "41", None]
    assert run.outcomes == [Outcome.FAILED, Outcome.SUCCESS]


async def test_another_process_asks_for_what_was_missed_of_the_open_flow(run: Run) -> None:
    first = Run()
    await first.play(streaming(b"id: 41\n" + state(0, "DISCOVERING")), status(410), status(503))
    assert first.door
    run.saved = first.door.save()
    settled = timeline_that_tells(run)
    await run.play(streaming(b"id: 42\n" + state(4, "SUBMITTING"), SUCCESS))
    assert run.server
    assert run.server.requests[0].headers["last-event-id"] == "41"
    assert settled == [[]]
    assert run.outcomes == [Outcome.SUCCESS]
    assert run.gaps == [GapCause.RESTART]
    assert run.sink.of(FlowStarted) == []
