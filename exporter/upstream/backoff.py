"""How long to wait before the next try. Pure: chance is an argument."""

from collections.abc import Callable
from typing import Final

MIN_SECONDS: Final = 0.5
MAX_SECONDS: Final = 60.0


class Backoff:
    """Delays that double from 0.5 s to at most 60 s, each drawn at random below its ceiling.

    The jitter spreads thousands of clients that lost the same server at the same moment; see
    "Exponential Backoff And Jitter" (AWS Architecture Blog), there called full jitter.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._ceiling = 2 * MIN_SECONDS

    def next_seconds(self, at_least: float = 0.0) -> float:
        """The next delay in seconds.

        ``at_least`` is what the server asked for (``retry:`` or ``Retry-After``): the jitter comes
        on top of it, because a herd that obeys it to the millisecond is still a herd.
        """
        ceiling, self._ceiling = self._ceiling, min(MAX_SECONDS, 2 * self._ceiling)
        return at_least + MIN_SECONDS + (ceiling - MIN_SECONDS) * self._random()

    def reset(self) -> None:
        """Start over: the last try did some good."""
        self._ceiling = 2 * MIN_SECONDS
