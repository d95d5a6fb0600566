import os
from pathlib import Path

import pytest

from exporter.upstream.key import MAX_KEY_BYTES, ApiKey, ApiKeyFile


def test_key_is_stripped_and_never_shown() -> None:
    key = ApiKey(" sk_secret\n")
    assert key() == "sk_secret"
    assert "secret" not in f"{key!r} {key} {[key]}"


@pytest.mark.parametrize("bad", ["", " \n", "sk_secret\nsk_other", "sk secret", "schlüssel"])
def test_key_that_cannot_be_sent_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(ValueError, match="KERNEL_API_KEY") as caught:
        ApiKey(bad)
    assert "secret" not in str(caught.value)


def replace(path: Path, content: str) -> None:
    """Replace a file as secret managers do: a new file, moved into place."""
    new = path.with_suffix(".new")
    new.write_text(content)
    os.replace(new, path)  # noqa: PTH105 - the call that is meant


def test_new_key_in_the_file_is_picked_up(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk_first\n")
    key = ApiKeyFile(path)
    assert key() == "sk_first"
    replace(path, "sk_second\n")
    assert key() == "sk_second"
    path.write_text("sk_third_in_place\n")
    assert key() == "sk_third_in_place"
    assert "sk_" not in repr(key)


def test_last_good_key_stays_while_the_file_is_gone_or_empty(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk_first")
    key = ApiKeyFile(path)
    path.unlink()
    assert key() == "sk_first"
    path.write_text("")
    assert key() == "sk_first"
    path.write_text("sk_second")
    assert key() == "sk_second"


def test_missing_file_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ApiKeyFile(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"k" * (MAX_KEY_BYTES + 1)])
def test_file_without_a_usable_key_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=str(path)):
        ApiKeyFile(path)
