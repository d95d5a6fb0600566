"""The words in which scenarios are written: beats, what goes wrong during them, and how they end.

Data only. Durations are simulated seconds, drawn from ranges that look like real logins.
"""

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import NamedTuple

import msgspec

from exporter.simulator.prompts import Prompt


class Seconds(NamedTuple):
    """A range of simulated seconds."""

    low: float
    high: float

    def draw(self, rng: Random) -> float:
        """One duration out of the range."""
        return rng.uniform(self.low, self.high)


DISCOVERY = Seconds(2, 6)
HUMAN = Seconds(5, 40)
SUBMISSION = Seconds(2, 8)
PUSH = Seconds(5, 20)


class WireFault(StrEnum):
    """What can go wrong between the state of a flow and the bytes of its streams."""

    CUT = "cut"
    CUT_MID_EVENT = "cut_mid_event"
    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    DRIP = "drip"
    SILENCE = "silence"


class Wire(msgspec.Struct, frozen=True):
    """A fault of the wire; the flow itself goes on untouched."""

    fault: WireFault


class Forged(msgspec.Struct, frozen=True):
    """One event that is not true: the present state with some members replaced (None: left out).

    ``reason`` is the illegal-transition reason that a checker should give for it.
    ``age_seconds`` makes its timestamp so many seconds older than the last one.
    """

    members: Mapping[str, object]
    reason: str | None = None
    age_seconds: float = 0.0


class ShowError(msgspec.Struct, frozen=True):
    """The website shows one of these texts; the step stays the same."""

    texts: tuple[str, ...]


Incident = Wire | Forged | ShowError


class Visit(msgspec.Struct, frozen=True):
    """The flow is in ``step`` for a drawn time; ``during`` is spread evenly over it.

    ``entry`` is what is reported instead of the truth when the step is entered. ``illegal`` is the
    reason that a checker should give for the very move.
    """

    step: str
    seconds: Seconds
    prompt: Prompt | None = None
    message: str | None = None
    during: tuple[Incident, ...] = ()
    entry: Forged | None = None
    illegal: str | None = None


class Ask(msgspec.Struct, frozen=True):
    """Waits for a person's answer, then submits it; a wrong one is refused and asked for again.

    ``answers`` says which answers of the scripted person are right. Without a right one among them
    the website takes no answer at all. With ``step`` AWAITING_EXTERNAL_ACTION the prompt is the
    fallback for an action that nobody takes. ``during`` happens in the last SUBMITTING.
    """

    prompt: Prompt
    answers: tuple[bool, ...] = (True,)
    step: str = "AWAITING_INPUT"
    message: str | None = None
    seconds: Seconds = HUMAN
    working: Seconds = SUBMISSION
    during: tuple[Incident, ...] = ()


class Stuck(msgspec.Struct, frozen=True):
    """Waits for input past ``flow_expires_at``, until another login supersedes the flow."""

    prompt: Prompt
    seconds: Seconds


class End(msgspec.Struct, frozen=True):
    """The flow reaches a terminal ``status``; ``after`` is sent before the streams end."""

    status: str
    error_code: str | None = None
    error_messages: tuple[str, ...] = ()
    after: tuple[Incident, ...] = ()


Beat = Visit | Ask | Stuck | End


class Scenario(msgspec.Struct, frozen=True):
    """A flow as a script.

    Attributes:
        beats: what happens, in order; the last brings the outcome.
        flow_type: ``LOGIN`` or ``REAUTH``.
        expires_seconds: simulated seconds until ``flow_expires_at``, where it is not the usual.
        extra: members that every event of the flow carries on top.
        refusals: HTTP statuses that the first stream requests during the flow get.
        misbehaves: whether the API's promises are broken on purpose.
    """

    beats: tuple[Beat, ...]
    flow_type: str = "LOGIN"
    expires_seconds: float | None = None
    extra: Mapping[str, object] = {}
    refusals: tuple[int, ...] = ()
    misbehaves: bool = False
