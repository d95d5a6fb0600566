"""What a scrape says, in the words of a test."""

from collections import Counter

Series = tuple[str, frozenset[tuple[str, str]]]
Samples = dict[Series, float]


def total(samples: Samples, name: str) -> float:
    """The sum over all series of ``managed_auth_<name>``."""
    return sum(value for (sample, _), value in samples.items() if sample == f"managed_auth_{name}")


def only(samples: Samples, name: str) -> float | None:
    """The value of ``managed_auth_<name>``, which has no labels; None where it has no series."""
    return samples.get((f"managed_auth_{name}", frozenset()))


def counted(samples: Samples, name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """The non-zero samples of a counter, by the labels that are named, summed over the rest."""
    counts: Counter[tuple[str, ...]] = Counter()
    for (sample, pairs), value in samples.items():
        if sample == f"managed_auth_{name}" and value:
            counts[tuple(dict(pairs)[label] for label in labels)] += int(value)
    return counts


def outcomes(samples: Samples) -> Counter[tuple[str, str, str]]:
    """How many flows ended, by what the simulator's ledger counts by."""
    counts = counted(samples, "flows_ended_total", "outcome", "flow_type", "domain")
    return Counter({(outcome, kind, domain): n for (outcome, kind, domain), n in counts.items()})
