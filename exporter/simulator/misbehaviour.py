"""The scenarios that break the API's promises on purpose, each by name, and the bytes they send.

Each is otherwise a complete flow that ends with an outcome. What is forged is broadcast once to
the streams that are open; the flow's own state, which a later stream begins with, stays true.
"""

import json

from exporter.simulator.forms import CREDENTIALS
from exporter.simulator.scenarios import DISCOVER, LOG_IN, SUBMIT, SUCCESS
from exporter.simulator.script import (
    DISCOVERY,
    PUSH,
    SUBMISSION,
    Ask,
    End,
    Forged,
    Incident,
    Scenario,
    Seconds,
    Visit,
    Wire,
    WireFault,
)
from exporter.simulator.texts import APPROVE

MALFORMED_MESSAGES: tuple[bytes, ...] = (
    b'event: managed_auth_state\ndata: {"event": "managed_auth_state", "flow_status": "IN_PRO\n\n',
    b'data: {"event": "managed_auth_state", "timestamp": 7, "flow_status": {}, "flow_step": 1}\n\n',
    b"data: [1, 2, 3]\n\n",
    b"data: \xff\xfe\xc3\x28 not text\n\n",
)
"""Broken JSON, wrong types, the wrong kind of JSON, and invalid UTF-8."""

OVERSIZED_BYTES = 1_200_000
"""Above the 1 MiB that a careful client takes for one message."""

_NEWER_MEMBERS: dict[str, object] = {
    "schema_version": "2099-01-01",
    "risk": {"score": 0.3, "signals": ["new_device", {"kind": "geo", "weight": [1, 2, None]}]},
    "attempt": 2**70,
    "flow_phase": "warm-up",
}


def oversized_message() -> bytes:
    """One valid message of more than 1 MiB: the padding is in a member that nobody knows."""
    padding = {"event": "managed_auth_padding", "padding": "x" * OVERSIZED_BYTES}
    return b"data: " + json.dumps(padding).encode() + b"\n\n"


def _login(
    *incidents: Incident, refusals: tuple[int, ...] = (), extra: dict[str, object] | None = None
) -> Scenario:
    """A password login during whose submission the incidents happen."""
    ask = Ask(CREDENTIALS, during=incidents)
    return Scenario((DISCOVER, ask, SUCCESS), refusals=refusals, extra=extra or {}, misbehaves=True)


def _wire(fault: WireFault) -> Scenario:
    return _login(Wire(fault))


def _script(*beats: Visit | Ask | End) -> Scenario:
    return Scenario(beats, misbehaves=True)


MISBEHAVIOUR: dict[str, Scenario] = {
    "illegal_skipped_step": _script(
        DISCOVER,
        Visit("AWAITING_INPUT", Seconds(3, 8), prompt=CREDENTIALS),
        Visit("DISCOVERING", DISCOVERY, illegal="skipped_step"),
        LOG_IN,
        SUCCESS,
    ),
    "illegal_after_terminal": _script(
        DISCOVER,
        LOG_IN,
        End(
            "SUCCESS",
            after=(Forged({"flow_status": "CANCELED", "post_login_url": None}, "after_terminal"),),
        ),
    ),
    "illegal_status_step_mismatch": _login(
        Forged({"flow_step": "COMPLETED"}, "status_step_mismatch")
    ),
    "illegal_timestamp_regression": _login(Forged({}, "timestamp_regression", age_seconds=30)),
    "illegal_flow_type_changed": _login(Forged({"flow_type": "REAUTH"}, "flow_type_changed")),
    "illegal_missing_pause_details": _script(
        DISCOVER,
        LOG_IN,
        Visit(
            "AWAITING_EXTERNAL_ACTION",
            PUSH,
            message=APPROVE[0],
            entry=Forged({"external_action_message": None}, "missing_pause_details"),
        ),
        SUBMIT,
        SUCCESS,
    ),
    "illegal_unknown_status": _login(Forged({"flow_status": "PAUSED"}, "unknown_status")),
    "illegal_unknown_step": _login(Forged({"flow_step": "SOLVING_CAPTCHA"}, "unknown_step")),
    "illegal_unknown_flow_type": _login(Forged({"flow_type": "IMPORT"}, "unknown_flow_type")),
    "unknown_event": _login(Forged({"event": "managed_auth_recording"})),
    "unknown_members": _login(extra=_NEWER_MEMBERS),
    "cut_stream": _wire(WireFault.CUT),
    "cut_mid_event": _wire(WireFault.CUT_MID_EVENT),
    "malformed": _wire(WireFault.MALFORMED),
    "oversized": _wire(WireFault.OVERSIZED),
    "slow_stream": _script(
        Visit("DISCOVERING", DISCOVERY, during=(Wire(WireFault.DRIP),)), LOG_IN, SUCCESS
    ),
    "silent": _script(
        Visit("DISCOVERING", Seconds(100, 140), during=(Wire(WireFault.SILENCE),)), LOG_IN, SUCCESS
    ),
    "error_event": _login(
        Forged(
            {
                "event": "error",
                "error": {"code": "internal_error", "message": "The stream hiccupped."},
            }
        )
    ),
    "flaky_connect": Scenario(
        (Visit("DISCOVERING", SUBMISSION), LOG_IN, SUCCESS), refusals=(503, 429), misbehaves=True
    ),
}
