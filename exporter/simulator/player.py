"""Plays a scenario: lets a flow go through its beats, with a scripted person or a real client."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

from exporter.simulator.clock import Clock
from exporter.simulator.flow import Flow
from exporter.simulator.prompts import Submission
from exporter.simulator.scenarios import GIVE_UP
from exporter.simulator.script import (
    Ask,
    Beat,
    End,
    Forged,
    Incident,
    Seconds,
    ShowError,
    Stuck,
    Visit,
    Wire,
)

MAX_TRIES = 3
INPUT_LIMIT_SECONDS = 600.0
"""Kernel's limit for a person's input: 10 minutes. Real time where a real client is asked."""
REPEAT_CHANCE = 0.25
"""How often a state is reported a second time while a person thinks."""

_EXPIRED = End("EXPIRED")


class Player:
    """One flow on its way through its scenario.

    Its first visit of a step does not go on before a stream is open, or ``patience_seconds`` of
    real time have passed.
    """

    def __init__(
        self,
        flow: Flow,
        clock: Clock,
        log_in_again: Callable[[], None],
        patience_seconds: float = 0.0,
    ) -> None:
        self.flow = flow
        self._clock = clock
        self._log_in_again = log_in_again
        self._patience_seconds = patience_seconds
        self._answers: asyncio.Queue[Submission] = asyncio.Queue()

    def submit(self, answer: Submission) -> None:
        """A client's answer to what the flow asks for."""
        self._answers.put_nowait(answer)

    async def play(self) -> None:
        """From the first beat to the outcome."""
        for beat in self.flow.scenario.beats:
            end = await self._perform(beat)
            if end is not None:
                self._end(end)
                return

    async def _perform(self, beat: Beat) -> End | None:
        match beat:
            case Visit():
                await self._visit(beat)
                return None
            case Ask():
                return await self._ask(beat)
            case Stuck():
                return await self._be_stuck(beat)
            case End():
                return beat
            case _:
                assert_never(beat)

    async def _visit(self, beat: Visit) -> None:
        if beat.illegal is not None:
            self.flow.record.illegal.append(beat.illegal)
        self.flow.enter(beat.step, prompt=beat.prompt, message=beat.message, entry=beat.entry)
        await self._be_watched()
        await self._spend(beat.seconds, beat.during)

    async def _be_watched(self) -> None:
        patience_seconds, self._patience_seconds = self._patience_seconds, 0.0
        if patience_seconds:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_seconds):
                    await self.flow.connection.hub.watched()

    async def _ask(self, beat: Ask) -> End | None:
        flow, refusal = self.flow, None
        for attempt in range(MAX_TRIES):
            flow.enter(beat.step, prompt=beat.prompt, message=beat.message, website_error=refusal)
            right = await self._answer(beat, attempt)
            if right is None:
                return _EXPIRED
            flow.enter("SUBMITTING")
            await self._spend(beat.working, beat.during if right else ())
            if right:
                return None
            refusal = flow.rng.choice(beat.prompt.refusals)
        flow.repeat(website_error=refusal)
        return GIVE_UP

    async def _answer(self, beat: Ask, attempt: int) -> bool | None:
        """Whether the answer was right; None where none came in time."""
        if self.flow.scripted:
            thinking = beat.seconds.draw(self.flow.rng) / 2
            await self._clock.sleep(thinking)
            if self.flow.rng.random() < REPEAT_CHANCE:
                self.flow.repeat()
            await self._clock.sleep(thinking)
            return beat.answers[min(attempt, len(beat.answers) - 1)]
        self._answers = asyncio.Queue()  # what came before the question is no answer to it
        try:
            async with asyncio.timeout(INPUT_LIMIT_SECONDS):
                answer = await self._answers.get()
        except TimeoutError:
            return None
        return any(beat.answers) and beat.prompt.accepts(answer)

    async def _be_stuck(self, beat: Stuck) -> End | None:
        self.flow.enter("AWAITING_INPUT", prompt=beat.prompt)
        if self.flow.scripted:
            await self._spend(beat.seconds, ())
            self._log_in_again()
            return None
        await self._clock.sleep_real(INPUT_LIMIT_SECONDS)
        return _EXPIRED

    async def _spend(self, seconds: Seconds, during: tuple[Incident, ...]) -> None:
        """Lets the drawn time pass, with the incidents spread evenly over it."""
        part = seconds.draw(self.flow.rng) / (len(during) + 1)
        await self._clock.sleep(part)
        for incident in during:
            self._happen(incident)
            await self._clock.sleep(part)

    def _happen(self, incident: Incident) -> None:
        match incident:
            case Wire():
                self.flow.connection.hub.fault(incident.fault)
            case Forged():
                self.flow.forge(incident)
            case ShowError():
                self.flow.repeat(website_error=self.flow.rng.choice(incident.texts))
            case _:
                assert_never(incident)

    def _end(self, end: End) -> None:
        messages = end.error_messages
        message = self.flow.rng.choice(messages) if messages else None
        self.flow.end(end.status, end.error_code, message)
        for incident in end.after:
            self._happen(incident)
        self.flow.connection.hub.end()
