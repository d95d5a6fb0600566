"""Reads timelines: the outcomes that no stream showed, of the connections likely to have some."""

import asyncio
from typing import Final

import structlog

from exporter.core.entries import DOUBT_NS
from exporter.core.events import Listing, TimelineEntry, TimelineRead
from exporter.core.observations import Sink, StreamEndReason, TimelineCovered
from exporter.core.vocabulary import IN_PROGRESS
from exporter.errors import where_raised
from exporter.upstream.agenda import Agenda
from exporter.upstream.backoff import Backoff
from exporter.upstream.clock import SYSTEM_CLOCK, Clock
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.responses import ApiError
from exporter.upstream.roster import Roster

INTERVAL_SECONDS: Final = 300.0
READERS: Final = 4
"""How many timelines are read at once."""
MAX_PAGES: Final = 10
"""So many pages are read of one timeline: a thousand logins since the last look are no logins."""
ENDED_SECONDS: Final = 2.0
"""How long after a flow's end its timeline is read: by then its entry shows the end as well."""
SETTLE_SECONDS: Final = 5.0
"""How long a new stream waits for the timeline: a flow that is not watched is worse than one whose
predecessor's end is in doubt."""
FAILED_SECONDS: Final = 60.0
"""How long a connection waits whose timeline could not be read, and all of them where the key is
refused."""
TELL_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 0.5
"""How often to look for something to do while there is nothing."""

_OF_THE_API: Final = frozenset(
    {StreamEndReason.HTTP_401, StreamEndReason.HTTP_5XX, StreamEndReason.NETWORK}
)

_log = structlog.get_logger()


class Timeline:
    """Keeps up with the timelines of all connections that are listed.

    First those where something seems to have happened, then those that went unread for longest.
    Each is read every ``interval_seconds`` at least, as far as the API budget allows.
    """

    def __init__(
        self,
        api: KernelApi,
        roster: Roster,
        sink: Sink,
        *,
        clock: Clock = SYSTEM_CLOCK,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._api = api
        self._roster = roster
        self._sink = sink
        self._clock = clock
        self._agenda = Agenda(interval_seconds)
        self._shown: dict[str, int] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._failing = False
        self._backoff = Backoff(clock.random)
        self._rest_until = 0.0
        roster.consult(self)

    def listed(self, listing: Listing) -> None:
        """A connection was listed; where it looks different than before, something happened."""
        connection_id, now_ns = listing.connection_id, listing.received_ns
        self._names[connection_id] = (listing.domain, listing.profile_name)
        shown, before = _looks(listing), self._shown.get(connection_id)
        self._shown[connection_id] = shown
        if connection_id not in self._agenda:
            # What is counted of it is settled now, not when its turn to be read has come.
            self._admit(connection_id)
            read_ns = self._roster.timeline_read_ns(connection_id) or now_ns
            self._agenda.add(connection_id, read_ns=read_ns, now_ns=now_ns)
        elif shown != before and listing.flow_status != IN_PROGRESS:
            self._agenda.hurry(connection_id, now_ns)

    def gone(self, connection_id: str) -> None:
        """The connection is no more."""
        self._agenda.remove(connection_id)
        self._shown.pop(connection_id, None)
        self._names.pop(connection_id, None)

    def ended(self, connection_id: str) -> None:
        """A flow has just ended: its entry is there to be found, and may be those of others."""
        self._agenda.hurry(connection_id, self._clock.unix_ns() + round(ENDED_SECONDS * 1e9))

    async def settle(self, connection_id: str) -> None:
        """Read one timeline now, before what else is seen of the connection is believed.

        Gives up after 5 s, or where the API cannot be asked: then it is believed as it is.
        """
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._read(connection_id, patience_seconds=SETTLE_SECONDS)
        except (TimeoutError, ApiError):
            self._agenda.hurry(connection_id, self._clock.unix_ns())

    async def run(self) -> None:
        """Read for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_telling())
            for _ in range(READERS):
                tasks.create_task(self._keep_reading())

    async def _keep_reading(self) -> None:
        while True:
            resting = self._clock.monotonic() < self._rest_until and not self._api.has_new_key()
            connection_id = None if resting else self._agenda.take(self._clock.unix_ns())
            if connection_id is None:
                await self._clock.sleep(IDLE_SECONDS)
                continue
            try:
                await self._read(connection_id)
            except ApiError as error:
                self._failed(connection_id, str(error))
                self._rest(error)
            except Exception as bug:  # noqa: BLE001 - reading is never silently given up
                problem = f"internal error: {type(bug).__name__} at {where_raised(bug)}"
                self._failed(connection_id, problem)

    def _admit(self, connection_id: str) -> bool:
        domain, profile_name = self._names.get(connection_id, ("", ""))
        return self._roster.admit(connection_id, domain=domain, profile_name=profile_name)

    async def _read(self, connection_id: str, patience_seconds: float | None = None) -> None:
        if not self._admit(connection_id):
            self._postpone(connection_id)
            return
        entries: list[TimelineEntry] = []
        requested_ns = 0
        offset: int | None = 0
        for _ in range(MAX_PAGES):
            page = await self._api.timeline(
                connection_id, offset or 0, patience_seconds=patience_seconds
            )
            entries += page.entries
            requested_ns = requested_ns or page.requested_ns
            offset = page.next_offset
            if offset is None or not self._roster.lacks(connection_id, entries):
                break
        complete = offset is None or not self._roster.lacks(connection_id, entries)
        read = TimelineRead(tuple(entries), requested_ns, page.received_ns, complete=complete)
        self._roster.apply(connection_id, read, read.received_ns)
        self._agenda.done(connection_id, requested_ns)
        if self._roster.lacks_later(connection_id):
            self._agenda.hurry(connection_id, read.received_ns + DOUBT_NS)
        self._backoff.reset()
        if self._failing:
            self._failing = False
            _log.info("timelines can be read again")

    def _postpone(self, connection_id: str) -> None:
        now_ns = self._clock.unix_ns()
        self._agenda.failed(connection_id, now_ns + round(FAILED_SECONDS * 1e9))

    def _failed(self, connection_id: str, problem: str) -> None:
        self._postpone(connection_id)
        if not self._failing:
            self._failing = True
            _log.warning("a timeline could not be read", problem=problem)

    def _rest(self, error: ApiError) -> None:
        """What is wrong with the API, and not with one timeline, is no better with the next."""
        if error.reason in _OF_THE_API:
            at_least = FAILED_SECONDS if error.reason is StreamEndReason.HTTP_401 else 0.0
            pause = self._backoff.next_seconds(at_least)
            self._rest_until = self._clock.monotonic() + pause

    async def _keep_telling(self) -> None:
        while True:
            self._sink.observe(TimelineCovered(self._agenda.stalest_ns()))
            await self._clock.sleep(TELL_SECONDS)


def _looks(listing: Listing) -> int:
    """What of a connection changes when a flow of it ends."""
    return hash(
        (
            listing.status,
            listing.flow_status,
            listing.flow_step,
            listing.flow_type,
            listing.error_code,
            listing.error_message,
            listing.website_error,
            listing.last_auth_ns,
            listing.last_auth_check_ns,
        )
    )
