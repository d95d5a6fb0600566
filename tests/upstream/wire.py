"""Messages as the upstream sends them, and listings as its lists show them."""

import json
from datetime import UTC, datetime

START_SECONDS = 1_750_000_000


def message(event: str, **members: object) -> bytes:
    return f"data: {json.dumps({'event': event, **members})}\n\n".encode()


def timestamp(second: float) -> str:
    return datetime.fromtimestamp(START_SECONDS + second, UTC).isoformat()


def state(second: float, step: str, status: str = "IN_PROGRESS", **members: object) -> bytes:
    if step == "AWAITING_INPUT":
        members.setdefault("fields", [{"name": "password", "type": "password"}])
    return message(
        "managed_auth_state",
        timestamp=timestamp(second),
        flow_status=status,
        flow_step=step,
        flow_type="LOGIN",
        **members,
    )


def heartbeat(second: float) -> bytes:
    return message("sse_heartbeat", timestamp=timestamp(second))


SUCCESS = state(9, "COMPLETED", "SUCCESS")


def connection(connection_id: str, **members: object) -> dict[str, object]:
    return {
        "id": connection_id,
        "domain": "example.com",
        "profile_name": "p",
        "status": "NEEDS_AUTH",
        **members,
    }


def running(connection_id: str, step: str = "AWAITING_INPUT") -> dict[str, object]:
    return connection(connection_id, flow_status="IN_PROGRESS", flow_step=step, flow_type="LOGIN")


def entry(
    entry_id: str, begun: float, over: float | None = None, status: str = "SUCCESS"
) -> dict[str, object]:
    """A login as a timeline shows it, with its times in seconds after the start."""
    return {
        "id": entry_id,
        "type": "login",
        "timestamp": timestamp(begun),
        "status": status,
        "step": "COMPLETED" if over is not None else "SUBMITTING",
        "completed_at": None if over is None else timestamp(over),
        "updated_at": timestamp(begun if over is None else over),
    }
