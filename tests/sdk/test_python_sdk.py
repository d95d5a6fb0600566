"""The official Python SDK, ``kernel`` on PyPI, judges the simulator: its models are the law."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pydantic
import pytest
from kernel import AsyncKernel, ConflictError, NotFoundError
from kernel.types.auth import ConnectionFollowResponse, ManagedAuth, ManagedAuthTimelineEvent
from kernel.types.auth.connection_follow_response import ManagedAuthStateEvent

from exporter.simulator.runner import Simulator

FOLLOWED: pydantic.TypeAdapter[ConnectionFollowResponse] = pydantic.TypeAdapter(
    ConnectionFollowResponse
)


@pytest.fixture
async def kernel(simulator: Simulator) -> AsyncIterator[AsyncKernel]:
    """A client that does not retry, so that what is refused is seen."""
    key, url = simulator.config.api_key, simulator.base_url
    async with AsyncKernel(api_key=key, base_url=url, max_retries=0) as client:
        yield client


async def _log_in(
    kernel: AsyncKernel, connection_id: str, values: dict[str, str]
) -> list[ManagedAuthStateEvent]:
    """Logs in, follows, and answers every question with these values; the events to the end."""
    login = await kernel.auth.connections.login(connection_id)
    assert login.id == connection_id
    assert login.flow_type == "LOGIN"
    events = []
    async for event in await kernel.auth.connections.follow(connection_id):
        # The SDK constructs its models unchecked; validating is what makes it a judge.
        FOLLOWED.validate_python(event.model_dump(exclude_unset=True, warnings="error"))
        if not isinstance(event, ManagedAuthStateEvent):
            continue
        events.append(event)
        if event.flow_step == "AWAITING_INPUT":
            assert event.discovered_fields
            fields = {field.name: values[field.name] for field in event.discovered_fields}
            answer = await kernel.auth.connections.submit(connection_id, fields=fields)
            assert answer.accepted is True
    return events


async def test_create_login_submit_and_follow_through_two_factors_to_success(
    kernel: AsyncKernel, simulator: Simulator
) -> None:
    created = await kernel.auth.connections.create(
        domain="sms-two-factor.example", profile_name="jane"
    )
    assert created.status == "NEEDS_AUTH"
    values = {"email": "j@x.example", "password": "correct-horse", "code": "123456"}
    events = await _log_in(kernel, created.id, values)
    steps = [event.flow_step for event in events if event.flow_step != "DISCOVERING"]
    assert steps == [*["AWAITING_INPUT", "SUBMITTING"] * 2, "COMPLETED"]
    assert events[-1].flow_status == "SUCCESS"
    assert events[-1].post_login_url is not None
    connection = await kernel.auth.connections.retrieve(created.id)
    ManagedAuth.model_validate(connection.model_dump(exclude_unset=True, warnings="error"))
    assert (connection.status, connection.flow_status) == ("AUTHENTICATED", "SUCCESS")
    (record,) = simulator.ledger.flows
    assert [each.kind for each in record.input_requests] == ["credentials", "one_time_code"]


async def test_a_wrong_code_to_the_end_fails(kernel: AsyncKernel) -> None:
    created = await kernel.auth.connections.create(
        domain="sms-two-factor.example", profile_name="jane"
    )
    values = {"email": "j@x.example", "password": "correct-horse", "code": "000000"}
    events = await _log_in(kernel, created.id, values)
    assert (events[-1].flow_status, events[-1].error_code) == ("FAILED", "credentials_invalid")
    assert events[-1].error_message
    refused = [event for event in events if event.website_error]
    assert len([event for event in refused if event.flow_step == "AWAITING_INPUT"]) == 2
    (entry,) = await _timeline(kernel, created.id)
    assert (entry.type, entry.status) == ("login", "FAILED")
    assert (entry.error_code, entry.error_message) == (
        events[-1].error_code,
        events[-1].error_message,
    )
    assert entry.completed_at == events[-1].timestamp
    assert entry.website_error == refused[-1].website_error


async def _timeline(kernel: AsyncKernel, connection_id: str) -> list[ManagedAuthTimelineEvent]:
    """The whole timeline over several pages, validated: the SDK itself does not."""
    entries = []
    async for entry in kernel.auth.connections.timeline(connection_id, limit=2):
        dumped = entry.model_dump(exclude_unset=True, warnings="error")
        entries.append(ManagedAuthTimelineEvent.model_validate(dumped))
    return entries


async def test_the_timeline_tells_of_every_flow_and_health_check_as_the_ledger_does(
    kernel: AsyncKernel, simulator: Simulator
) -> None:
    world = simulator.world
    connection = next(iter(world.connections.values()))
    for scenario in ("quick_login", "quick_reauth", "quick_reauth_failed", "input_expired"):
        world.start(connection, scenario)
        await simulator.finished()
    world.check(connection, "check_by_the_clock")
    await kernel.auth.connections.login(connection.id)
    entries = (await _timeline(kernel, connection.id))[::-1]
    flows = [entry for entry in entries if entry.type != "health_check"]
    assert [entry.id for entry in flows] == [record.flow_id for record in simulator.ledger.flows]
    assert [(entry.type, entry.status, entry.previous_status) for entry in entries] == [
        ("login", "SUCCESS", None),
        ("health_check", "NEEDS_AUTH", "AUTHENTICATED"),
        ("reauth", "SUCCESS", None),
        ("health_check", "NEEDS_AUTH", "AUTHENTICATED"),
        ("reauth", "FAILED", None),
        ("login", "EXPIRED", None),
        ("health_check", "NEEDS_AUTH", "NEEDS_AUTH"),
        ("login", "IN_PROGRESS", None),
    ]
    for entry, record in zip(flows, simulator.ledger.flows, strict=True):
        assert _ns(entry.timestamp) == record.created_ns
        assert (entry.completed_at and _ns(entry.completed_at)) == record.ended_ns
        assert entry.browser_session_id == record.browser_session_id
        assert entry.updated_at is not None
    only = kernel.auth.connections.timeline(connection.id, type="reauth", limit=1)
    assert [entry.status async for entry in only] == ["FAILED", "SUCCESS"]


def _ns(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1_000


async def test_the_canonical_form_of_an_answer_is_understood(kernel: AsyncKernel) -> None:
    created = await kernel.auth.connections.create(domain="sso.example", profile_name="jane")
    await kernel.auth.connections.login(created.id)
    last = None
    async for event in await kernel.auth.connections.follow(created.id):
        last = event
        if not isinstance(event, ManagedAuthStateEvent) or event.interaction_id is None:
            continue
        interaction, fields = event.interaction_id, event.fields or []
        if event.choices:
            await kernel.auth.connections.submit(
                created.id, interaction_id=interaction, selected_choice_id=event.choices[0].id
            )
        else:
            values = {field.id: "correct-horse" for field in fields}
            await kernel.auth.connections.submit(
                created.id, interaction_id=interaction, field_values=values
            )
    assert isinstance(last, ManagedAuthStateEvent)
    assert last.flow_status == "SUCCESS"


async def test_every_connection_is_listed_once_over_several_pages(
    kernel: AsyncKernel, simulator: Simulator
) -> None:
    first = await kernel.auth.connections.list(limit=20)
    assert (len(first.items), first.has_more, first.next_offset) == (20, True, 20)
    listed = [connection async for connection in kernel.auth.connections.list(limit=20)]
    assert [each.id for each in listed] == list(simulator.world.connections)
    for each in listed:
        ManagedAuth.model_validate(each.model_dump(exclude_unset=True, warnings="error"))


async def test_refusals_are_the_sdk_s_typed_errors(kernel: AsyncKernel) -> None:
    with pytest.raises(NotFoundError):
        await kernel.auth.connections.retrieve("nobody")
    created = await kernel.auth.connections.create(domain="plain.example", profile_name="jane")
    await kernel.auth.connections.login(created.id)
    with pytest.raises(ConflictError):
        await kernel.auth.connections.login(created.id)
    await kernel.auth.connections.delete(created.id)
    with pytest.raises(NotFoundError):
        await kernel.auth.connections.retrieve(created.id)
