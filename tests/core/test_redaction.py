"""Nothing personal or secret passes; what an operator needs to read does."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.redaction import MAX_LENGTH, redact


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Incorrect password for jane.doe+x@example.com", "Incorrect password for [email]"),
        ("jane (at) example.com is unknown", "[email] is unknown"),
        ("The code 123456 is wrong", "The code [number] is wrong"),
        ("Call +49 170 123 45 67", "Call [number]"),
        ("Call 555-123-4567.", "Call [number]."),
        ("Card 4111 1111 1111 1111 declined", "Card [number] declined"),
        ("Sent to ***-***-5678", "Sent to [number]"),
        ("Sent to \u2022\u2022\u2022\u2022 1234", "Sent to [number]"),
        ("See https://x.example/reset?token=abc#f now", "See [url] now"),
        ("See www.x.example/reset?token=abc", "See [url]"),
        (
            "Session eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN expired",
            "Session [secret] expired",
        ),
        ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc", "key [token]"),
        ("password: hunter2, try again", "password: [secret], try again"),
        ("sid=abc; ok", "sid=[secret]; ok"),
        ("Authorization: Bearer abcDEFtoken", "Authorization: Bearer [secret]"),
        ('"john.doe"@example.com is unknown', "[email] is unknown"),
        ("john.doe%40example.com", "[email]"),
        ("john.doe\uff20example.com", "[email]"),
        ("password: [hunter2secret]", "password: [secret]"),
        ('token "abcDEFtokenvalue" bad', "token [secret] bad"),
        ("password hunter2secret is wrong", "password [secret] is wrong"),
        ("12\u200b34\u200b56", "[number]"),
        ("use " + "abcdefgh" * 5, "use [token]"),
        ("The code G7K-9QX is wrong", "The code [token] is wrong"),
    ],
)
def test_what_is_personal_or_secret_is_replaced(text: str, safe: str) -> None:
    assert redact(text) == safe


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect password",
        "Too many attempts, try again in 15 minutes",
        "Error 403",
        "Le mot de passe est incorrect",
        "The password is incorrect",
        "The password must have 8 characters",
        "Please sign in with single-sign-on",
        "Rechtsschutzversicherungsgesellschaften",
    ],
)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert redact(text) == text


def test_it_is_one_line_without_control_characters() -> None:
    assert redact("a\r\nb\x00\x1b[31m\u2028c\ud800") == "a b [31m c"


@given(st.text(max_size=6000))
def test_it_is_always_short_and_printable_utf_8(text: str) -> None:
    safe = redact(text)
    assert len(safe) <= MAX_LENGTH
    safe.encode()
    assert not set(safe) & {chr(c) for c in range(32)}


digits_and_marks = st.text(st.sampled_from("0123456789+-. ()@ab*"), max_size=300)


@given(st.text(max_size=400) | digits_and_marks)
def test_applying_it_twice_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.text(max_size=50), st.integers(10_000, 10**16), st.text(max_size=50))
def test_no_long_number_ever_passes(before: str, number: int, after: str) -> None:
    assert str(number) not in redact(f"{before} {number} {after}")


HARD = [
    "a",
    "A-",
    "A1-",
    '"a',
    "a%40",
    "bearer ",
    "pin:",
    "\u200b",
    "\ufdfa",
    "1 ",
    "a@",
    "a.",
    "-",
    "a-",
    "(",
    "+",
    "*",
    "a1",
    "aaaaaaaaa.",
    "token ",
    "x*",
    "www.",
]


@pytest.mark.parametrize("unit", HARD)
def test_no_text_makes_it_slow(unit: str) -> None:
    text = (unit * 4096)[:4096]
    started = time.process_time()
    redact(text)
    # Quadratic time would be above a second; what is measured is below 20 ms.
    assert time.process_time() - started < 0.3
