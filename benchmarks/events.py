"""The events of login flows as Kernel sends them, some 600 bytes each."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_BEGAN = datetime(2026, 1, 5, 10, tzinfo=UTC)
_ALWAYS = {
    "flow_status": "IN_PROGRESS",
    "flow_type": "LOGIN",
    "hosted_url": "https://auth.example/login?code=c0de-of-a-hosted-login-page",
    "live_view_url": "https://live.example/view?jwt=t0ken-of-a-live-view",
}


def _asks(flow: int, visit: int, *names: str) -> dict[str, Any]:
    """The members of a state that waits for these fields, in both of Kernel's forms."""
    common = {"label": "A field", "required": True}
    return {
        "flow_step": "AWAITING_INPUT",
        "interaction_id": f"interaction_{flow}_{visit}",
        "discovered_fields": [
            {"name": name, "type": name, "selector": f"#{name}", **common} for name in names
        ],
        "fields": [
            {
                "id": f"field_{name}",
                "ref": name,
                "type": "identifier" if name == "email" else name,
                "observed_selector": f"#{name}",
                "reason": "missing",
                **common,
            }
            for name in names
        ],
    }


def _end(*, good: bool) -> dict[str, Any]:
    if good:
        url = "https://shop.example/home?session=s3ssion"
        return {"flow_status": "SUCCESS", "flow_step": "COMPLETED", "post_login_url": url}
    code, text = "credentials_invalid", "The site did not accept the credentials"
    end = {"flow_status": "FAILED", "flow_step": "SUBMITTING"}
    return {**end, "error_code": code, "error_message": text}


def flow(number: int) -> Iterator[bytes]:
    """The JSON of six events, from the start to the end; each fifth flow has an error and fails."""
    good = number % 5 != 0
    wrong = {} if good else {"website_error": "That code is not right, please try again"}
    states = (
        {"flow_step": "DISCOVERING"},
        _asks(number, 1, "email", "password"),
        {"flow_step": "SUBMITTING"},
        {**_asks(number, 2, "code"), **wrong},
        {"flow_step": "SUBMITTING"},
        _end(good=good),
    )
    for place, state in enumerate(states):
        at = _BEGAN + timedelta(minutes=number, seconds=4 * place)
        stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"event": "managed_auth_state", "timestamp": stamp}
        yield json.dumps({**head, **_ALWAYS, **state}).encode()


EVENTS_A_FLOW = len(list(flow(0)))


def short_flow() -> list[bytes]:
    """Three events: the start, work, success."""
    first, *_, working, last = flow(1)
    return [first, working, last]


def heartbeat() -> bytes:
    """A heartbeat, with the time that it is."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"event": "sse_heartbeat", "timestamp": stamp}).encode()


def chunk(event: bytes) -> bytes:
    """The event as a message of the stream, in a chunk of its own."""
    kind = b"sse_heartbeat" if b'"sse_heartbeat"' in event else b"managed_auth_state"
    message = b"event: %b\ndata: %b\n\n" % (kind, event)
    return b"%x\r\n%b\r\n" % (len(message), message)
