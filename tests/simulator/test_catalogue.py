"""Names: every scenario can be drawn, and a domain can ask for one."""

from random import Random

import pytest

from exporter.simulator.catalogue import ALL_SCENARIOS, Mix, scenario_of_domain
from exporter.simulator.misbehaviour import MISBEHAVIOUR
from exporter.simulator.population import domain_names
from exporter.simulator.scenarios import SCENARIOS


@pytest.mark.parametrize("name", ALL_SCENARIOS)
def test_a_domain_named_after_a_scenario_plays_it(name: str) -> None:
    label = name.replace("_", "-")
    assert scenario_of_domain(f"{label}.example") == name
    assert scenario_of_domain(f"{label}-2.shop.example") == name


@pytest.mark.parametrize("domain", ["example.com", "ssolutions.example", "x.sso.example", ""])
def test_any_other_domain_plays_a_password_login(domain: str) -> None:
    assert scenario_of_domain(domain) == "password_login"


def test_no_domain_of_the_population_chooses_a_scenario() -> None:
    names = domain_names(60)
    assert len(set(names)) == 60
    assert {scenario_of_domain(name) for name in names} == {"password_login"}


def test_well_behaved_and_misbehaving_scenarios_share_no_name() -> None:
    assert not SCENARIOS.keys() & MISBEHAVIOUR.keys()
    assert all(scenario.misbehaves for scenario in MISBEHAVIOUR.values())
    assert not any(scenario.misbehaves for scenario in SCENARIOS.values())


def test_a_mix_draws_only_what_has_weight() -> None:
    mix = Mix({"captcha": 0, "totp": 1, "sso": 3})
    rng = Random(1)
    drawn = [mix.draw(rng) for _ in range(400)]
    assert set(drawn) == {"totp", "sso"}
    assert drawn.count("sso") > 2 * drawn.count("totp")


@pytest.mark.parametrize(
    ("weights", "mend"),
    [
        ({"nonsense": 1.0}, "unknown scenario 'nonsense'; known: password_login"),
        ({"captcha": -1.0}, "weight of scenario 'captcha'"),
        ({"captcha": float("nan")}, "weight of scenario 'captcha'"),
        ({"captcha": 0.0}, "weight above 0"),
        ({}, "weight above 0"),
    ],
)
def test_a_bad_mix_is_refused_with_the_mend(weights: dict[str, float], mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        Mix(weights)
