"""Every well-behaved scenario, as a plain subscriber sees it over HTTP, against the ledger."""

import asyncio
import itertools
import json
from datetime import datetime
from random import Random
from typing import Any

import httpx
import pytest
from httpx_sse import aconnect_sse
from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.catalogue import Mix
from exporter.simulator.config import SimulatorConfig
from exporter.simulator.ledger import FlowRecord
from exporter.simulator.runner import Simulator
from exporter.simulator.scenarios import QUICK_SCENARIOS, REALISTIC_MIX, SCENARIOS
from exporter.simulator.script import Visit

WELL_BEHAVED = {**SCENARIOS, **QUICK_SCENARIOS}
TERMINALS = {"SUCCESS", "FAILED", "EXPIRED", "CANCELED"}
# The table of the flow machine's document, written down a second time on purpose.
LEGAL = {
    "IDLE": {"DISCOVERING"},
    "DISCOVERING": {"AWAITING_INPUT", "AWAITING_EXTERNAL_ACTION", "SUBMITTING"} | TERMINALS,
    "AWAITING_INPUT": {"SUBMITTING", "FAILED", "EXPIRED", "CANCELED"},
    "SUBMITTING": {"DISCOVERING", "AWAITING_INPUT", "AWAITING_EXTERNAL_ACTION"} | TERMINALS,
    "AWAITING_EXTERNAL_ACTION": {"DISCOVERING", "AWAITING_INPUT", "SUBMITTING"} | TERMINALS,
}
OUTCOMES = {
    "wrong_password_to_the_end": ("failed", "credentials_invalid"),
    "captcha": ("failed", "captcha_blocked"),
    "bot_detection": ("failed", "bot_detected"),
    "site_down": ("failed", "website_error"),
    "input_expired": ("expired", None),
    "canceled": ("canceled", None),
    "reauth_failed": ("failed", "sms_code_required"),
    "superseded": ("superseded", None),
    "quick_reauth_failed": ("failed", "customer_input_required"),
}
REQUESTS = {
    "password_login": ["credentials"],
    "sms_two_factor": ["credentials", "one_time_code"],
    "totp": ["credentials", "mfa_choice", "one_time_code"],
    "push_fallback": ["credentials", "one_time_code"],
    "sso": ["sso", "credentials"],
    "account_picker": ["account_choice", "credentials"],
    "wrong_password_then_right": ["credentials", "credentials"],
    "wrong_password_to_the_end": ["credentials"] * 3,
    "bot_detection": [],
    "reauth": [],
    "quick_login": [],
}
Seen = dict[str, tuple[list[FlowRecord], list[dict[str, Any]]]]


async def _watch(client: httpx.AsyncClient, name: str) -> tuple[str, list[dict[str, Any]]]:
    """Opens the stream first and starts the flow then, so that nothing is missed."""
    body = {"domain": f"{name.replace('_', '-')}.test", "profile_name": "p"}
    connection_id = (await client.post("/auth/connections", json=body)).json()["id"]
    url = f"/auth/connections/{connection_id}/events"
    async with aconnect_sse(client, "GET", url) as source:
        start = {"connection_id": connection_id, "scenario": name}
        assert (await client.post("/_simulator/start", json=start)).status_code == 201
        return connection_id, [json.loads(each.data) async for each in source.aiter_sse()]


async def _run_all() -> Seen:
    config = SimulatorConfig(connections=0, flows_per_minute=0, time_scale=300.0)
    headers = {"Authorization": f"Bearer {config.api_key}"}
    seen: Seen = {}
    async with (
        Simulator(config) as simulator,
        httpx.AsyncClient(base_url=simulator.base_url, headers=headers, timeout=10) as client,
    ):
        watched = await asyncio.gather(*(_watch(client, name) for name in WELL_BEHAVED))
        await simulator.finished()
        for name, (connection_id, events) in zip(WELL_BEHAVED, watched, strict=True):
            flows = simulator.ledger.flows
            mine = [record for record in flows if record.connection_id == connection_id]
            seen[name] = (mine, events)
    return seen


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Each scenario run once: its ledger records and its stream's messages."""
    return asyncio.run(_run_all())


def _state(event: dict[str, Any]) -> str:
    status, step = event["flow_status"], event["flow_step"]
    return str(status if status in TERMINALS else step)


def _ns(timestamp: str) -> int:
    moment = datetime.fromisoformat(timestamp)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


