"""The scenarios of a well-behaved upstream, as data, and how often each happens in real life."""

from exporter.simulator.forms import (
    ACCOUNT_CHOICE,
    CREDENTIALS,
    MFA_CHOICE,
    SMS_CODE,
    SSO,
    TOTP_CODE,
)
from exporter.simulator.script import (
    DISCOVERY,
    PUSH,
    SUBMISSION,
    Ask,
    End,
    Scenario,
    Seconds,
    ShowError,
    Stuck,
    Visit,
)
from exporter.simulator.texts import APPROVE, BOT, CAPTCHA, GAVE_UP, REAUTH_FAILED, SITE_DOWN

DISCOVER = Visit("DISCOVERING", DISCOVERY)
SUBMIT = Visit("SUBMITTING", SUBMISSION)
GLANCE = Visit("DISCOVERING", Seconds(0.5, 2))
LOOK_IN = Visit("SUBMITTING", Seconds(0.5, 3))
LOG_IN = Ask(CREDENTIALS)
SUCCESS = End("SUCCESS")
GIVE_UP = End("FAILED", "credentials_invalid", GAVE_UP)
"""How every flow ends whose answers were refused three times."""

SCENARIOS: dict[str, Scenario] = {
    "password_login": Scenario((DISCOVER, LOG_IN, SUCCESS)),
    "sms_two_factor": Scenario((DISCOVER, LOG_IN, Ask(SMS_CODE), SUCCESS)),
    "totp": Scenario((DISCOVER, LOG_IN, Ask(MFA_CHOICE), Ask(TOTP_CODE), SUCCESS)),
    "push_approval": Scenario(
        (
            DISCOVER,
            LOG_IN,
            Visit("AWAITING_EXTERNAL_ACTION", PUSH, message=APPROVE[0]),
            SUBMIT,
            SUCCESS,
        )
    ),
    "push_fallback": Scenario(
        (
            DISCOVER,
            LOG_IN,
            Ask(MFA_CHOICE, step="AWAITING_EXTERNAL_ACTION", message=APPROVE[1], seconds=PUSH),
            Ask(SMS_CODE),
            SUCCESS,
        )
    ),
    "sso": Scenario((DISCOVER, Ask(SSO), DISCOVER, LOG_IN, SUCCESS)),
    "account_picker": Scenario((DISCOVER, Ask(ACCOUNT_CHOICE), LOG_IN, SUCCESS)),
    "wrong_password_then_right": Scenario(
        (DISCOVER, Ask(CREDENTIALS, answers=(False, True)), SUCCESS)
    ),
    "wrong_password_to_the_end": Scenario(
        (DISCOVER, Ask(CREDENTIALS, answers=(False, False, False)))
    ),
    "captcha": Scenario((DISCOVER, LOG_IN, End("FAILED", "captcha_blocked", CAPTCHA))),
    "bot_detection": Scenario((DISCOVER, End("FAILED", "bot_detected", BOT))),
    "site_down": Scenario(
        (
            Visit("DISCOVERING", DISCOVERY, during=(ShowError(SITE_DOWN),)),
            End("FAILED", "website_error", SITE_DOWN),
        )
    ),
    # A tenth of the real limit of 10 minutes, so that a demonstration gets to see one.
    "input_expired": Scenario(
        (
            DISCOVER,
            Visit("AWAITING_INPUT", Seconds(55, 65), prompt=CREDENTIALS),
            End("EXPIRED"),
        )
    ),
    "canceled": Scenario(
        (
            DISCOVER,
            Visit("AWAITING_INPUT", Seconds(5, 20), prompt=CREDENTIALS),
            End("CANCELED"),
        )
    ),
    "reauth": Scenario((DISCOVER, SUBMIT, SUCCESS), flow_type="REAUTH"),
    "reauth_failed": Scenario(
        (DISCOVER, SUBMIT, End("FAILED", "sms_code_required", REAUTH_FAILED)), flow_type="REAUTH"
    ),
    "superseded": Scenario((DISCOVER, Stuck(CREDENTIALS, Seconds(48, 55))), expires_seconds=45.0),
}

QUICK_SCENARIOS: dict[str, Scenario] = {
    "quick_login": Scenario((GLANCE, LOOK_IN, SUCCESS)),
    "quick_reauth": Scenario((GLANCE, LOOK_IN, SUCCESS), flow_type="REAUTH"),
    "quick_reauth_failed": Scenario(
        (GLANCE, LOOK_IN, End("FAILED", "customer_input_required", REAUTH_FAILED)),
        flow_type="REAUTH",
    ),
}
"""Flows of 1 to 5 s that nobody has to help: over before a poll comes by, or a stream is open."""

REALISTIC_MIX: dict[str, float] = {
    "password_login": 30,
    "sms_two_factor": 14,
    "totp": 8,
    "push_approval": 6,
    "push_fallback": 3,
    "sso": 8,
    "account_picker": 4,
    "wrong_password_then_right": 8,
    "wrong_password_to_the_end": 3,
    "captcha": 2,
    "bot_detection": 2,
    "site_down": 2,
    "input_expired": 2,
    "canceled": 3,
    "reauth": 18,
    "reauth_failed": 3,
    "superseded": 1,
    "quick_login": 1,
    "quick_reauth": 3,
    "quick_reauth_failed": 1,
}
"""Weights of the scenarios where nobody asked for others. No misbehaviour in it."""
