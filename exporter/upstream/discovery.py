"""Finds the connections that have a flow running: polls the list, or looks at given ones."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from enum import StrEnum
from typing import Final, assert_never

import msgspec
import structlog

from exporter.core.events import Listing
from exporter.core.observations import ConnectionListed, Sink, StreamEndReason
from exporter.core.vocabulary import WORKING_STEPS
from exporter.upstream.backoff import Backoff
from exporter.upstream.budget import paced_seconds
from exporter.upstream.chosen import Chosen
from exporter.upstream.clock import SYSTEM_CLOCK, Clock
from exporter.upstream.decisions import (
    MISSES,
    Decision,
    Feed,
    Follow,
    Ignore,
    Known,
    Settle,
    Unfollow,
    compare,
    decide,
)
from exporter.upstream.ends import REFUSED_SECONDS
from exporter.upstream.health import SourceHealth
from exporter.upstream.kernel_api import MAX_LISTED, KernelApi
from exporter.upstream.responses import ApiError
from exporter.upstream.roster import Roster
from exporter.upstream.timeline import Timeline

POLL_INTERVAL_SECONDS: Final = 15.0
KEY_LOOK_SECONDS: Final = 1.0
"""How often to look whether a refused key has been replaced: whoever did that is watching."""
JITTER: Final = 0.1
"""Polls come up to a tenth earlier or later, so that many exporters do not poll in step."""

_DISCOVERING: Final = WORKING_STEPS[0]

_log = structlog.get_logger()


class FollowNow(StrEnum):
    """What came of the wish to follow a connection at once."""

    FOLLOWING = "following"
    NOT_FOUND = "not_found"
    NO_ROOM = "no_room"
    UNAVAILABLE = "unavailable"


class Discovery:
    """Polls, lets what it sees into the roster, and has streams opened and closed.

    With ``connection_ids`` it looks at these and no others; else it lists, optionally only the
    connections of one domain or profile.
    """

    def __init__(  # noqa: PLR0913 - options of the command line, each with a default
        self,
        api: KernelApi,
        roster: Roster,
        sink: Sink,
        *,
        health: SourceHealth,
        timeline: Timeline | None = None,
        clock: Clock = SYSTEM_CLOCK,
        connection_ids: Sequence[str] = (),
        domain: str | None = None,
        profile_name: str | None = None,
        poll_interval_seconds: float = POLL_INTERVAL_SECONDS,
    ) -> None:
        self._api = api
        self._roster = roster
        self._sink = sink
        self._health = health
        self._timeline = timeline
        self._clock = clock
        self._settling: dict[str, asyncio.Task[None]] = {}
        self._chosen = Chosen(api, connection_ids) if connection_ids else None
        self._filters = (domain, profile_name)
        self._interval = poll_interval_seconds
        self._backoff = Backoff(clock.random)
        self._known: dict[str, Known] = {}
        self._took_up = False
        self._requests = 1
        self._failing = self._refused = self._full = False
        self._deadlines_checked = clock.monotonic()

    @property
    def paced_interval_seconds(self) -> float:
        """The time from poll to poll that is to be expected, given the rate limit."""
        allowed = self._api.budget.requests_per_minute
        return paced_seconds(self._interval, requests=self._requests, allowed=allowed)

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            await self._rest(await self.poll())

    async def poll(self) -> float:
        """Look once; returns the seconds until the next look. A failure keeps everything as it was.

        What was seen before a failure counts: a page that came is as good as ever.
        """
        began = self._clock.monotonic()
        try:
            await self._look()
        except ApiError as error:
            delay = self._failed(str(error), error)
        except Exception as bug:  # noqa: BLE001 - polling is never silently given up
            delay = self._failed(f"internal error: {type(bug).__name__}")
        else:
            delay = self._succeeded(self._clock.monotonic() - began)
        self._check_deadlines()
        return delay

    async def _rest(self, seconds: float) -> None:
        """Sleep until the next look; a key that was refused and then replaced is tried at once."""
        if not self._refused:
            await self._clock.sleep(seconds)
            return
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0 and not self._api.has_new_key():
            await self._clock.sleep(min(left, KEY_LOOK_SECONDS))

    async def follow_now(self, connection_id: str) -> FollowNow:
        """Open a connection's stream at once, for whoever has just called ``login``."""
        known = self._known.get(connection_id)
        if known is None and self._roster.tracked(connection_id) is None:
            try:
                listing = await self._api.retrieve(connection_id)
            except ApiError as error:
                gone = error.reason is StreamEndReason.HTTP_404
                return FollowNow.NOT_FOUND if gone else FollowNow.UNAVAILABLE
            known = Known(listing.domain, listing.profile_name)
            # A stream shows a flow that is still at its first step whole: better than a listing.
            if listing.flow_step != _DISCOVERING and self._admit(listing):
                self._roster.apply(connection_id, listing, self._clock.unix_ns())
        domain, profile_name = (known.domain, known.profile_name) if known else ("", "")
        if self._roster.follow(connection_id, domain=domain, profile_name=profile_name):
            return FollowNow.FOLLOWING
        return FollowNow.NO_ROOM

    async def _look(self) -> None:
        self._take_up()
        seen: dict[str, Known] = {}
        pages, began_ns = 0, self._clock.unix_ns()
        chosen = self._chosen
        looks = chosen.pages() if chosen else self._api.list_connections(*self._filters)
        async with aclosing(looks):
            async for page in looks:
                pages += 1
                self._requests = max(self._requests, pages)
                for listing in page:
                    if self._has_room_for(listing.connection_id):
                        entry = Known(listing.domain, listing.profile_name)
                        self._known[listing.connection_id] = seen[listing.connection_id] = entry
                        self._carry_out(listing)
                if self._clock.monotonic() - self._deadlines_checked >= self._interval:
                    self._check_deadlines()
        self._requests = len(chosen.connection_ids) if chosen else pages
        if chosen:
            for each in filter(self._is_ours, chosen.absent):
                self._forget(each)
        else:
            await self._miss(seen)
        if not chosen or not chosen.unavailable:
            self._roster.listed(began_ns)

    def _is_ours(self, connection_id: str) -> bool:
        return connection_id in self._known or self._roster.tracked(connection_id) is not None

    async def _miss(self, seen: Mapping[str, Known]) -> None:
        """Forget who is gone, given what a complete list has shown."""
        self._known, missing = compare(self._known, seen)
        for each in missing:
            if await self._is_gone(each):
                self._forget(each)

    async def _is_gone(self, connection_id: str) -> bool:
        """Ask for a connection that lists lack, where a flow of it would end as unknown with it.

        In doubt it is there, and the next list without it has it asked for again.
        """
        tracked = self._roster.tracked(connection_id)
        if tracked is None or not tracked.in_progress:
            return True
        try:
            listing = await self._api.retrieve(connection_id, poll=True)
        except ApiError as error:
            if error.status == 404:
                return True
        else:
            self._carry_out(listing)
        self._known[connection_id] = Known("", "", misses=MISSES - 1)
        return False

    def _forget(self, connection_id: str) -> None:
        self._known.pop(connection_id, None)
        self._roster.forget(connection_id)
        if self._timeline:
            self._timeline.gone(connection_id)

    def _take_up(self) -> None:
        """Miss from the first list on who went while no process was looking."""
        if not (self._took_up or self._chosen or any(self._filters)):
            self._known = {each: Known("", "") for each in self._roster} | self._known
        self._took_up = True

    def _has_room_for(self, connection_id: str) -> bool:
        """Whether it may be remembered. What no complete list confirms must not grow for ever."""
        if connection_id in self._known or len(self._known) < MAX_LISTED:
            return True
        if not self._full:
            self._full = True
            _log.warning("no room for more connections", limit=MAX_LISTED)
        return False

    def _check_deadlines(self) -> None:
        self._deadlines_checked = self._clock.monotonic()
        self._roster.check_deadlines()

    def _carry_out(self, listing: Listing) -> None:
        connection_id = listing.connection_id
        self._sink.observe(
            ConnectionListed(
                connection_id,
                listing.domain,
                listing.status,
                listing.can_reauth,
                listing.can_reauth_reason,
            )
        )
        if self._timeline:
            self._timeline.listed(listing)
        self._do(decide(listing, self._roster.tracked(connection_id)))

    def _do(self, decision: Decision) -> None:
        match decision:
            case Follow(listing=listing):
                if self._admit(listing):
                    self._feed(listing)
                    self._roster.follow(listing.connection_id)
            case Feed(listing=listing):
                self._feed(listing)
            case Unfollow(listing=listing):
                self._feed(listing)
                self._roster.unfollow(listing.connection_id)
            case Settle(listing=listing):
                self._settle(listing)
            case Ignore():
                pass
            case _:
                assert_never(decision)

    def _settle(self, listing: Listing) -> None:
        """Believe the listing once the timeline has been read; one at a time for a connection."""
        connection_id = listing.connection_id
        if self._timeline is None:
            self._believe(listing)
        elif connection_id not in self._settling:
            task = asyncio.create_task(self._believe_later(self._timeline, listing))
            self._settling[connection_id] = task
            task.add_done_callback(lambda _: self._settling.pop(connection_id, None))

    async def _believe_later(self, timeline: Timeline, listing: Listing) -> None:
        await timeline.settle(listing.connection_id)
        self._believe(listing)

    def _believe(self, listing: Listing) -> None:
        tracked = self._roster.tracked(listing.connection_id)
        if tracked:
            self._do(decide(listing, msgspec.structs.replace(tracked, unsettled=False)))

    async def stop(self) -> None:
        """Give up what is still being asked."""
        for task in self._settling.values():
            task.cancel()
        await asyncio.gather(*self._settling.values(), return_exceptions=True)

    def _admit(self, listing: Listing) -> bool:
        return self._roster.admit(
            listing.connection_id, domain=listing.domain, profile_name=listing.profile_name
        )

    def _feed(self, listing: Listing) -> None:
        self._roster.apply(listing.connection_id, listing, listing.received_ns)

    def _succeeded(self, took_seconds: float) -> float:
        self._health.poll_succeeded(self._clock.unix_ns())
        self._backoff.reset()
        if self._failing:
            _log.info("polling works again")
        self._failing = self._refused = False
        paced = self.paced_interval_seconds
        self._api.budget.reserve(60 * self._requests / paced)
        rest = max(self._interval, paced - took_seconds)
        return rest * (1 + JITTER * (2 * self._clock.random() - 1))

    def _failed(self, problem: str, error: ApiError | None = None) -> float:
        self._refused = error is not None and error.reason is StreamEndReason.HTTP_401
        if self._refused:
            problem = f"{problem}: put a valid key in"
        self._health.poll_failed(problem)
        if not self._failing:
            _log.warning("polling failed", problem=problem)
        self._failing = True
        at_least = (error.retry_after_seconds if error else None) or 0.0
        if self._refused:
            at_least = max(at_least, REFUSED_SECONDS)
        return self._backoff.next_seconds(at_least)
