"""What happens in the population by itself, under a clock that takes no time."""

import asyncio
from typing import Any

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.timeline import TimelineEntry
from exporter.simulator.world import World
from tests.simulator.virtual_time import VirtualTime

HOUR_SECONDS = 3600.0


async def _live(**knobs: Any) -> World:
    """A world after an hour of life, stopped where it is then."""
    time = VirtualTime()
    world = World(SimulatorConfig(**knobs), time.clock)
    world.begin()
    await time.advance(HOUR_SECONDS)
    await world.close()
    return world


def _entries(world: World) -> list[list[TimelineEntry]]:
    return [each.timeline.newest_first(0) for each in world.connections.values()]


async def test_idle_sessions_are_checked_as_often_as_asked_for_and_found_as_they_are() -> None:
    world = await _live(connections=20, flows_per_minute=0, health_checks_per_minute=5)
    checks = [entry for entries in _entries(world) for entry in entries]
    assert 200 < len(checks) < 400
    assert {each.type for each in checks} == {"health_check"}
    for connection, entries in zip(world.connections.values(), _entries(world), strict=True):
        assert {(each.status, each.previous_status) for each in entries} == {
            (connection.status, connection.status)
        }
        assert connection.members()["last_auth_check_at"] == entries[0].timestamp
        for each in entries:
            assert (each.step, each.completed_at, each.updated_at) == (None, None, None)


async def test_without_checks_only_a_reauth_is_preceded_by_one() -> None:
    knobs = {"flows_per_minute": 5, "scenarios": {"reauth": 1, "quick_login": 1}}
    world = await _live(connections=30, health_checks_per_minute=0, **knobs)
    entries = [entry for entries in _entries(world) for entry in entries]
    kinds = [each.type for each in entries]
    assert kinds.count("health_check") == kinds.count("reauth") > 0
    assert kinds.count("login") > 0


async def test_nobody_is_checked_while_logging_in() -> None:
    knobs: dict[str, Any] = {"flows_per_minute": 2, "scenarios": {"input_expired": 1}}
    world = await _live(connections=1, health_checks_per_minute=20, **knobs)
    (entries,) = _entries(world)
    oldest_first = entries[::-1]
    assert {each.type for each in entries} == {"health_check", "login"}
    for index, entry in enumerate(oldest_first[:-1]):
        if entry.completed_at is not None:
            assert entry.completed_at <= oldest_first[index + 1].timestamp


async def test_the_same_seed_checks_alike_and_changes_no_flow() -> None:
    knobs: dict[str, Any] = {"connections": 40, "flows_per_minute": 2}
    one, same, unchecked = [
        await _live(**knobs, health_checks_per_minute=rate) for rate in (3.0, 3.0, 0.0)
    ]
    assert _entries(one) == _entries(same)
    drawn = [[each.scenario for each in world.ledger.flows] for world in (one, unchecked)]
    assert drawn[0] == drawn[1] != []


async def test_closing_ends_all_life() -> None:
    await _live(connections=3, flows_per_minute=1)
    assert len(asyncio.all_tasks()) == 1
