"""The connections that a simulated world begins with, and who of them logs in next."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from exporter.simulator.connection import Connection

_WORDS = (
    "atlas-bank",
    "northmail",
    "papertrail",
    "greenhouse",
    "ledgerly",
    "harbor-air",
    "quickcart",
    "mediport",
    "stacknotes",
    "cityworks",
)
_AUTHENTICATED_SHARE = 0.7
_TRIES = 32


class Inhabitant(NamedTuple):
    """A connection to be: what it takes to create it."""

    connection_id: str
    domain: str
    profile_name: str
    status: str


def domain_names(count: int) -> list[str]:
    """That many domains; none of them chooses a scenario by its name."""
    names = []
    for index in range(count):
        round_, word = divmod(index, len(_WORDS))
        names.append(f"{_WORDS[word]}{f'-{round_ + 1}' if round_ else ''}.example")
    return names


def inhabitants(connections: int, domains: int, rng: Random) -> list[Inhabitant]:
    """The population: connections spread evenly over the domains, most of them logged in."""
    names = domain_names(domains)
    return [
        Inhabitant(
            connection_id=new_connection_id(rng),
            domain=names[index % domains],
            profile_name=f"profile-{index:05d}",
            status="AUTHENTICATED" if rng.random() < _AUTHENTICATED_SHARE else "NEEDS_AUTH",
        )
        for index in range(connections)
    ]


def new_connection_id(rng: Random) -> str:
    """An id as opaque as Kernel's."""
    return f"conn_{rng.getrandbits(80):020x}"


def pick_idle(
    population: Sequence[Connection], rng: Random, *, authenticated: bool = False
) -> Connection | None:
    """A connection without a running flow; ``authenticated``: one that is logged in if possible.

    A few random tries first, so that a large population costs no more than a small one.
    """
    if not population:
        return None
    spare = None
    for _ in range(_TRIES):
        candidate = population[rng.randrange(len(population))]
        if candidate.running_flow is None:
            if not authenticated or candidate.status == "AUTHENTICATED":
                return candidate
            spare = candidate
    if spare is not None:
        return spare
    return next((each for each in population if each.running_flow is None), None)
