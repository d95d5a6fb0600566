"""The world without a server: arrivals, the same seed, and what happens to defects."""

import asyncio
from typing import Any

import msgspec
import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.misbehaviour import MISBEHAVIOUR
from exporter.simulator.world import FlowRunningError, World

FAST: dict[str, Any] = {"flows_per_minute": 6e5, "time_scale": 1e5}


async def _live(**knobs: Any) -> World:
    world = World(SimulatorConfig(**{**FAST, **knobs}))
    world.begin()
    await world.finished()
    await world.close()
    return world


async def _scripts(seed: int) -> dict[str, Any]:
    """Everything about a run's flows that is drawn and not measured, by flow id."""
    world = await _live(seed=seed, connections=60, max_flows=80)
    return {
        record.flow_id: (
            record.scenario,
            record.flow_type,
            record.outcome,
            record.error_code,
            [visit.step for visit in record.steps],
            msgspec.to_builtins(record.website_errors),
            msgspec.to_builtins(record.input_requests),
        )
        for record in world.ledger.flows
    }


async def test_the_same_seed_gives_the_same_scripts_and_another_seed_others() -> None:
    first, again, other = [await _scripts(seed) for seed in (7, 7, 8)]
    assert first == again
    assert len(first) >= 80
    assert first.keys().isdisjoint(other.keys())


def test_the_same_seed_gives_the_same_connections() -> None:
    worlds = [World(SimulatorConfig(seed=seed)) for seed in (7, 7, 8)]
    first, again, other = [[each.members() for each in w.connections.values()] for w in worlds]
    assert first == again
    assert first != other


async def test_exactly_max_flows_begin_by_themselves_and_all_end() -> None:
    world = await _live(connections=3, max_flows=25, scenarios={"password_login": 1, "totp": 1})
    assert len(world.ledger.flows) == len(world.ledger.ended()) == 25
    assert world.ledger.running() == []
    assert sum(world.ledger.counts().values()) == 25


async def test_a_connection_has_at_most_one_flow_at_a_time() -> None:
    world = await _live(connections=2, max_flows=20)
    last_end: dict[str, int] = {}
    for record in world.ledger.flows:
        assert record.started_ns >= last_end.get(record.connection_id, 0)
        assert record.ended_ns is not None
        last_end[record.connection_id] = record.ended_ns


async def test_reauth_prefers_connections_that_are_logged_in() -> None:
    world = World(SimulatorConfig(connections=10, flows_per_minute=0))
    for connection in list(world.connections.values())[:9]:
        connection.status = "NEEDS_AUTH"
    last = list(world.connections.values())[9]
    last.status = "AUTHENTICATED"
    picked = [world.pick("reauth") for _ in range(20)]
    assert picked.count(last) > 15


async def test_a_busy_connection_refuses_a_second_flow() -> None:
    world = World(SimulatorConfig(connections=1, flows_per_minute=0))
    connection = next(iter(world.connections.values()))
    world.start(connection, "password_login")
    with pytest.raises(FlowRunningError):
        world.start(connection, "password_login")
    assert world.pick("password_login") is None
    await world.close()


async def test_a_defect_of_a_flow_is_raised_to_who_waits() -> None:
    world = World(SimulatorConfig(connections=1, flows_per_minute=0, time_scale=1e5))
    connection = next(iter(world.connections.values()))
    flow = world.start(connection, "password_login")
    del flow.scenario
    with pytest.raises(AttributeError):
        await world.finished()
    await world.close()


async def test_misbehaviour_happens_only_where_it_is_asked_for() -> None:
    world = await _live(connections=60, max_flows=100)
    assert not {record.scenario for record in world.ledger.flows} & MISBEHAVIOUR.keys()
    assert all(record.illegal == [] for record in world.ledger.flows)


async def test_closing_stops_flows_where_they_are() -> None:
    world = World(SimulatorConfig(connections=5, flows_per_minute=6e5))
    world.begin()
    while len(world.ledger.flows) < 3:  # noqa: ASYNC110 - it has nothing to wait for
        await asyncio.sleep(0)
    await world.close()
    assert all(record.outcome is None for record in world.ledger.flows)
    assert len(asyncio.all_tasks()) == 1
