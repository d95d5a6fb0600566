"""Finished steps and flows, kept until their spans were exported or dropped."""

import json
from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from exporter.core.observations import FlowEnded, Observation, StepFinished
from exporter.stores.store import Unsent

STEP: Final = "step"
FLOW: Final = "flow"

Fact = StepFinished | FlowEnded

# JSON, because trace ids have 128 bits and MessagePack's integers at most 64.
_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final[
    dict[str, msgspec.json.Decoder[StepFinished] | msgspec.json.Decoder[FlowEnded]]
] = {
    STEP: msgspec.json.Decoder(StepFinished),
    FLOW: msgspec.json.Decoder(FlowEnded),
}


class SpanAccount(Protocol):
    """A sink that makes spans and tells how far it is with them.

    ``handed`` counts the spans that it has put into its queue, ``settled`` those of them, in the
    same order, that were exported or dropped since.
    """

    @property
    def handed(self) -> int:
        """Spans put into the queue so far."""

    @property
    def settled(self) -> int:
        """Spans of the queue that were exported or dropped so far, the oldest first."""

    def observe(self, observation: Observation, /) -> None:
        """Make a span of what is one."""


class SpanProgress:
    """Up to which number the spans of facts are settled."""

    def __init__(self, spans: SpanAccount | None) -> None:
        self._spans: Final = spans
        self._handed: Final[deque[tuple[int, int]]] = deque()
        self._up_to = 0

    def handed(self, number: int) -> None:
        """The fact with this number has just been given to the sink."""
        if self._spans is not None:
            self._handed.append((number, self._spans.handed))

    def settled_up_to(self) -> int:
        """The highest number whose span, and all before it, will not be needed again.

        A flow that is not sampled has no span: it settles with what came before it.
        """
        if self._spans is not None:
            settled = self._spans.settled
            while self._handed and self._handed[0][1] <= settled:
                self._up_to = self._handed.popleft()[0]
        return self._up_to


def fact_row(number: int, fact: Fact) -> Unsent:
    """A fact as it is kept; half a surrogate pair in its texts is replaced."""
    kind = STEP if isinstance(fact, StepFinished) else FLOW
    try:
        return Unsent(number, kind, _ENCODER.encode(fact))
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(fact), ensure_ascii=False)
        return Unsent(number, kind, text.encode(errors="replace"))


def facts(rows: Iterable[Unsent]) -> list[tuple[int, Fact]]:
    """The facts that were kept, by number; without those that a former version told otherwise."""
    found: list[tuple[int, Fact]] = []
    for row in rows:
        decoder = _DECODERS.get(row.kind)
        try:
            if decoder is not None:
                found.append((row.number, decoder.decode(row.fact)))
        except msgspec.DecodeError:
            continue
    return found
