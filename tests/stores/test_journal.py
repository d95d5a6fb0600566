"""The gate before the sinks: told once kept, kept in batches, and on from memory where it fails."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from exporter.core.observations import (
    FactNoted,
    FollowingChanged,
    HealthCheckSeen,
    InputKind,
    InputRequest,
    JournalWritten,
    Observation,
    Outcome,
    Sink,
    StreamOpened,
    TotalsRestored,
)
from exporter.sinks.fanout import FanOut
from exporter.stores.journal import Journal
from exporter.stores.pending import MAX_UNSENT
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import Batch, SavedConnection, StoreError
from tests.support.journals import (
    START_NS,
    Recorder,
    Spans,
    Wrapped,
    ended,
    finished,
    saved,
    started,
)

NOW_NS = START_NS + 7
STARTED_KEY = ("started", "LOGIN", "discovering", "shop.example")
ENDED_KEYS = (
    (("ended", "failed", "LOGIN", "stream", "shop.example"), 1),
    (("failed", "none", "SUBMITTING", "LOGIN"), 1),
)
WRITTEN = JournalWritten(ok=True, at_ns=NOW_NS)
NOT_WRITTEN = JournalWritten(ok=False, at_ns=NOW_NS)
FULL = "journal.sqlite3: the disk is full: free some space"


def full() -> NoReturn:
    raise StoreError(FULL)


class Hanging:
    """A disk that does not answer until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.free = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.free.wait(20)


