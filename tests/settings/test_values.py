from exporter.settings import kinds
from exporter.settings.values import Secret


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("sk-1")
    assert "sk-1" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "sk-1"
    assert secret == Secret("sk-1")
    assert len({secret, Secret("sk-1"), Secret("sk-2")}) == 2


def test_an_address_is_written_as_it_is_read() -> None:
    for text in (":10464", "[::1]:80", "127.0.0.1:0"):
        assert str(kinds.LISTEN_ADDRESS.parse(text)) == text
