"""Kernel's own words, each enumeration once: what the API is known to say today.

Source: the API reference of Kernel managed auth and the official SDKs (`kernel` 0.131.0). A word
that is missing here is survived and counted, never refused.
"""

from typing import Final

IN_PROGRESS: Final = "IN_PROGRESS"
COMPLETED: Final = "COMPLETED"
UNKNOWN: Final = "UNKNOWN"
"""Stands in, in our own output, for a status or step that this version does not know."""

WORKING_STEPS: Final = (
    "DISCOVERING",
    "AWAITING_INPUT",
    "AWAITING_EXTERNAL_ACTION",
    "SUBMITTING",
)
TERMINAL_STATUSES: Final = ("SUCCESS", "FAILED", "EXPIRED", "CANCELED")
FLOW_STATUSES: Final = frozenset({IN_PROGRESS, *TERMINAL_STATUSES})
FLOW_STEPS: Final = frozenset({COMPLETED, *WORKING_STEPS})
FLOW_TYPES: Final = ("LOGIN", "REAUTH")
UNKNOWN_FLOW_TYPE: Final = "unknown"

FIELD_TYPES: Final = frozenset(
    {"text", "email", "password", "tel", "number", "url", "code", "totp"},
)
CHOICE_TYPES: Final = frozenset(
    {
        "mfa_method",
        "sso_provider",
        "sign_in_method",
        "auth_method",
        "identifier_method",
        "account",
    },
)
OTHER: Final = "other"

ERROR_CODES: Final = (
    "credentials_invalid",
    "bot_detected",
    "captcha_blocked",
    "unsupported_auth_method",
    "domain_not_allowed",
    "login_form_not_found",
    "totp_required",
    "sms_code_required",
    "email_code_required",
    "account_choice_required",
    "customer_input_required",
    "external_action_required",
    "totp_code_rejected",
    "stuck_in_loop",
    "max_attempts_reached",
    "website_error",
    "navigation_confused",
    "browser_error",
    "session_expired",
)