def _flows(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The events of each flow: another hosted_url while in progress is another flow."""
    flows: list[list[dict[str, Any]]] = []
    identity = None
    for event in events:
        changed = event["flow_status"] == "IN_PROGRESS" and event.get("hosted_url") != identity
        if not flows or changed:
            flows.append([])
            identity = event.get("hosted_url")
        flows[-1].append(event)
    return flows


def _moves(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """(state, when it was entered), repeats left out."""
    moves: list[tuple[str, int]] = []
    for event in events:
        if not moves or moves[-1][0] != _state(event):
            moves.append((_state(event), _ns(event["timestamp"])))
    return moves


def _errors(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(text, step), each text once until SUBMITTING is entered again."""
    errors: list[tuple[str, str]] = []
    shown: set[str] = set()
    before = ""
    for event in events:
        if _state(event) == "SUBMITTING" != before:
            shown.clear()
        before, text = _state(event), event.get("website_error")
        if text is not None and text not in shown:
            shown.add(text)
            errors.append((text, _state(event)))
    return errors


@pytest.mark.parametrize("name", WELL_BEHAVED)
def test_a_scenario_ends_with_its_outcome(seen: Seen, name: str) -> None:
    record = seen[name][0][0]
    assert (record.outcome, record.error_code) == OUTCOMES.get(name, ("success", None))
    assert record.flow_type == ("REAUTH" if "reauth" in name else "LOGIN")
    assert record.illegal == []


@pytest.mark.parametrize("name", WELL_BEHAVED)
def test_a_scenario_makes_legal_moves_only(seen: Seen, name: str) -> None:
    for events in _flows(seen[name][1]):
        states = ["IDLE", *(state for state, _ in _moves(events))]
        for source, target in itertools.pairwise(states):
            assert target in LEGAL[source], f"{source} to {target}"


@pytest.mark.parametrize("name", WELL_BEHAVED)
def test_the_ledger_is_what_the_subscriber_saw(seen: Seen, name: str) -> None:
    records, events = seen[name]
    flows = _flows(events)
    assert len(flows) == len(records)
    for record, flow in zip(records, flows, strict=True):
        working = [move for move in _moves(flow) if move[0] not in TERMINALS]
        assert [(each.step, each.entered_ns) for each in record.steps] == working
        assert [(each.text, each.step) for each in record.website_errors] == _errors(flow)
        assert record.started_ns == working[0][1]
        if record.outcome != "superseded":
            state, at_ns = _moves(flow)[-1]
            assert (record.outcome, record.ended_ns) == (state.lower(), at_ns)
            assert flow[-1].get("error_code") == record.error_code
        visits = record.steps
        for visit, after in itertools.pairwise(visits):
            assert (visit.left_ns, visit.next) == (after.entered_ns, after.step)


@pytest.mark.parametrize("name", REQUESTS)
def test_input_is_asked_for_as_the_scenario_says(seen: Seen, name: str) -> None:
    requests = seen[name][0][0].input_requests
    assert [each.kind for each in requests] == REQUESTS[name]
    kinds = REQUESTS[name]
    assert [each.retry for each in requests] == [
        kind in kinds[:index] for index, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize("name", QUICK_SCENARIOS)
@given(st.integers())
def test_a_quick_flow_always_lasts_1_to_5_seconds(name: str, seed: int) -> None:
    rng = Random(seed)
    visits = [beat for beat in QUICK_SCENARIOS[name].beats if isinstance(beat, Visit)]
    assert 1 <= sum(visit.seconds.draw(rng) for visit in visits) <= 5


def test_a_superseded_flow_hands_its_stream_to_the_next_login(seen: Seen) -> None:
    records, events = seen["superseded"]
    assert [record.outcome for record in records] == ["superseded", "success"]
    last = records[0].steps[-1]
    assert (last.step, last.next) == ("AWAITING_INPUT", None)
    assert last.left_ns == records[0].ended_ns
    assert len({event["hosted_url"] for event in events if "hosted_url" in event}) == 2


def test_pauses_carry_both_forms_and_a_new_interaction_each_time(seen: Seen) -> None:
    asking = [event for event in seen["totp"][1] if event["flow_step"] == "AWAITING_INPUT"]
    ids = list(dict.fromkeys(event["interaction_id"] for event in asking))
    assert len(ids) == 3
    assert {"discovered_fields", "fields"} <= asking[0].keys()
    choice = next(event for event in asking if "choices" in event)
    assert len(choice["mfa_options"]) == len(choice["choices"]) == 3


def test_an_external_action_says_what_to_do(seen: Seen) -> None:
    for name in ("push_approval", "push_fallback"):
        waiting = [e for e in seen[name][1] if e["flow_step"] == "AWAITING_EXTERNAL_ACTION"]
        assert waiting
        assert all(event["external_action_message"] for event in waiting)
    assert waiting[0]["mfa_options"]


def test_a_refused_password_is_marked_as_rejected_and_cleared_by_the_next_try(seen: Seen) -> None:
    again = [e for e in seen["wrong_password_then_right"][1] if e.get("website_error")]
    assert {event["flow_step"] for event in again} == {"AWAITING_INPUT"}
    assert all(field["reason"] == "rejected" for event in again for field in event["fields"])


def test_urls_with_secrets_are_there_while_a_flow_runs_only(seen: Seen) -> None:
    for event in seen["password_login"][1]:
        running = event["flow_status"] == "IN_PROGRESS"
        assert ("hosted_url" in event, "live_view_url" in event) == (running, running)
        assert ("post_login_url" in event) is not running


def test_the_realistic_mix_holds_every_well_behaved_scenario_and_no_other() -> None:
    assert REALISTIC_MIX.keys() == WELL_BEHAVED.keys()
    assert Mix(REALISTIC_MIX).weights == REALISTIC_MIX
