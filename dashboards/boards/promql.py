"""PromQL that the dashboards ask again and again.

Every selector names the jobs that were chosen, and every function sums over instances.
"""

from typing import Final

from exporter.core.observations import Outcome

JOB: Final = 'job=~"$job"'
FLOW_TYPE: Final = 'flow_type=~"$flow_type"'
STEP: Final = 'step=~"$step"'
DOMAIN: Final = 'domain=~"$domain"'


def select(name: str, *matchers: str) -> str:
    """The series of the chosen jobs."""
    return f"{name}{{{', '.join((JOB, *matchers))}}}"


def per_second(by: str, counter: str, *matchers: str) -> str:
    """How many there are in a second."""
    return f"sum {_by(by)}(rate({select(counter, *matchers)}[$__rate_interval]))"


def per_minute(by: str, counter: str, *matchers: str) -> str:
    """How many there are in a minute: logins are too rare for a rate by the second."""
    return f"60 * {per_second(by, counter, *matchers)}"


def events(by: str, counter: str, *matchers: str) -> str:
    """How many there were, for what is so rare that each counts."""
    return f"sum {_by(by)}(increase({select(counter, *matchers)}[$__rate_interval]))"


def in_range(by: str, counter: str, *matchers: str) -> str:
    """How many there were in the time range of the dashboard."""
    return f"sum {_by(by)}(increase({select(counter, *matchers)}[$__range]))"


def total(by: str, gauge: str, *matchers: str) -> str:
    """A gauge, now."""
    return f"sum {_by(by)}({select(gauge, *matchers)})"


def buckets(histogram: str, *matchers: str) -> str:
    """How many observations fell into each bucket."""
    return events("le", f"{histogram}_bucket", *matchers)


def quantile(share: str, by: str, histogram: str, *matchers: str) -> str:
    """A quantile; nothing, instead of NaN, where nothing was observed."""
    grouped = per_second(", ".join(filter(None, ("le", by))), f"{histogram}_bucket", *matchers)
    return f"histogram_quantile({share}, {grouped}) >= 0"


def mean(histogram: str, *matchers: str) -> str:
    """The average; nothing, instead of NaN, where nothing was observed."""
    number = per_second("", f"{histogram}_count", *matchers)
    return f"{per_second('', f'{histogram}_sum', *matchers)} / ({number} > 0)"


def age(timestamp: str, by: str = "", *, oldest: bool = False) -> str:
    """How long ago a moment was; a 0 stands for never, and has no age."""
    pick = "min" if oldest else "max"
    return f"time() - {pick} {_by(by)}({select(timestamp)} > 0)"


def success(by: str, ended: str, judged: str, *matchers: str) -> str:
    """The share of flows that succeed, from two recorded rates; nothing where none was judged."""
    good = select(ended, f'outcome="{Outcome.SUCCESS}"', *matchers)
    return f"sum {_by(by)}({good}) / (sum {_by(by)}({select(judged, *matchers)}) > 0)"


def _by(labels: str) -> str:
    return f"by ({labels}) " if labels else ""
