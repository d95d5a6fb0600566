"""Free text from strangers' web pages -> text that is safe to keep, nothing personal or secret.

A list of what is replaced, in order, as one pattern each. Every quantifier in them is bounded or
runs over a class that cannot match what follows it, so the time stays linear in the length of the
text. Applying it twice changes nothing.
"""

import re
import unicodedata
from typing import Final

MAX_LENGTH: Final = 200
"""Longest redacted text, in characters: an error line of a website, not a page of it."""

_MAX_INPUT: Final = 4096

_Rules = tuple[tuple[re.Pattern[str], str], ...]

_TAG: Final = r"\[(?:url|email|secret|token|number)\]"


def _rules(*rules: tuple[str, str]) -> _Rules:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in rules)


_ADDRESSES: Final = _rules(
    # URLs whole: their paths and queries carry tokens.
    (r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s<>\"']{1,4096}", "[url]"),
    (r"(?i)\bwww\.[^\s<>\"']{1,4096}", "[url]"),
    # E-mail addresses, also quoted, percent-encoded or with (at).
    (
        (
            r"(?i)(?:\"[^\"\s]{1,64}\"|[^\s@<>()\[\]\"',;:]{1,64})\s?(?:@|%40|\(at\)|\[at\])\s?"
            r"[^\s@<>()\[\]\"',;]{1,255}"
        ),
        "[email]",
    ),
)
_SECRETS: Final = _rules(
    (rf"(?i)\b(bearer|basic)\s(?!{_TAG})[^\s,;]{{4,4096}}", r"\1 [secret]"),
    # key=value, key: value, key "value" and key v4lue, where the key says that it is secret.
    (
        (
            r"(?i)\b(password|passwd|pwd|passcode|pin|otp|token|secret|session|sid|cookie"
            rf"|api[_-]?key|authorization)(\s?[=:]\s?|\s(?=[\"']|[^\s,;\d]{{1,64}}\d))(?!{_TAG}|bearer\s|basic\s)"
            r"[^\s,;]{1,4096}"
        ),
        r"\1\2[secret]",
    ),
    # Tokens: JWTs, runs of token characters that mix letters and digits, and very long words.
    (r"(?<![\w.-])[\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]{8,4096}", "[token]"),
    (r"(?i)(?<![\w+/=-])(?=[a-z+/=_-]{0,64}\d)[\w+/=-]{20,4096}", "[token]"),
    (r"(?<![A-Za-z])[A-Za-z]{40,4096}", "[token]"),
    # Phone and card numbers, codes, masked ones too: four digits or more, however they are set.
    (r"[+(]?(?:\d|[*\u2022x](?=[*\u2022x\d. ()-]))(?:[ .()/-]{0,2}[\d*\u2022]){3,64}", "[number]"),
    # Codes in groups: G7K-9QX.
    (r"(?<![\w-])(?=[A-Z-]{0,12}\d)[A-Z0-9]{3,5}(?:-[A-Z0-9]{3,5}){1,8}(?![\w-])", "[token]"),
)
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\s]+")


def redact(text: str) -> str:
    """The text without addresses, numbers, URLs and tokens, on one line, at most 200 characters."""
    return _applied(_ADDRESSES + _SECRETS, text)


def redact_addresses(text: str) -> str:
    """The text without e-mail addresses and URLs, on one line, at most 200 characters."""
    return _applied(_ADDRESSES, text)


def _applied(rules: _Rules, text: str) -> str:
    # Compatibility forms and invisible characters would hide an @ or split a number.
    plain = unicodedata.normalize("NFKC", text[:_MAX_INPUT])
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    safe = _BREAKS.sub(" ", plain).strip()
    for pattern, replacement in rules:
        safe = pattern.sub(replacement, safe)
    return safe if len(safe) <= MAX_LENGTH else safe[: MAX_LENGTH - 1] + "\u2026"
