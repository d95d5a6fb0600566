"""The totals of earlier processes become counts by label values. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from exporter.core import totals
from exporter.sinks.metrics import labels

_flow_type: Final = labels.FLOW_TYPE.bounded()
_last_step: Final = labels.LAST_STEP.bounded()
_error_code: Final = labels.ERROR_CODE.bounded()


class Restored(NamedTuple):
    """Counts by label values in the order of each family's labels, the domain last."""

    started: Counter[tuple[str, ...]]
    ended: Counter[tuple[str, ...]]
    failed: Counter[tuple[str, ...]]


def restored(counts: Iterable[tuple[totals.Key, int]], domain: Callable[[str], str]) -> Restored:
    """Bound the labels of totals once more: what was written may be from another version.

    ``domain`` is asked in the order of the keys, so the domains that came first keep their names.
    A key that this version cannot read is left out.
    """
    sums = Restored(Counter(), Counter(), Counter())
    for key, count in counts:
        match key:
            case (totals.STARTED, kind, entry, host) if entry in labels.ENTRY.values:
                sums.started[_flow_type(kind), entry, domain(host)] += count
            case (totals.ENDED, outcome, kind, observed, host) if (
                outcome in labels.OUTCOME.values and observed in labels.OBSERVED.values
            ):
                sums.ended[outcome, _flow_type(kind), observed, domain(host)] += count
            case (totals.FAILED, code, step, kind):
                named = _error_code(None if code == totals.NONE else code)
                sums.failed[named, _last_step(step), _flow_type(kind)] += count
            case _:
                pass
    return sums
