"""Free text from a website -> one of a few categories, by rules that are data.

A rule is a category and phrases; the first rule with a phrase that the text contains wins. A phrase
matches regardless of case, accents and spacing; ``*`` in it stands for any text within a sentence,
so that ``wrong * code`` finds "wrong security code". There are no
regular expressions in it, so neither a website nor a rule can make matching slow.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

from exporter.core.vocabulary import OTHER

CATEGORIES: Final = (
    "wrong_credentials",
    "wrong_code",
    "unknown_account",
    "account_locked",
    "rate_limited",
    "captcha",
    "session_expired",
    "site_unavailable",
    "unsupported_method",
    OTHER,
)
"""All there are: an error that no rule knows is ``other``."""


_SENTENCE_ENDS: Final = re.compile(r"[.!?;\u3002](?=\s)|[()\n]")
"""A phrase with ``*`` in it must not reach from one sentence into the next."""


class Rule(NamedTuple):
    """Phrases that put an error in a category."""

    category: str
    phrases: tuple[str, ...]


class Classifier:
    """Puts website errors into categories by an ordered list of rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        for rule in rules:
            if rule.category not in CATEGORIES:
                known = ", ".join(CATEGORIES)
                raise ValueError(f"unknown category {rule.category!r}; the categories are {known}")
        self._rules: Final = tuple(
            (rule.category, tuple(_parts(phrase) for phrase in rule.phrases)) for rule in rules
        )

    def __call__(self, text: str) -> str:
        """The category of a website's error text; always one of ``CATEGORIES``."""
        sentences = [fold(sentence) for sentence in _SENTENCE_ENDS.split(text)]
        for category, phrases in self._rules:
            for sentence in sentences:
                if any(_contains(sentence, phrase) for phrase in phrases):
                    return category
        return OTHER


def fold(text: str) -> str:
    """The text without case, accents, typographic quotes and runs of space."""
    # Caseless by the Unicode Standard, section 3.13, D146: decompose, fold, and both once more.
    decomposed = text.replace("\u2019", "'")
    for _ in range(2):
        decomposed = unicodedata.normalize("NFKD", decomposed).casefold()
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def _parts(phrase: str) -> tuple[str, ...]:
    return tuple(part for part in (fold(part) for part in phrase.split("*")) if part)


def _contains(text: str, parts: tuple[str, ...]) -> bool:
    position = 0
    for part in parts:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return bool(parts)
