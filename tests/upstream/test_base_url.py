import pytest

from exporter.upstream.base_url import DEFAULT_BASE_URL, checked_base_url


@pytest.mark.parametrize(
    "url",
    [
        DEFAULT_BASE_URL,
        "https://proxy.example.com/kernel/",
        "http://127.0.0.1:8000",
        "http://127.8.9.1",
        "http://[::1]:8000",
        "http://localhost:8000",
        "http://kernel.localhost",
    ],
)
def test_encrypted_or_local_base_url_is_accepted(url: str) -> None:
    assert str(checked_base_url(url)) == url


@pytest.mark.parametrize(
    ("url", "mend"),
    [
        ("", "has to look like https://"),
        ("api.onkernel.com", "has to look like https://"),
        ("ftp://api.onkernel.com", "has to look like https://"),
        ("https://", "has to look like https://"),
        ("https://host:port", "has to look like https://"),
        ("https://user:secret@api.onkernel.com", "must not carry a user"),
        ("https://api.onkernel.com?a=secret", "must not carry"),
        ("https://api.onkernel.com#secret", "must not carry"),
        ("http://api.onkernel.com", "--kernel.allow-insecure"),
        ("http://127.0.0.1.example.com", "--kernel.allow-insecure"),
        ("http://10.0.0.1", "--kernel.allow-insecure"),
    ],
)
def test_other_base_url_is_refused_with_the_mend(url: str, mend: str) -> None:
    with pytest.raises(ValueError, match=mend) as caught:
        checked_base_url(url)
    assert "secret" not in str(caught.value)


def test_unencrypted_base_url_is_accepted_where_it_is_allowed() -> None:
    assert checked_base_url("http://10.0.0.1", allow_insecure=True).host == "10.0.0.1"
