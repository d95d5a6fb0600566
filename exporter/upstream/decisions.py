"""What a list means for whom we follow. Pure: decisions are values, the shell carries them out."""

from collections.abc import Mapping
from typing import Final

import msgspec

from exporter.core.events import Listing
from exporter.core.vocabulary import IN_PROGRESS

GRACE_NS: Final = 30 * 10**9
"""How long a stream without a flow is kept: somebody may have asked for it before their login
shows."""
MISSES: Final = 2
"""So many complete lists in a row have to lack a connection before it is taken to be gone."""


class Tracked(msgspec.Struct, frozen=True):
    """How a connection stands with us: whether a flow is open, and since when it is followed.

    ``followed_since_ns`` is None where it is followed no more. ``unsettled``: the open flow may be
    over, and another one in its place.
    """

    followed_since_ns: int | None
    in_progress: bool
    unsettled: bool = False


class Follow(msgspec.Struct, frozen=True):
    """Let the listing open the flow, then open the stream."""

    listing: Listing


class Feed(msgspec.Struct, frozen=True):
    """Let the listing in; the tracker knows what to make of it."""

    listing: Listing


class Unfollow(msgspec.Struct, frozen=True):
    """Let the listing in, and close a stream that has no flow to follow."""

    listing: Listing


class Settle(msgspec.Struct, frozen=True):
    """Read the timeline before the listing is believed: the open flow may be over by now."""

    listing: Listing


class Ignore(msgspec.Struct, frozen=True):
    """Nothing to do."""


Decision = Follow | Feed | Unfollow | Settle | Ignore


def decide(listing: Listing, tracked: Tracked | None) -> Decision:
    """What to do about a connection that was listed, given how it stands with us."""
    running = listing.flow_status == IN_PROGRESS
    if tracked and tracked.unsettled:
        return Settle(listing)
    if tracked is None or tracked.followed_since_ns is None:
        if running:
            return Follow(listing)
        return Ignore() if tracked is None else Feed(listing)
    if tracked.in_progress:
        return Feed(listing)
    if listing.requested_ns - tracked.followed_since_ns < GRACE_NS:
        return Ignore()  # Its stream is about to tell, and what is on its way there may be older.
    return Feed(listing) if running else Unfollow(listing)


class Known(msgspec.Struct, frozen=True):
    """A connection that was listed; ``misses`` counts the complete lists in a row without it."""

    domain: str
    profile_name: str
    misses: int = 0


def compare(
    known: Mapping[str, Known], seen: Mapping[str, Known]
) -> tuple[dict[str, Known], list[str]]:
    """Who is known after a complete list, and who is gone.

    One list is never believed: it may be empty by mistake, and where pages are read by offset, a
    connection that is deleted meanwhile pulls another one out of sight.
    """
    missing = {
        key: msgspec.structs.replace(entry, misses=entry.misses + 1)
        for key, entry in known.items()
        if key not in seen
    }
    gone = [key for key, entry in missing.items() if entry.misses >= MISSES]
    still = {key: entry for key, entry in missing.items() if entry.misses < MISSES}
    return {**still, **seen}, gone
