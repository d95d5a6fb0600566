"""The simulator's own calls: scripted flows, the mix at run time, and the ledger as JSON."""

from typing import Any

import msgspec
import pytest

from exporter.simulator.catalogue import ALL_SCENARIOS
from exporter.simulator.ledger import FlowRecord


async def test_start_plays_a_scenario_on_the_connection_named(serve: Any) -> None:
    async with serve(connections=3) as (simulator, client):
        connection_id = list(simulator.world.connections)[1]
        wish = {"connection_id": connection_id, "scenario": "captcha", "flow_type": "REAUTH"}
        answer = await client.post("/_simulator/start", json=wish)
        assert answer.json()["connection_id"] == connection_id
        assert (await client.post("/_simulator/start", json=wish)).status_code == 409
        await simulator.finished()
        (record,) = simulator.ledger.flows
        assert (record.flow_id, record.flow_type) == (answer.json()["flow_id"], "REAUTH")


async def test_start_makes_a_connection_where_the_domain_has_no_idle_one(serve: Any) -> None:
    async with serve(time_scale=1.0) as (simulator, client):
        wish = {"domain": "new.example", "scenario": "password_login"}
        ids = [
            (await client.post("/_simulator/start", json=wish)).json()["connection_id"]
            for _ in range(2)
        ]
        assert list(simulator.world.connections) == ids
        assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"scenario": "nonsense"}, 400),
        ({"scenario": "captcha", "flow_type": "IMPORT"}, 400),
        ({}, 400),
        ({"scenario": "captcha", "connection_id": "nobody"}, 404),
        ({"scenario": "captcha"}, 409),
    ],
)
async def test_what_cannot_be_started_is_refused(
    serve: Any, wish: dict[str, str], status: int
) -> None:
    async with serve() as (simulator, client):
        assert (await client.post("/_simulator/start", json=wish)).status_code == status
        assert simulator.ledger.flows == []


async def test_the_mix_changes_at_run_time(serve: Any) -> None:
    async with serve(connections=20) as (simulator, client):
        assert (await client.post("/_simulator/mix", json={"captcha": 2})).status_code == 200
        assert simulator.world.mix.weights == {"captcha": 2}
        for bad in ({"nonsense": 1}, {"captcha": 0}, {"captcha": -1}, {}, {"captcha": "x"}):
            assert (await client.post("/_simulator/mix", json=bad)).status_code == 400
        assert simulator.world.mix.weights == {"captcha": 2}
        listed = (await client.get("/_simulator/scenarios")).json()
        assert {each["name"] for each in listed} == ALL_SCENARIOS.keys()
        assert [each["name"] for each in listed if each["weight"]] == ["captcha"]


async def test_the_ledger_is_served_whole(serve: Any) -> None:
    knobs = {"connections": 20, "flows_per_minute": 60_000, "max_flows": 15}
    async with serve(**knobs) as (simulator, client):
        await simulator.finished()
        served = (await client.get("/_simulator/ledger")).json()
        assert msgspec.convert(served["flows"], list[FlowRecord]) == simulator.ledger.flows
        assert served["running"] == 0
        counted = {
            (each["outcome"], each["flow_type"], each["domain"]): each["count"]
            for each in served["totals"]
        }
        assert counted == simulator.ledger.counts()
