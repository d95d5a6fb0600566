"""What happens in a simulated world by itself: flows begin, and sessions are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.simulator.population import pick_idle

if TYPE_CHECKING:
    from random import Random

    from exporter.simulator.world import World


class Life:
    """The population's flows and health checks, at random moments, for ever or to ``max_flows``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun = 0

    @property
    def more_flows_are_due(self) -> bool:
        """Whether ``max_flows`` is set and not reached; without any flows it never will be."""
        config = self._world.config
        return bool(config.flows_per_minute) and self._begun < (config.max_flows or 0)

    async def flows(self, dice: Random) -> None:
        """Lets flows of the mix begin on idle connections."""
        world, most = self._world, self._world.config.max_flows
        rate = world.config.flows_per_minute / 60
        while rate and world.population and (most is None or self._begun < most):
            await world.clock.sleep_real(dice.expovariate(rate))
            scenario = world.mix.draw(dice)
            while (connection := world.pick(scenario)) is None:
                await world.change()
            self._begun += 1
            world.start(connection, scenario, lot="population")

    async def health_checks(self, dice: Random) -> None:
        """Checks idle connections, and finds each session as the last look at it left it."""
        world, rate = self._world, self._world.config.health_checks_per_minute / 60
        while rate and world.population:
            await world.clock.sleep_real(dice.expovariate(rate))
            connection = pick_idle(world.population, dice)
            if connection is not None:
                world.check(connection, f"check_{dice.getrandbits(64):016x}")
