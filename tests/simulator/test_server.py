"""The API's calls: what they answer, page by page, and what they refuse."""

import asyncio
from typing import Any

import pytest

from exporter.simulator import player

BODY = {"domain": "plain.example", "profile_name": "jane"}


async def _create(client: Any, **more: str) -> str:
    return str((await client.post("/auth/connections", json={**BODY, **more})).json()["id"])


async def test_250_connections_are_listed_once_each_in_a_stable_order(serve: Any) -> None:
    async with serve(connections=250, domains=7) as (simulator, client):
        for limit in (20, 100):
            ids, offset, pages = [], 0, 0
            while True:
                query = {"limit": limit, "offset": offset}
                page = await client.get("/auth/connections", params=query)
                ids += [each["id"] for each in page.json()]
                pages += 1
                offset = int(page.headers["X-Next-Offset"])
                assert page.headers["X-Has-More"] == ("true" if offset else "false")
                if not offset:
                    break
            assert ids == list(simulator.world.connections)
            assert pages == -(-250 // limit)


async def test_a_page_has_20_unless_told_and_never_more_than_100(serve: Any) -> None:
    async with serve(connections=30) as (_, client):
        assert len((await client.get("/auth/connections")).json()) == 20
        for bad in ("limit=0", "limit=101", "limit=x", "offset=-1", "limit=1.5"):
            answer = await client.get(f"/auth/connections?{bad}")
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_the_list_is_filtered_by_domain_profile_and_query(serve: Any) -> None:
    async with serve(connections=30, domains=3) as (simulator, client):
        some = list(simulator.world.connections.values())[4]
        for query, expected in (
            ({"domain": some.domain}, 10),
            ({"profile_name": some.profile_name}, 1),
            ({"query": some.profile_name.upper()}, 1),
            ({"query": "no such thing"}, 0),
        ):
            found = (await client.get("/auth/connections", params=query)).json()
            assert len(found) == expected
        assert found == []


async def test_a_connection_is_created_retrieved_and_deleted(serve: Any) -> None:
    async with serve() as (_, client):
        created = await client.post("/auth/connections", json={**BODY, "auto_reauth": False})
        assert created.status_code == 201
        url = f"/auth/connections/{created.json()['id']}"
        assert (await client.get(url)).json() == created.json()
        assert created.json()["auto_reauth"] is False
        assert created.json()["flow_status"] is None
        assert (await client.post("/auth/connections", json=BODY)).status_code == 409
        assert (await client.delete(url)).status_code == 204
        assert (await client.get(url)).status_code == 404


@pytest.mark.parametrize(
    "call",
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/login"),
        ("POST", "/submit"),
        ("GET", "/events"),
        ("GET", "/timeline"),
    ],
)
async def test_every_call_on_an_unknown_connection_is_404(
    serve: Any, call: tuple[str, str]
) -> None:
    async with serve() as (_, client):
        answer = await client.request(call[0], f"/auth/connections/nobody{call[1]}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.json()["message"]


async def test_bad_bodies_are_400(serve: Any) -> None:
    async with serve() as (_, client):
        for body in (b"{", b"[]", b'{"domain": ""}', b'{"domain": 1, "profile_name": "x"}'):
            assert (await client.post("/auth/connections", content=body)).status_code == 400
        submit = f"/auth/connections/{await _create(client)}/submit"
        for body in (b"{}", b'{"fields": 1}', b"nonsense"):
            assert (await client.post(submit, content=body)).status_code == 400


async def test_a_second_login_is_409_while_the_first_runs(serve: Any) -> None:
    async with serve() as (_, client):
        url = f"/auth/connections/{await _create(client)}"
        first = await client.post(f"{url}/login")
        assert first.json().keys() == {
            "id",
            "flow_type",
            "flow_expires_at",
            "hosted_url",
            "handoff_code",
            "live_view_url",
        }
        assert (await client.post(f"{url}/login")).status_code == 409
        shown = (await client.get(url)).json()
        assert shown["flow_status"] == "IN_PROGRESS"
        assert shown["flow_expires_at"] == first.json()["flow_expires_at"]
        (entry,) = (await client.get(f"{url}/timeline")).json()
        assert (entry["type"], entry["status"]) == ("login", "IN_PROGRESS")
        assert entry["browser_session_id"] == shown["browser_session_id"]
        assert "completed_at" not in entry


async def test_a_login_supersedes_a_flow_that_is_stuck_past_its_expiry(
    serve: Any, follow: Any, until: Any
) -> None:
    async with serve() as (simulator, client):
        connection_id = await _create(client, domain="superseded.example")
        url = f"/auth/connections/{connection_id}"
        await client.post(f"{url}/login")
        joined = asyncio.Event()
        following = asyncio.create_task(follow(client, connection_id, joined))
        await joined.wait()

        async def superseded() -> bool:
            return bool((await client.post(f"{url}/login")).status_code == 200)

        await until(superseded)
        await _answer_all(client, url, {"email": "j@x.example", "password": "correct-horse"})
        events = await following
        assert events[-1]["flow_status"] == "SUCCESS"
        assert len({each["hosted_url"] for each in events[:-1]}) == 2
        assert [each.outcome for each in simulator.ledger.flows] == ["superseded", "success"]
        timeline = (await client.get(f"{url}/timeline")).json()
        assert [each["status"] for each in timeline] == ["SUCCESS", "EXPIRED"]


async def _answer_all(client: Any, url: str, values: dict[str, str]) -> dict[str, Any]:
    """Submits these values whenever the flow asks; the connection as it is afterwards."""
    while True:
        shown: dict[str, Any] = (await client.get(url)).json()
        if shown["flow_status"] != "IN_PROGRESS":
            return shown
        if shown["flow_step"] == "AWAITING_INPUT":
            await client.post(f"{url}/submit", json={"fields": values})
        await asyncio.sleep(0.01)


async def test_the_right_password_logs_in_and_a_wrong_one_is_refused_three_times(
    serve: Any,
) -> None:
    async with serve() as (simulator, client):
        url = f"/auth/connections/{await _create(client)}"
        for password, status, connection_status, requests in (
            ("correct-horse", "SUCCESS", "AUTHENTICATED", 1),
            ("battery-staple", "FAILED", "NEEDS_AUTH", 3),
        ):
            await client.post(f"{url}/login")
            values = {"email": "j@x.example", "password": password}
            shown = await _answer_all(client, url, values)
            assert (shown["flow_status"], shown["status"]) == (status, connection_status)
            record = simulator.ledger.flows[-1]
            assert len(record.input_requests) == requests
            assert len(record.website_errors) == (3 if status == "FAILED" else 0)


async def test_the_domain_that_never_takes_a_password_takes_none(serve: Any) -> None:
    async with serve() as (_, client):
        connection_id = await _create(client, domain="wrong-password-to-the-end.example")
        url = f"/auth/connections/{connection_id}"
        await client.post(f"{url}/login")
        values = {"email": "j@x.example", "password": "correct-horse"}
        shown = await _answer_all(client, url, values)
        assert (shown["flow_status"], shown["error_code"]) == ("FAILED", "credentials_invalid")


async def test_an_answer_that_nobody_asked_for_is_409(serve: Any, until: Any) -> None:
    async with serve() as (simulator, client):
        url = f"/auth/connections/{await _create(client)}"
        answer = {"fields": {"password": "correct-horse"}}
        assert (await client.post(f"{url}/submit", json=answer)).status_code == 409
        await client.post(f"{url}/login")

        async def asked() -> bool:
            return bool((await client.get(url)).json()["flow_step"] == "AWAITING_INPUT")

        await until(asked)
        stale = {"field_values": {"field_password": "x"}, "interaction_id": "an earlier one"}
        assert (await client.post(f"{url}/submit", json=stale)).status_code == 409
        assert simulator.ledger.flows[0].outcome is None


async def test_the_timeline_is_newest_first_paged_filtered_and_keeps_its_ids(serve: Any) -> None:
    async with serve() as (simulator, client):
        connection_id = await _create(client)
        url = f"/auth/connections/{connection_id}/timeline"
        started = []
        for scenario in ("password_login", "reauth", "captcha"):
            wish = {"connection_id": connection_id, "scenario": scenario}
            started.append((await client.post("/_simulator/start", json=wish)).json()["flow_id"])
            await simulator.finished()
        entries = (await client.get(url)).json()
        assert [(each["type"], each["status"]) for each in entries] == [
            ("login", "FAILED"),
            ("reauth", "SUCCESS"),
            ("health_check", "NEEDS_AUTH"),
            ("login", "SUCCESS"),
        ]
        flows = [each for each in entries if each["type"] != "health_check"]
        assert [each["id"] for each in flows] == started[::-1]
        assert all(each["completed_at"] >= each["timestamp"] for each in flows)
        assert "completed_at" not in entries[2]
        assert entries[2]["previous_status"] == "AUTHENTICATED"
        assert entries[0]["error_code"] == "captcha_blocked"
        second = await client.get(url, params={"limit": 2, "offset": 2})
        assert second.json() == entries[2:]
        assert second.headers["X-Has-More"] == "false"
        only = await client.get(url, params={"type": "login"})
        assert only.json() == [entries[0], entries[3]]
        assert (await client.get(url, params={"type": "nonsense"})).status_code == 400


async def test_deleting_a_connection_cancels_its_flow_and_ends_its_stream(
    serve: Any, follow: Any
) -> None:
    async with serve(time_scale=1.0) as (simulator, client):
        connection_id = await _create(client)
        await client.post(f"/auth/connections/{connection_id}/login")
        joined = asyncio.Event()
        following = asyncio.create_task(follow(client, connection_id, joined))
        await joined.wait()
        await client.delete(f"/auth/connections/{connection_id}")
        assert (await following)[-1]["flow_status"] == "CANCELED"
        assert simulator.ledger.flows[0].outcome == "canceled"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nonsense", 404, "not_found"),
        ("PUT", "/auth/connections", 405, "method_not_allowed"),
    ],
)
async def test_what_the_api_does_not_have_is_an_error_in_the_api_s_form(
    serve: Any, method: str, path: str, status: int, code: str
) -> None:
    async with serve() as (_, client):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("domain", ["plain.example", "superseded.example"])
async def test_a_client_that_never_answers_lets_its_flow_expire(
    serve: Any, follow: Any, monkeypatch: pytest.MonkeyPatch, domain: str
) -> None:
    monkeypatch.setattr(player, "INPUT_LIMIT_SECONDS", 0.05)
    async with serve() as (simulator, client):
        connection_id = await _create(client, domain=domain)
        await client.post(f"/auth/connections/{connection_id}/login")
        events = await follow(client, connection_id)
        assert events[-1]["flow_status"] == "EXPIRED"
        assert simulator.ledger.flows[0].outcome == "expired"
