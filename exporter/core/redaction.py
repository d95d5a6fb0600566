"""Free text from strangers' web pages -> text that is safe to keep, nothing personal or secret.

A list of what is replaced, in order, as one pattern each. Every quantifier in them is bounded or
runs over a class that cannot match what follows it, so the time stays linear in the length of the
text. Applying it twice changes nothing.
"""

import re
from typing import Final

MAX_LENGTH: Final = 200
"""Longest redacted text, in characters: an error line of a website, not a page of it."""

_MAX_INPUT: Final = 4096

_RULES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # URLs whole: their paths and queries carry tokens.
        (r"\b[a-z][a-z0-9+.-]{1,20}://[^\s<>\"']{1,4096}", "[url]"),
        (r"\bwww\.[^\s<>\"']{1,4096}", "[url]"),
        # E-mail addresses, also with (at) or a masked local part.
        (
            r"[^\s@<>()\[\]\"',;:]{1,64}\s?(?:@|\(at\)|\[at\])\s?[^\s@<>()\[\]\"',;]{1,255}",
            "[email]",
        ),
        # key=value and key: value, where the key says that the value is secret.
        (
            (
                r"\b(password|passwd|pwd|passcode|pin|otp|token|secret|session|sid|cookie"
                r"|api[_-]?key|authorization|bearer)(\s?[=:]\s?)(?!\[)[^\s,;]{1,4096}"
            ),
            r"\1\2[secret]",
        ),
        # Tokens: JWTs and other runs of token characters that mix letters and digits.
        (r"(?<![\w.-])[\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]{8,4096}", "[token]"),
        (r"(?<![\w+/=-])(?=[a-z+/=_-]{0,64}\d)[\w+/=-]{20,4096}", "[token]"),
        # Phone and card numbers, codes, masked ones too: four digits or more, however they are set.
        (
            r"[+(]?(?:\d|[*\u2022x](?=[*\u2022x\d. ()-]))(?:[ .()/-]{0,2}[\d*\u2022]){3,64}",
            "[number]",
        ),
    )
)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\s]+")


def redact(text: str) -> str:
    """The text without addresses, numbers, URLs and tokens, on one line, at most 200 characters."""
    safe = _CONTROLS.sub(" ", text[:_MAX_INPUT]).strip()
    for pattern, replacement in _RULES:
        safe = pattern.sub(replacement, safe)
    return safe if len(safe) <= MAX_LENGTH else safe[: MAX_LENGTH - 1] + "\u2026"
