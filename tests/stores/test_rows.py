"""What goes into the tables comes out of them again, whatever strings and numbers it is made of."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stores import rows
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import Batch, Contents, SavedConnection, Unsent
from tests.support.journals import MEMORY

# JSON may hold half a surrogate pair, and SQLite's strings might end at a NUL.
texts = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(["\ud83d", "a\0b", ""])
counts = st.integers(0, 2**63 - 1)

batches = st.builds(
    Batch,
    connections=st.dictionaries(texts, st.builds(SavedConnection, st.binary(), texts)),
    totals=st.dictionaries(st.lists(texts, max_size=5).map(tuple), counts),
    unsent=st.lists(
        st.builds(
            Unsent, st.integers(1, 2**63 - 1), st.sampled_from(["step", "flow"]), st.binary()
        ),
        unique_by=lambda row: row.number,
    ).map(lambda some: sorted(some, key=lambda row: row.number)),
    began_ns=st.none() | counts,
    listed_ns=st.none() | counts,
)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@given(batch=batches, forgotten=st.dictionaries(texts, counts))
def test_what_is_written_is_read(place: Path, batch: Batch, forgotten: dict[str, int]) -> None:
    with tempfile.TemporaryDirectory(dir=place) as name:
        store = SqliteStore(Path(name))
        store.commit(batch)
        store.commit(batch)  # a second time makes no difference
        store.commit(Batch(forgotten=forgotten))
        store.close()
        store = SqliteStore(Path(name))
        contents = store.load()
        store.close()

    kept = {who: saved for who, saved in batch.connections.items() if who not in forgotten}
    assert contents == Contents(
        connections=kept,
        forgotten=forgotten,
        totals=list(batch.totals.items()),
        unsent=batch.unsent,
        began_ns=batch.began_ns,
        listed_ns=batch.listed_ns,
    )


def test_totals_keep_the_order_in_which_they_first_came(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.commit(Batch(totals={("z",): 1, ("m",): 1}))
    store.commit(Batch(totals={("a",): 1, ("z",): 2}))
    assert store.load().totals == [(("z",), 2), (("m",), 1), (("a",), 1)]
    store.close()


def test_only_the_latest_of_the_forgotten_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_FORGOTTEN", 3)
    store = SqliteStore(tmp_path)
    store.commit(Batch(forgotten={f"ma_{n}": n for n in range(4)}))
    store.commit(Batch(forgotten={"ma_9": 9}))
    assert store.load().forgotten == {"ma_2": 2, "ma_3": 3, "ma_9": 9}
    store.close()
