"""The options of the simulator, each a field of the settings."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from exporter.settings import kinds
from exporter.settings.option import SIMULATE, SIMULATED, Command, Option
from exporter.settings.values import ListenAddress, Secret


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """The simulated API and its population."""

    connections: Annotated[
        int,
        Option(
            "--connections",
            "How many connections there are.",
            kinds.integer(0, 100_000),
            SIMULATED,
            "40",
            yaml="simulator.connections",
        ),
    ]
    domains: Annotated[
        int,
        Option(
            "--domains",
            "Over how many domains they are spread.",
            kinds.integer(1, 100_000),
            SIMULATED,
            "8",
            yaml="simulator.domains",
        ),
    ]
    flows_per_minute: Annotated[
        float,
        Option(
            "--flows-per-minute",
            "How many flows begin by themselves; 0 is none.",
            kinds.number(0, 1_000_000),
            SIMULATED,
            "30",
            yaml="simulator.flows_per_minute",
            defaults=MappingProxyType({Command.DEMO: "60"}),
        ),
    ]
    max_flows: Annotated[
        int | None,
        Option(
            "--max-flows",
            "Begin no more flows after so many.",
            kinds.integer(0, 1_000_000_000),
            SIMULATED,
            yaml="simulator.max_flows",
        ),
    ]
    seed: Annotated[
        int,
        Option(
            "--seed",
            "The same seed draws the same flows.",
            kinds.integer(0, 2**63 - 1),
            SIMULATED,
            "1",
            yaml="simulator.seed",
        ),
    ]
    time_scale: Annotated[
        float,
        Option(
            "--time-scale",
            "How many times faster than real people and websites flows go.",
            kinds.number(0.01, 10_000),
            SIMULATED,
            "1",
            yaml="simulator.time_scale",
            defaults=MappingProxyType({Command.DEMO: "4"}),
        ),
    ]
    scenarios: Annotated[
        tuple[tuple[str, float], ...],
        Option(
            "--scenario",
            "Draw flows only from the scenarios named, by weight; repeatable. Without it, a "
            "realistic mix.",
            kinds.SCENARIO_WEIGHT,
            SIMULATED,
            yaml="simulator.scenarios",
            repeatable=True,
        ),
    ]
    run_for_seconds: Annotated[
        float | None,
        Option(
            "--for",
            "Stop by itself after this time.",
            kinds.duration(minimum_seconds=0.001),
            SIMULATED,
            yaml="simulator.for",
        ),
    ]
    listen_address: Annotated[
        ListenAddress,
        Option(
            "--simulator.listen-address",
            "Where the simulated API listens.",
            kinds.LISTEN_ADDRESS,
            SIMULATED,
            "127.0.0.1:10465",
            defaults=MappingProxyType({Command.DEMO: "127.0.0.1:0"}),
        ),
    ]
    api_key: Annotated[
        Secret,
        Option(
            "--simulator.api-key",
            "The made-up API key that the simulated API accepts.",
            kinds.SECRET,
            SIMULATED,
            "simulator-key",
        ),
    ]
    heartbeat_seconds: Annotated[
        float,
        Option(
            "--simulator.heartbeat",
            "Time between two heartbeats of a stream.",
            kinds.duration(minimum_seconds=0.01),
            SIMULATED,
            "15s",
        ),
    ]
    rate_limit_per_minute: Annotated[
        int,
        Option(
            "--simulator.rate-limit",
            "How many requests a minute the simulated API allows; 0 is no limit.",
            kinds.integer(0, 1_000_000_000),
            SIMULATED,
            "6000",
        ),
    ]
    restamp_snapshots: Annotated[
        bool,
        Option(
            "--simulator.restamp-snapshots",
            "Give the state that a new stream repeats a new timestamp.",
            kinds.BOOLEAN,
            SIMULATED,
            "false",
        ),
    ]
    event_ids: Annotated[
        bool,
        Option(
            "--simulator.event-ids",
            "Send SSE ids, and resume streams by Last-Event-ID.",
            kinds.BOOLEAN,
            SIMULATED,
            "false",
        ),
    ]
    health_checks_per_minute: Annotated[
        float,
        Option(
            "--simulator.health-checks",
            "How many idle connections are checked in a minute; 0 is none.",
            kinds.number(0, 1_000_000),
            SIMULATED,
            "1",
        ),
    ]
    timeline_lag_seconds: Annotated[
        float,
        Option(
            "--simulator.timeline-lag",
            "Show what happened in the timeline only after this time.",
            kinds.duration(minimum_seconds=0),
            SIMULATED,
            "0s",
        ),
    ]
    late_completed_at: Annotated[
        bool,
        Option(
            "--simulator.late-completed-at",
            "Show a flow's outcome in the timeline first, and when it ended a second later.",
            kinds.BOOLEAN,
            SIMULATED,
            "false",
        ),
    ]
    notify_url: Annotated[
        str | None,
        Option(
            "--simulator.notify-url",
            "POST to this URL, {id} replaced, when a flow begins, as a product that has just "
            "called login would.",
            kinds.text("URL"),
            SIMULATE,
        ),
    ]