class Pauses:
    """A sleep that takes no time, notes how long it was meant to be, and ends the run in time."""

    def __init__(self, number: int) -> None:
        self.seconds: list[float] = []
        self._number = number

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) > self._number:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Wrapped]:
    opened = Wrapped(SqliteStore(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
async def journal(store: Wrapped, sink: Recorder) -> AsyncIterator[Journal]:
    journal = made(store, sink)
    journal.restore()
    sink.seen.clear()
    yield journal
    await journal.close()


def made(
    store: Wrapped,
    sink: Recorder,
    spans: Spans | None = None,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    patience_seconds: float = 20.0,
) -> Journal:
    sinks: dict[str, Sink] = {"live": sink} | ({"traces": spans} if spans else {})
    return Journal(
        store,
        FanOut(sinks) if spans else sink,
        spans=spans,
        unix_ns=lambda: NOW_NS,
        sleep=sleep,
        patience_seconds=patience_seconds,
    )


async def test_what_a_flow_did_is_told_once_it_is_kept(
    journal: Journal, store: Wrapped, sink: Recorder
) -> None:
    journal.observe(started(1))
    journal.observe(finished(1))
    assert sink.seen == []

    store.after = lambda: sink.seen.append(FollowingChanged(0))  # from the writer, once committed
    await journal._try()
    assert sink.seen == [FollowingChanged(0), started(1), finished(1), WRITTEN]
    assert dict(store.load().totals) == {STARTED_KEY: 1}


async def test_what_is_not_about_a_flow_is_told_at_once(journal: Journal, sink: Recorder) -> None:
    journal.observe(started(1))
    journal.observe(StreamOpened("ma_1"))
    assert sink.seen == [StreamOpened("ma_1")]


async def test_what_needs_no_keeping_is_told_without_a_write(
    journal: Journal, store: Wrapped, sink: Recorder
) -> None:
    before = len(store.commits)
    fact = FactNoted("d", None, "IDLE", InputRequest(1, InputKind.OTHER, retry=False))
    check = HealthCheckSeen("AUTHENTICATED", START_NS)
    journal.observe(fact)
    journal.observe(check)
    await journal._try()

    assert sink.seen == [fact, check]
    assert len(store.commits) == before


async def test_what_comes_during_a_commit_waits_for_the_next_one(
    journal: Journal, store: Wrapped, sink: Recorder
) -> None:
    store.before = disk = Hanging()
    journal.observe(started(1))
    journal.touch("ma_1", saved("one"))
    trying = asyncio.create_task(journal._try())
    await asyncio.to_thread(disk.reached.wait, 20)
    journal.observe(started(2))
    journal.touch("ma_1", saved("two"))
    assert sink.seen == []

    disk.free.set()
    await trying
    assert sink.seen == [started(1), WRITTEN]
    assert store.commits[-1].connections == {"ma_1": SavedConnection(b"one")}
    assert store.commits[-1].totals == {STARTED_KEY: 1}

    await journal._try()
    assert sink.seen == [started(1), WRITTEN, started(2), WRITTEN]
    assert store.commits[-1].connections == {"ma_1": SavedConnection(b"two")}
    assert store.commits[-1].totals == {STARTED_KEY: 2}


async def test_a_connection_is_saved_as_it_is_when_the_batch_is_put_together(
    journal: Journal, store: Wrapped
) -> None:
    states = iter(["first", "later"])
    journal.touch("ma_1", lambda: pytest.fail("only the last way to save it counts"))
    journal.touch("ma_1", lambda: SavedConnection(next(states).encode(), "e1"))
    await journal._try()
    assert store.load().connections == {"ma_1": SavedConnection(b"first", "e1")}


async def test_of_touching_and_forgetting_the_last_word_counts(
    journal: Journal, store: Wrapped
) -> None:
    journal.touch("gone", saved("x"))
    journal.forget("gone", START_NS)
    journal.forget("back", START_NS)
    journal.touch("back", saved("y"))
    journal.listed(START_NS + 1)
    await journal._try()

    contents = store.load()
    assert contents.connections == {"back": SavedConnection(b"y")}
    assert contents.forgotten == {"gone": START_NS}
    assert contents.listed_ns == START_NS + 1


async def test_batches_follow_each_other_every_tenth_of_a_second(
    store: Wrapped, sink: Recorder
) -> None:
    pauses = Pauses(3)
    journal = made(store, sink, sleep=pauses)
    journal.observe(started(1))
    with pytest.raises(asyncio.CancelledError):
        await journal.run()
    assert pauses.seconds == [0.1] * 4
    assert sink.seen == [started(1), WRITTEN]
    await journal.close()


async def test_a_journal_that_fails_is_gone_on_without_and_tried_ever_more_rarely(
    store: Wrapped, sink: Recorder
) -> None:
    pauses = Pauses(7)
    journal = made(store, sink, sleep=pauses)
    store.before = full
    journal.observe(started(1))
    journal.touch("ma_1", saved("one"))
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await journal.run()

    assert pauses.seconds == [0.1, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert sink.seen == [NOT_WRITTEN, started(1), *[NOT_WRITTEN] * 6]
    assert journal.problem == FULL
    assert [(line["log_level"], line["problem"]) for line in logs] == [("error", FULL)]
    await journal.close()


async def test_once_it_is_written_again_batches_follow_each_other_as_before(
    store: Wrapped, sink: Recorder
) -> None:
    tries = iter([1, 2, 3])
    store.before = lambda: None if next(tries) == 3 else full()
    pauses = Pauses(4)
    journal = made(store, sink, sleep=pauses)
    journal.observe(started(1))
    with capture_logs(), pytest.raises(asyncio.CancelledError):
        await journal.run()
    assert pauses.seconds == [0.1, 1.0, 2.0, 0.1, 0.1]
    await journal.close()


async def test_what_changes_during_a_commit_that_fails_is_the_last_word(
    journal: Journal, store: Wrapped
) -> None:
    disk = Hanging()

    def hang_and_fail() -> None:
        disk()
        full()

    store.before = hang_and_fail
    journal.touch("gone", saved("x"))
    journal.forget("back", START_NS)
    journal.listed(START_NS)
    with capture_logs():
        trying = asyncio.create_task(journal._try())
        await asyncio.to_thread(disk.reached.wait, 20)
        journal.forget("gone", START_NS)
        journal.touch("back", saved("y"))
        journal.listed(START_NS + 1)
        disk.free.set()
        await trying
        store.before = lambda: None
        await journal._try()
    contents = store.load()
    assert contents.connections == {"back": SavedConnection(b"y")}
    assert contents.forgotten == {"gone": START_NS}
    assert contents.listed_ns == START_NS + 1


async def test_while_it_fails_observations_pass_and_nothing_that_changed_is_lost(
    journal: Journal, store: Wrapped, sink: Recorder
) -> None:
    journal.touch("ma_0", saved("kept"))
    await journal._try()
    sink.seen.clear()
    store.before = full
    journal.observe(started(1))
    journal.touch("ma_1", saved("one"))
    journal.forget("ma_0", START_NS)
    journal.listed(START_NS + 1)
    with capture_logs():
        await journal._try()
        journal.observe(started(2))
        journal.touch("ma_2", saved("two"))
        await journal._try()
    assert sink.seen == [NOT_WRITTEN, started(1), started(2), NOT_WRITTEN]

    store.before = lambda: None
    with capture_logs() as logs:
        await journal._try()
    assert [line["event"] for line in logs] == ["the journal is written again"]
    assert journal.problem is None
    contents = store.load()
    assert contents.connections == {
        "ma_1": SavedConnection(b"one"),
        "ma_2": SavedConnection(b"two"),
    }
    assert contents.forgotten == {"ma_0": START_NS}
    assert contents.listed_ns == START_NS + 1
    assert dict(contents.totals) == {STARTED_KEY: 2}

    journal.observe(started(3))
    assert sink.seen[-1] == WRITTEN  # held again


async def test_an_error_that_no_store_should_raise_does_not_end_the_writing(
    journal: Journal, store: Wrapped, sink: Recorder
) -> None:
    def broken() -> NoReturn:
        raise KeyError("secret")

    store.before = broken
    journal.observe(started(1))
    with capture_logs():
        await journal._try()
        assert journal.problem is not None
        assert "KeyError at test_journal.py:" in journal.problem
        assert "secret" not in journal.problem
        store.before = lambda: None
        await journal._try()
    assert sink.seen == [NOT_WRITTEN, started(1), WRITTEN]


async def test_a_disk_that_hangs_holds_observations_for_so_long_and_no_longer(
    store: Wrapped, sink: Recorder
) -> None:
    journal = made(store, sink, patience_seconds=0.02)
    store.before = disk = Hanging()
    journal.observe(started(1))
    with capture_logs():
        trying = asyncio.create_task(journal._try())
        await asyncio.to_thread(disk.reached.wait, 20)
        journal.observe(started(2))
        await asyncio.wait_for(sink.told.wait(), 20)
        journal.observe(started(3))
        assert sink.seen == [NOT_WRITTEN, started(1), started(2), started(3)]
        assert "has not answered for 0.02 s" in str(journal.problem)

        disk.free.set()
        await trying
        assert journal.problem is None
        await journal._try()
    assert sink.seen[4:] == [WRITTEN, WRITTEN]
    assert dict(store.load().totals) == {STARTED_KEY: 3}
    await journal.close()


async def test_a_state_that_cannot_be_saved_costs_only_itself_and_one_log_line(
    journal: Journal, store: Wrapped, sink: Recorder
) -> None:
    def broken() -> NoReturn:
        raise RuntimeError("secret")

    with capture_logs() as logs:
        for number in range(3):
            journal.observe(started(number))
            journal.touch("broken", broken)
            journal.touch("ma_1", saved(str(number)))
            await journal._try()
    assert store.load().connections == {"ma_1": SavedConnection(b"2")}
    assert [seen for seen in sink.seen if seen != WRITTEN] == [started(n) for n in range(3)]
    assert len(logs) == 1
    assert "secret" not in str(logs)


async def test_a_sink_that_raises_does_not_end_the_writing(store: Wrapped) -> None:
    class Broken(Recorder):
        def observe(self, observation: Observation, /) -> None:
            super().observe(observation)
            raise RuntimeError("secret")

    sink = Broken()
    journal = made(store, sink)
    with capture_logs() as logs:
        for number in range(3):
            journal.observe(started(number))
            await journal._try()
    assert len(sink.seen) == 6
    assert len(logs) == 1
    assert "secret" not in str(logs)
    await journal.close()


async def test_the_first_start_is_written_and_no_later_one(store: Wrapped, sink: Recorder) -> None:
    assert made(store, sink).restore().began_ns == NOW_NS
    assert sink.seen == [TotalsRestored(()), WRITTEN]
    again = Journal(store, sink, unix_ns=lambda: NOW_NS + 1)
    assert again.restore().began_ns == NOW_NS


async def test_totals_go_on_where_they_were(store: Wrapped, sink: Recorder) -> None:
    store.commit(Batch(totals={STARTED_KEY: 41}))
    journal = made(store, sink)
    journal.restore()
    assert sink.seen[0] == TotalsRestored(((STARTED_KEY, 41),))
    journal.observe(started(1))
    await journal._try()
    assert dict(store.load().totals) == {STARTED_KEY: 42}
    await journal.close()


async def test_a_store_that_cannot_be_written_is_told_at_the_start(
    store: Wrapped, sink: Recorder
) -> None:
    store.before = full
    with pytest.raises(StoreError):
        made(store, sink).restore()


async def test_spans_that_were_not_exported_are_made_again_by_the_next_process(
    store: Wrapped, sink: Recorder
) -> None:
    spans = Spans()
    journal = made(store, sink, spans)
    journal.restore()
    facts: list[Observation] = [
        finished(1),
        finished(2, "\ud800"),
        ended(1, Outcome.FAILED),
        finished(3),
    ]
    for fact in (started(1), *facts):
        journal.observe(fact)
    await journal._try()
    assert spans.seen == facts
    spans.settled = 1
    await journal._try()  # that one was exported is reason enough to write
    assert [row.number for row in store.load().unsent] == [2, 3, 4]
    written = len(store.commits)
    await journal._try()  # and once is enough
    assert len(store.commits) == written

    # kill -9, and another process
    resumed, new_sink = Spans(), Recorder()
    after = made(store, new_sink, resumed)
    after.restore()
    assert resumed.seen == [finished(2, "?"), ended(1, Outcome.FAILED), finished(3)]
    assert new_sink.seen == [TotalsRestored(((STARTED_KEY, 1), *ENDED_KEYS)), WRITTEN]

    after.observe(finished(4))
    await after._try()
    assert [row.number for row in store.load().unsent] == [2, 3, 4, 5]
    resumed.settled = 3
    await after._try()
    assert [row.number for row in store.load().unsent] == [5]
    await after.close()
    await journal.close()


async def test_what_was_exported_while_the_journal_failed_is_not_kept_any_more(
    store: Wrapped, sink: Recorder
) -> None:
    spans = Spans()
    journal = made(store, sink, spans)
    store.before = full
    with capture_logs():
        for number in (1, 2, 3):
            journal.observe(finished(number))
            await journal._try()
        spans.settled = 2
        store.before = lambda: None
        await journal._try()
    assert [row.number for row in store.commits[-1].unsent] == [3]
    await journal.close()


async def test_without_traces_nothing_is_kept_for_them(journal: Journal, store: Wrapped) -> None:
    journal.observe(finished(1))
    journal.observe(ended(1))
    await journal._try()
    assert store.load().unsent == []


async def test_what_waits_to_be_made_a_span_is_bounded_while_the_journal_fails(
    store: Wrapped, sink: Recorder
) -> None:
    journal = made(store, sink, Spans())
    store.before = full
    with capture_logs():
        for number in range(MAX_UNSENT + 5):
            journal.observe(finished(number))
            if number == MAX_UNSENT // 2:
                await journal._try()
        await journal._try()
    gathered = journal._pending.gather(0)
    assert [row.number for row in (gathered.batch.unsent[0], gathered.batch.unsent[-1])] == [
        6,
        MAX_UNSENT + 5,
    ]
    await journal.close()


async def test_stopping_writes_what_is_left_and_tells_it(
    journal: Journal, store: Wrapped, sink: Recorder
) -> None:
    running = asyncio.create_task(journal.run())
    journal.observe(started(1))
    await journal.stop()
    assert sink.seen == [started(1), WRITTEN]
    assert dict(store.load().totals) == {STARTED_KEY: 1}

    journal.observe(started(2))  # there is nobody left who would write it in time
    assert sink.seen[-1] == started(2)
    await asyncio.wait_for(running, 5)


async def test_stopping_during_a_commit_writes_that_batch_and_the_next(
    journal: Journal, store: Wrapped, sink: Recorder
) -> None:
    store.before = disk = Hanging()
    journal.observe(started(1))
    trying = asyncio.create_task(journal._try())
    await asyncio.to_thread(disk.reached.wait, 20)
    trying.cancel()
    journal.observe(started(2))
    stopping = asyncio.create_task(journal.stop())
    disk.free.set()
    await stopping
    assert sink.seen == [started(1), WRITTEN, started(2), WRITTEN]
    assert dict(store.load().totals) == {STARTED_KEY: 2}


async def test_a_disk_that_hangs_does_not_keep_it_from_stopping(
    store: Wrapped, sink: Recorder
) -> None:
    journal = made(store, sink)
    store.before = disk = Hanging()
    journal.observe(started(1))
    began = time.monotonic()
    await journal.stop()
    await journal.close()
    assert time.monotonic() - began < 4
    assert sink.seen == [started(1)]
    disk.free.set()


async def test_spans_that_were_exported_on_shutdown_are_not_made_again(
    tmp_path: Path, sink: Recorder
) -> None:
    spans = Spans()
    journal = made(Wrapped(SqliteStore(tmp_path)), sink, spans)
    journal.observe(finished(1))
    await journal.stop()
    spans.settled = spans.handed
    await journal.close()

    journal._thread._thread.join(20)
    assert not journal._thread._thread.is_alive()
    again = SqliteStore(tmp_path)  # the store was let go of
    assert again.load().unsent == []
    again.close()


@pytest.mark.parametrize(("lost", "kept"), [(True, 1), (False, 0)])
async def test_spans_that_the_last_export_lost_are_kept_for_the_next_process(
    tmp_path: Path, sink: Recorder, *, lost: bool, kept: int
) -> None:
    spans = Spans()
    journal = Journal(SqliteStore(tmp_path), FanOut({"sink": sink, "spans": spans}), spans=spans)
    journal.restore()
    journal.observe(ended(1))
    await journal.stop()
    spans.settled = spans.handed
    assert spans.handed == 1
    await journal.close(spans_lost=lost)

    store = SqliteStore(tmp_path)
    assert len(store.load().unsent) == kept
    store.close()
