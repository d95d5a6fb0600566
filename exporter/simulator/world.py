"""The simulated world: its connections, the flows that begin in it, and who supersedes whom."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from exporter.simulator.catalogue import ALL_SCENARIOS, PLAIN_SCENARIO, Mix, scenario_of_domain
from exporter.simulator.clock import Clock
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.connection import Connection
from exporter.simulator.flow import Flow
from exporter.simulator.hub import Hub
from exporter.simulator.ledger import Ledger
from exporter.simulator.life import Life
from exporter.simulator.player import Player
from exporter.simulator.population import inhabitants, new_connection_id, pick_idle
from exporter.simulator.prompts import Submission
from exporter.simulator.requests import RequestLog
from exporter.simulator.scenarios import REALISTIC_MIX
from exporter.simulator.timeline import LATE_COMPLETION_SECONDS, Timeline


class FlowRunningError(Exception):
    """A login was asked for while another is running and not past its ``flow_expires_at``."""


class NotAskedError(Exception):
    """A submission came while nothing is asked for, or for an earlier interaction."""


class World:
    """All state of a simulator. Needs a running event loop as soon as a flow begins.

    ``on_started`` is told of every flow that begins without an API call.

    ``mix`` may be replaced at any time; it counts for the flows that begin from then on.
    ``monotonic`` is the clock, in seconds, of the rate limit and of the log of requests.

    Raises:
        ValueError: the configured mix names an unknown scenario or has no weight.
    """

    def __init__(
        self,
        config: SimulatorConfig,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.monotonic = monotonic
        self.requests = RequestLog(monotonic)
        self.clock = clock or Clock(config.time_scale)
        self.ledger = Ledger()
        self.connections: dict[str, Connection] = {}
        self.on_started: Callable[[Connection], None] = lambda _connection: None
        self._rng = self._random("connections")
        self.mix = Mix(REALISTIC_MIX if config.scenarios is None else config.scenarios)
        self._players: dict[str, tuple[Player, asyncio.Task[None]]] = {}
        self._life = Life(self)
        self._living: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._draws: Counter[str] = Counter()
        self._failure: BaseException | None = None
        self.is_closed = False
        for each in inhabitants(config.connections, config.domains, self._rng):
            self._settle(*each)
        self.population = list(self.connections.values())

    def create(self, domain: str, profile_name: str, options: dict[str, object]) -> Connection:
        """A new connection; it is not of the population, so no flow begins by itself."""
        connection_id = new_connection_id(self._rng)
        connection = self._settle(connection_id, domain, profile_name, "NEEDS_AUTH")
        connection.options = options
        return connection

    def delete(self, connection: Connection) -> None:
        """Forgets a connection: a running flow is cancelled, and its streams end."""
        flow = connection.running_flow
        if flow is not None:
            flow.end("CANCELED")
            self._drop_player(flow)
        connection.hub.end()
        del self.connections[connection.id]
        if connection in self.population:
            self.population.remove(connection)

    def login(self, connection: Connection) -> Flow:
        """Begins the flow of an API call; its domain's name may choose the scenario.

        Raises:
            FlowRunningError: a flow is running and not past its ``flow_expires_at``.
        """
        superseding = connection.running_flow is not None
        name = PLAIN_SCENARIO if superseding else scenario_of_domain(connection.domain)
        return self.start(connection, name, scripted=False, lot="api")

    def start(
        self,
        connection: Connection,
        scenario: str,
        *,
        flow_type: str | None = None,
        scripted: bool = True,
        lot: str = "asked",
    ) -> Flow:
        """Begins a flow, superseding one that is past its ``flow_expires_at``.

        ``lot`` names the sequence of random flows that this one is the next of: the n-th flow of a
        lot is the same for the same seed, whatever else goes on in the world.

        Raises:
            FlowRunningError: a flow is running and not past its ``flow_expires_at``.
            KeyError: no such scenario.
        """
        script, stuck = ALL_SCENARIOS[scenario], connection.running_flow
        flow_type = flow_type or script.flow_type
        if stuck is not None and self.clock.now_ns() <= stuck.expires_ns:
            raise FlowRunningError
        self._draws[lot] += 1
        rng = self._random(f"{lot} {self._draws[lot]}")
        if stuck is not None:
            stuck.supersede()
            self._drop_player(stuck)
        connection.hub.reset()
        if flow_type == "REAUTH":
            check_id = f"check_{rng.getrandbits(64):016x}"
            connection.check(check_id, self.clock.now_ns(), "NEEDS_AUTH")
        flow = connection.flow = Flow(
            scenario,
            script,
            connection,
            flow_type=flow_type,
            scripted=scripted,
            rng=rng,
            clock=self.clock,
            ledger=self.ledger,
        )
        self._play(flow)
        return flow

    def check(self, connection: Connection, check_id: str) -> None:
        """A scheduled health check, which finds the session as the last look at it left it."""
        connection.check(check_id, self.clock.now_ns(), connection.status)

    def submit(self, connection: Connection, answer: Submission) -> None:
        """Hands a client's answer to the running flow.

        Raises:
            NotAskedError: nothing is asked for, or the ``interaction_id`` is not the present one.
        """
        flow = connection.running_flow
        if flow is None or flow.prompt is None:
            raise NotAskedError("the flow is not waiting for input")
        if flow.scripted:
            raise NotAskedError("this flow's scripted person answers by itself")
        if answer.is_canonical and answer.interaction_id != flow.interaction_id:
            raise NotAskedError("interaction_id is not the one of the present interaction")
        self._players[flow.id][0].submit(answer)

    def pick(self, scenario: str) -> Connection | None:
        """An idle connection of the population for that scenario; None where all are busy."""
        reauth = ALL_SCENARIOS[scenario].flow_type == "REAUTH"
        return pick_idle(self.population, self._rng, authenticated=reauth)

    def begin(self) -> None:
        """Lets the population live: its flows begin, and its sessions are checked."""
        for life in (
            self._life.flows(self._random("arrivals")),
            self._life.health_checks(self._random("health checks")),
        ):
            task = asyncio.create_task(life)
            task.add_done_callback(self._done)
            self._living.append(task)

    async def finished(self) -> None:
        """Returns when ``max_flows`` have begun by themselves (if set) and no flow is running.

        Raises:
            BaseException: whatever a flow's task died of; a defect of the simulator.
        """
        while self._failure is None and (self._life.more_flows_are_due or self.ledger.running()):
            await self.change()
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Stops all flows where they are and ends all streams, also those that are yet to come."""
        self.is_closed = True
        tasks = [*self._living, *(task for _, task in self._players.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self.connections.values():
            connection.hub.end()

    def _random(self, purpose: str) -> Random:
        return Random(f"{self.config.seed}/{purpose}")  # noqa: S311 - a simulation, no secret

    def _settle(self, connection_id: str, domain: str, profile: str, status: str) -> Connection:
        late_seconds = LATE_COMPLETION_SECONDS if self.config.late_completed_at else 0.0
        timeline = Timeline(self.config.timeline_lag_seconds, late_seconds)
        hub = Hub(event_ids=self.config.event_ids)
        connection = Connection(connection_id, domain, profile, status, hub, timeline)
        self.connections[connection_id] = connection
        return connection

    def _play(self, flow: Flow) -> None:
        def log_in_again() -> None:
            self.start(flow.connection, PLAIN_SCENARIO, lot=f"after {flow.id}")

        player = Player(flow, self.clock, log_in_again, self.config.patience_seconds)
        task = asyncio.create_task(player.play(), name=flow.id)
        self._players[flow.id] = (player, task)
        task.add_done_callback(lambda _done: self._players.pop(flow.id, None))
        task.add_done_callback(self._done)
        if flow.scripted:
            self.on_started(flow.connection)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._failure = self._failure or task.exception()
        self._changed.set()

    def _drop_player(self, flow: Flow) -> None:
        _, task = self._players[flow.id]
        if task is not asyncio.current_task():  # a stuck flow's own person logs in again
            task.cancel()

    async def change(self) -> None:
        """Returns when a flow has ended, or a task of the world has."""
        self._changed.clear()
        await self._changed.wait()
