"""The parts that depend on what a user has set: a mistake is one line that names the mend."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.core.flow import FlowTracker
from exporter.core.observations import JournalWritten, TotalsRestored
from exporter.errors import UserError
from exporter.parts import NS, api_of, key_of, store_of, take_up, traces_of_environment
from exporter.settings import Command, JournalSettings, KernelSettings, Settings, load
from exporter.stores.journal import Journal
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import Batch, SavedConnection, Store, StoreError
from exporter.upstream.budget import Budget
from exporter.upstream.health import SourceHealth
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.key import ApiKey
from exporter.upstream.roster import NEWCOMER_NS, Roster
from tests.support.journals import Wrapped
from tests.upstream.recorder import Recorder

NOW_NS = 1_750_000_000 * NS
KEY = {"KERNEL_API_KEY": "sk_very_private"}


def settings(*, env: dict[str, str] | None = None, **flags: str) -> Settings:
    given: dict[str, tuple[str, ...]] = {
        f"--{flag.replace('__', '.').replace('_', '-')}": (x,) for flag, x in flags.items()
    }
    return load(Command.RUN, given, KEY if env is None else env)


def kernel(env: dict[str, str] | None = None, **flags: str) -> KernelSettings:
    return settings(env=env, **flags).kernel


def journal_settings(data_dir: Path, **flags: str) -> JournalSettings:
    return settings(env=KEY, data_dir=str(data_dir), **flags).journal


def api(of: KernelSettings) -> KernelApi:
    return api_of(of, ApiKey("sk"), Recorder(), health=SourceHealth(), budget=Budget())


@pytest.fixture
def roster() -> Roster:
    sink = Recorder()
    return Roster(api(kernel()), sink, classify=lambda _: "other")


@asynccontextmanager
async def journal_in(directory: Path) -> AsyncIterator[tuple[Journal, Recorder]]:
    store = store_of(directory)
    assert store
    async with journal_with(store) as both:
        yield both


@asynccontextmanager
async def journal_with(store: Store) -> AsyncIterator[tuple[Journal, Recorder]]:
    sink = Recorder()
    journal = Journal(store, sink, unix_ns=lambda: NOW_NS)
    try:
        yield journal, sink
    finally:
        await journal.stop()
        await journal.close()


def wrote(directory: Path, batch: Batch) -> None:
    """An earlier process with the same journal."""
    store = SqliteStore(directory)
    store.commit(batch)
    store.close()


def saved(connection_id: str) -> SavedConnection:
    return SavedConnection(FlowTracker(connection_id, classify=lambda _: "other").save())


# The key and the way to Kernel.


def test_the_key_is_taken_from_the_environment_and_from_a_file_before_it(tmp_path: Path) -> None:
    assert key_of(kernel())() == "sk_very_private"
    file = tmp_path / "key"
    file.write_text("sk_of_the_file\n", "utf-8")
    assert key_of(kernel(kernel__api_key_file=str(file)))() == "sk_of_the_file"


def test_a_key_that_cannot_be_sent_is_refused_without_being_shown() -> None:
    with pytest.raises(UserError) as raised:
        key_of(kernel({"KERNEL_API_KEY": "sk very private"}))
    assert "sk very private" not in str(raised.value)


def test_a_base_url_that_would_send_the_key_in_clear_is_refused() -> None:
    with pytest.raises(UserError, match=r"^--kernel.base-url: "):
        api(kernel(kernel__base_url="http://api.example"))


def test_certificates_that_cannot_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(UserError, match="SSL_CERT_FILE"):
        api(kernel())


@pytest.fixture
def without_otel(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    return monkeypatch


def test_traces_are_off_until_the_environment_says_to_where_they_go(
    without_otel: pytest.MonkeyPatch,
) -> None:
    assert traces_of_environment() is None
    without_otel.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")
    with pytest.raises(UserError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        traces_of_environment()


# The journal.


def test_without_a_directory_there_is_no_store() -> None:
    assert store_of(None) is None


def test_a_directory_that_cannot_be_used_is_named_with_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^--data-dir: .*file"):
        store_of(tmp_path / "file")


def test_memory_only_counts_from_now_or_as_far_back_as_was_asked(
    roster: Roster, tmp_path: Path
) -> None:
    take_up(None, roster, settings().journal, NOW_NS)
    assert roster.since_ns == NOW_NS
    take_up(None, roster, journal_settings(tmp_path, since="24h"), NOW_NS)
    assert roster.since_ns == NOW_NS - 24 * 3600 * NS


async def test_the_first_start_counts_from_then_on_or_as_far_back_as_was_asked(
    roster: Roster, tmp_path: Path
) -> None:
    async with journal_in(tmp_path) as (journal, sink):
        take_up(journal, roster, journal_settings(tmp_path), NOW_NS)
        assert roster.since_ns == NOW_NS
        assert sink.observations == [TotalsRestored(()), JournalWritten(ok=True, at_ns=NOW_NS)]


async def test_a_second_start_before_any_complete_list_counts_from_the_first(
    roster: Roster, tmp_path: Path
) -> None:
    async with journal_in(tmp_path) as (journal, _):
        take_up(journal, roster, journal_settings(tmp_path), NOW_NS)
    async with journal_in(tmp_path) as (journal, _):
        later_ns = NOW_NS + 3600 * NS
        take_up(journal, roster, journal_settings(tmp_path, since="1h"), later_ns)
    assert roster.since_ns == NOW_NS - 3600 * NS


async def test_a_later_start_counts_from_the_last_complete_list_whatever_since_says(
    roster: Roster, tmp_path: Path
) -> None:
    listed_ns = NOW_NS - 900 * NS
    wrote(tmp_path, Batch(began_ns=NOW_NS - 9000 * NS, listed_ns=listed_ns))
    async with journal_in(tmp_path) as (journal, _):
        take_up(journal, roster, journal_settings(tmp_path, since="24h"), NOW_NS)
    assert roster.since_ns == listed_ns - NEWCOMER_NS


async def test_a_list_soon_after_the_first_start_reaches_no_further_back_than_that(
    roster: Roster, tmp_path: Path
) -> None:
    began_ns = NOW_NS - 60 * NS
    wrote(tmp_path, Batch(began_ns=began_ns, listed_ns=NOW_NS - 50 * NS))
    async with journal_in(tmp_path) as (journal, _):
        take_up(journal, roster, journal_settings(tmp_path), NOW_NS)
    assert roster.since_ns == began_ns


async def test_what_an_earlier_process_knew_and_counted_is_taken_up(
    roster: Roster, tmp_path: Path
) -> None:
    key = ("started", "LOGIN", "discovering", "shop.example")
    wrote(
        tmp_path,
        Batch(connections={"c1": saved("c1")}, forgotten={"c2": NOW_NS - 5}, totals={key: 7}),
    )
    async with journal_in(tmp_path) as (journal, sink):
        take_up(journal, roster, journal_settings(tmp_path), NOW_NS)
    assert roster.tracked("c1") is not None
    assert sink.of(TotalsRestored) == [TotalsRestored(((key, 7),))]
    roster.admit("c2")
    assert roster._entries["c2"].door.tracker._state.history.since_ns == NOW_NS - 5


async def test_a_journal_whose_connections_cannot_be_read_is_damaged(
    roster: Roster, tmp_path: Path
) -> None:
    bad = {"c1": SavedConnection(b"{}"), "c2": SavedConnection(b"nonsense"), "c3": saved("c3")}
    wrote(tmp_path, Batch(connections=bad))
    async with journal_in(tmp_path) as (journal, _):
        with pytest.raises(UserError, match=r"damaged: 2 connections .*; move it away") as raised:
            take_up(journal, roster, journal_settings(tmp_path), NOW_NS)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_journal_that_is_damaged_on_disk_is_refused(tmp_path: Path) -> None:
    wrote(tmp_path, Batch(connections={"c1": saved("c1")}))
    for file in tmp_path.glob("*.sqlite*"):
        file.write_bytes(b"\xff" * 8192)
    with pytest.raises(UserError, match=r"^--data-dir: "):
        store_of(tmp_path)


async def test_a_journal_that_cannot_be_written_at_the_first_start_is_refused(
    roster: Roster, tmp_path: Path
) -> None:
    def full() -> None:
        raise StoreError("the disk is full")

    store = Wrapped(SqliteStore(tmp_path))
    store.before = full
    async with journal_with(store) as (journal, _):
        with pytest.raises(UserError, match=r"^--data-dir: the disk is full$"):
            take_up(journal, roster, journal_settings(tmp_path), NOW_NS)
        store.before = lambda: None
