"""Whatever happens to the file while nobody uses it: what it held, or a refusal; nothing else."""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stores.sqlite import FILE_NAME, SqliteStore
from exporter.stores.store import Contents, StoreError
from tests.support.journals import FULL_BATCH, MEMORY


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@cache
def written(place: Path) -> tuple[bytes, Contents]:
    """The bytes of a journal, and what it holds."""
    store = SqliteStore(place / "sound")
    store.commit(FULL_BATCH)
    contents = store.load()
    store.close()
    return (place / "sound" / FILE_NAME).read_bytes(), contents


def found(place: Path, raw: bytes) -> Contents | None:
    """What a file with these bytes is taken to hold; None where it is refused."""
    path = place / "spoilt" / FILE_NAME
    path.parent.mkdir(exist_ok=True)
    for other in path.parent.iterdir():
        other.unlink()
    path.write_bytes(raw)
    try:
        store = SqliteStore(path.parent)
    except StoreError as error:
        told = str(error)
    else:
        try:
            return store.load()
        finally:
            store.close()
    assert told.isprintable()
    assert len(told) < 400
    return None


@given(data=st.data())
def test_a_flipped_byte_never_changes_what_is_read(place: Path, data: st.DataObject) -> None:
    raw, contents = written(place)
    at = data.draw(st.integers(0, len(raw) - 1) | st.integers(0, 200))
    flip = data.draw(st.integers(1, 255))
    spoilt = raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :]

    assert found(place, spoilt) in (None, contents)


@given(data=st.data())
def test_a_page_of_garbage_never_changes_what_is_read(place: Path, data: st.DataObject) -> None:
    raw, contents = written(place)
    at = data.draw(st.integers(0, len(raw) - 1))
    garbage = data.draw(st.binary(min_size=1, max_size=200) | st.just(bytes(4096)))
    spoilt = (raw[:at] + garbage + raw[at + len(garbage) :])[: len(raw)]

    assert found(place, spoilt) in (None, contents)


@given(data=st.data())
def test_a_file_that_was_cut_is_refused(place: Path, data: st.DataObject) -> None:
    raw, _ = written(place)
    length = data.draw(st.integers(1, len(raw) - 1) | st.integers(1, 600))

    assert found(place, raw[:length]) is None
