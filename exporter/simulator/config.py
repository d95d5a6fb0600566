"""What a simulated world is made of: every knob, with a default that looks like real life."""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_CONNECTIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """The knobs of a simulated world.

    Attributes:
        connections: how many connections the population has.
        domains: over how many domains they are spread.
        flows_per_minute: how often a flow of the population begins, on average, in real time
            (``time_scale`` does not change it); 0 means that none begins by itself.
        health_checks_per_minute: how often an idle connection of the population is checked by
            itself, on average over all of them, in real time; 0 means never.
        max_flows: stop beginning new ones after so many; None for no end.
        seed: the same seed gives the same connections and the same scripts.
        time_scale: above 1 is faster: a step of 10 s takes ``10 / time_scale`` s.
        scenarios: scenario name -> weight; None is a realistic mix without misbehaviour.
        api_key: the only key that the API accepts.
        heartbeat_seconds: real seconds between two ``sse_heartbeat`` events of a stream.
        rate_limit_per_minute: API requests per minute; None for no limit.
        restamp_snapshots: the first event of a stream repeats the state; with its original
            timestamp, or (True) with a new one.
        event_ids: send SSE ``id:`` lines, and honour ``Last-Event-ID``: what was missed is sent
            again instead of a snapshot.
        timeline_lag_seconds: real seconds by which the timeline is behind what happened: entries
            and their outcomes appear late.
        late_completed_at: show a terminal status in the timeline first, and its ``completed_at``
            only a second later.
        notify_url: POSTed when a flow begins by itself, as a product does right after it called
            login; ``{id}`` stands for the connection id.
        patience_seconds: real seconds for which a flow stays in its first step until a stream is
            open, so that a client on a busy machine sees it whole; 0 waits for nobody.
    """

    connections: int = 40
    domains: int = 8
    flows_per_minute: float = 30.0
    health_checks_per_minute: float = 1.0
    max_flows: int | None = None
    seed: int = 1
    time_scale: float = 1.0
    scenarios: Mapping[str, float] | None = None
    api_key: str = "simulator-key"
    heartbeat_seconds: float = 15.0
    rate_limit_per_minute: int | None = 6000
    restamp_snapshots: bool = False
    event_ids: bool = False
    timeline_lag_seconds: float = 0.0
    late_completed_at: bool = False
    notify_url: str | None = None
    patience_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what cannot work.

        Raises:
            ValueError: with one line that names the knob and the mend.
        """
        checks = (
            (0 <= self.connections <= MAX_CONNECTIONS, "connections must be 0 to 1000000"),
            (self.domains >= 1, "domains must be at least 1"),
            (self.flows_per_minute >= 0, "flows_per_minute must not be negative"),
            (self.health_checks_per_minute >= 0, "health_checks_per_minute must not be negative"),
            (self.max_flows is None or self.max_flows >= 0, "max_flows must not be negative"),
            (self.time_scale > 0, "time_scale must be above 0"),
            (bool(self.api_key), "api_key must not be empty"),
            (self.heartbeat_seconds > 0, "heartbeat_seconds must be above 0"),
            (self.patience_seconds >= 0, "patience_seconds must not be negative"),
            (self.timeline_lag_seconds >= 0, "timeline_lag_seconds must not be negative"),
            (
                self.rate_limit_per_minute is None or self.rate_limit_per_minute >= 1,
                "rate_limit_per_minute must be at least 1",
            ),
        )
        for holds, message in checks:
            if not holds:
                raise ValueError(message)
