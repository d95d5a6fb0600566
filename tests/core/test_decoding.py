"""Messages of the stream, good and bad, to typed events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.decoding import MAX_TEXT, decode
from exporter.core.events import (
    Heartbeat,
    Pause,
    StateEvent,
    StreamError,
    UnknownEvent,
    WireError,
)

AT = "2023-11-07T05:31:56.25Z"
AT_NS = 1_699_335_116_250_000_000
STATE = {
    "event": "managed_auth_state",
    "timestamp": AT,
    "flow_status": "IN_PROGRESS",
    "flow_step": "DISCOVERING",
}


def state(**members: Any) -> StateEvent:
    event = decode(json.dumps(STATE | members))
    assert isinstance(event, StateEvent)
    return event


def test_the_documented_example_decodes_to_what_matters_in_it() -> None:
    event = state(
        flow_status="FAILED",
        flow_step="COMPLETED",
        flow_type="LOGIN",
        discovered_fields=[{"name": "email", "type": "email", "selector": "input#email"}],
        mfa_options=[{"type": "sms", "label": "Text me a code", "target": "***-***-5678"}],
        pending_sso_buttons=[{"selector": "xpath=//button", "provider": "google", "label": "G"}],
        sign_in_options=[{"id": "1", "label": "Work"}],
        fields=[{"type": "password", "reason": "rejected"}, {"type": "iris_scan"}],
        choices=[{"type": "mfa_method"}, {"type": "horoscope"}],
        interaction_id="i-7",
        external_action_message="Tap your phone",
        website_error="Incorrect password",
        error_message="gave up",
        error_code="credentials_invalid",
        hosted_url="https://auth.example/?t=s3cret",
        live_view_url="https://live.example/?t=s3cret",
        post_login_url="https://shop.example/?session=1",
        something_new={"deep": [1, 2, 3]},
    )
    assert event == StateEvent(
        at_ns=AT_NS,
        flow_status="FAILED",
        flow_step="COMPLETED",
        flow_type="LOGIN",
        pause=Pause(
            field_types=frozenset({"email", "password", "other"}),
            choice_types=frozenset({"mfa_method", "other"}),
            mfa_options=True,
            sso_buttons=True,
            sign_in_options=True,
            external_action_message=True,
            rejected=True,
            interaction_id="i-7",
        ),
        website_error="Incorrect password",
        error_code="credentials_invalid",
        error_message="gave up",
        hosted_url="https://auth.example/?t=s3cret",
    )


@pytest.mark.parametrize(
    ("data", "event"),
    [
        (json.dumps({"event": "sse_heartbeat", "timestamp": AT}), Heartbeat(AT_NS)),
        (json.dumps({"event": "sse_heartbeat"}), Heartbeat(None)),
        (
            json.dumps({"event": "error", "timestamp": AT, "error": {"code": "gone", "x": 1}}),
            StreamError(AT_NS, "gone"),
        ),
        (json.dumps({"event": "error", "error": "odd"}), StreamError(None, "")),
        (json.dumps({"event": "managed_auth_dream", "timestamp": AT}), UnknownEvent()),
    ],
)
def test_the_other_events(data: str, event: object) -> None:
    assert decode(data) == event


@pytest.mark.parametrize(
    "data",
    [
        "",
        "not json",
        "[]",
        "null",
        "{}",
        '{"event": 1}',
        '{"event": "managed_auth_state"',
        b'{"event": "sse_heartbeat\xff"}',
        '{"event": "managed_auth_state", "x": "\x01"}',
        "[" * 100_000,
        '{"event":' * 100_000,
        '{"event":"managed_auth_state","fields":' + "[" * 100_000,
        json.dumps({k: v for k, v in STATE.items() if k != "timestamp"}),
        json.dumps({k: v for k, v in STATE.items() if k != "flow_status"}),
        json.dumps({k: v for k, v in STATE.items() if k != "flow_step"}),
        json.dumps(STATE | {"timestamp": "yesterday"}),
        json.dumps(STATE | {"timestamp": 17}),
        json.dumps(STATE | {"timestamp": "1969-12-31T23:59:59Z"}),
        json.dumps(STATE | {"timestamp": "2300-01-01T00:00:00Z"}),
        json.dumps(STATE | {"flow_status": 5}),
    ],
)
def test_what_is_no_event_is_an_error_value(data: str | bytes) -> None:
    assert isinstance(decode(data), WireError)


@pytest.mark.parametrize("odd", [5, True, ["x"], {"x": 1}, "", None])
@pytest.mark.parametrize(
    "member",
    [
        "website_error",
        "error_code",
        "error_message",
        "hosted_url",
        "interaction_id",
        "external_action_message",
        "discovered_fields",
        "fields",
        "choices",
        "mfa_options",
        "pending_sso_buttons",
        "sign_in_options",
    ],
)
def test_an_odd_optional_member_does_not_lose_the_state(member: str, odd: object) -> None:
    event = state(**{member: odd})
    assert (event.flow_status, event.flow_step) == ("IN_PROGRESS", "DISCOVERING")
    assert event.pause.field_types <= {"other"}


def test_a_time_without_an_offset_is_utc_and_one_with_is_converted() -> None:
    assert state(timestamp="2023-11-07T05:31:56.25").at_ns == AT_NS
    assert state(timestamp="2023-11-07T07:31:56.25+02:00").at_ns == AT_NS


@pytest.mark.parametrize("member", ["website_error", "something_new"])
@pytest.mark.parametrize("half", ["\\ud83d", "\\udc00", "\\ud83d\\ud83d"])
def test_half_of_an_emoji_costs_no_more_than_itself(member: str, half: str) -> None:
    data = json.dumps(STATE)[:-1] + f', "{member}": "Wrong password {half}!"}}'
    event = decode(data)
    assert isinstance(event, StateEvent)
    assert (event.website_error or "Wrong password").startswith("Wrong password")
    (event.website_error or "").encode()


def test_long_text_is_cut() -> None:
    assert len(state(website_error="x" * 100_000).website_error or "") == MAX_TEXT


def test_text_arrives_as_it_was_sent() -> None:
    text = "Falsches Passwort \u2028\u0085 \U0001f511 \u202e"
    assert state(website_error=text).website_error == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*STATE, "flow_type", "fields", "error"]), json_values))
def test_any_members_of_any_type_never_raise(members: dict[str, object]) -> None:
    assert decode(json.dumps(STATE | members)) is not None
    assert decode(json.dumps(members)) is not None


@given(st.text() | st.binary())
def test_any_text_or_bytes_never_raise(data: str | bytes) -> None:
    assert decode(data) is not None
