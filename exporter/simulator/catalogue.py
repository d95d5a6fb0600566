"""All scenarios by name, the mix from which the population's flows are drawn, and domain names."""

from collections.abc import Mapping
from random import Random

from exporter.simulator.misbehaviour import MISBEHAVIOUR
from exporter.simulator.scenarios import QUICK_SCENARIOS, SCENARIOS
from exporter.simulator.script import Scenario

ALL_SCENARIOS: Mapping[str, Scenario] = {**SCENARIOS, **QUICK_SCENARIOS, **MISBEHAVIOUR}
PLAIN_SCENARIO = "password_login"


class Mix:
    """Scenario name -> weight: how often each is played.

    Raises:
        ValueError: an unknown scenario, a bad weight, or nothing to choose from.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        for name, weight in weights.items():
            if name not in ALL_SCENARIOS:
                raise ValueError(f"unknown scenario {name!r}; known: {', '.join(ALL_SCENARIOS)}")
            if not 0 <= weight < float("inf"):
                raise ValueError(f"the weight of scenario {name!r} must be a number not below 0")
        if not any(weights.values()):
            raise ValueError("at least one scenario needs a weight above 0")
        self.weights = dict(weights)

    def draw(self, rng: Random) -> str:
        """One scenario's name."""
        return rng.choices(list(self.weights), list(self.weights.values()))[0]


def scenario_of_domain(domain: str) -> str:
    """The scenario of a login that the API starts: the domain's first label may name it.

    ``sms-two-factor.example`` and ``sms-two-factor-2.example`` play ``sms_two_factor``; any domain
    that names none plays ``password_login``.
    """
    label = domain.partition(".")[0].replace("-", "_") + "_"
    named = [name for name in ALL_SCENARIOS if label.startswith(f"{name}_")]
    return max(named, key=len, default=PLAIN_SCENARIO)
