"""The prompts that the scenarios use: login forms, codes, and choices."""

from exporter.simulator.prompts import CODE, PASSWORD, SECRET_MARK, FieldSpec, OptionSpec, Prompt
from exporter.simulator.texts import WRONG_CODE, WRONG_PASSWORD

CREDENTIALS = Prompt(
    kind="credentials",
    fields=(
        FieldSpec("email", "email", "identifier", "Email address"),
        FieldSpec("password", "password", "password", "Password", accepts=PASSWORD),
    ),
    refusals=WRONG_PASSWORD,
)
SMS_CODE = Prompt(
    kind="one_time_code",
    fields=(
        FieldSpec("code", "code", "code", "Code", CODE, hint="Sent to the phone ending in 0132"),
    ),
    refusals=WRONG_CODE,
)
TOTP_CODE = Prompt(
    kind="one_time_code",
    fields=(FieldSpec("code", "totp", "totp_code", "Code of your authenticator app", CODE),),
    refusals=WRONG_CODE,
)


def _mfa(mfa_type: str, label: str, target: str | None = None) -> OptionSpec:
    return OptionSpec(
        id=f"choice_{mfa_type}",
        label=label,
        choice_type="mfa_method",
        member="mfa_options",
        older={"type": mfa_type} | ({"target": target} if target else {}),
        canonical={"mfa_type": mfa_type} | ({"masked_destination": target} if target else {}),
    )


def _sso(provider: str, label: str) -> OptionSpec:
    selector = f"xpath=//button[@data-{SECRET_MARK}='{provider}']"
    return OptionSpec(
        id=f"choice_{provider}",
        label=label,
        choice_type="sso_provider",
        member="pending_sso_buttons",
        older={"provider": provider, "selector": selector},
    )


def _account(account: str, label: str) -> OptionSpec:
    description = f"{account}.{SECRET_MARK}@mail.example"
    return OptionSpec(
        id=f"account_{account}",
        label=label,
        choice_type="account",
        member="sign_in_options",
        older={"id": f"account_{account}", "description": description},
        canonical={"description": description},
    )


MFA_CHOICE = Prompt(
    kind="mfa_choice",
    options=(
        _mfa("sms", "Text me a code", "***-***-0132"),
        _mfa("email", "Email me a code", "j***@mail.example"),
        _mfa("totp", "Use an authenticator app"),
    ),
)
SSO = Prompt(
    kind="sso",
    options=(_sso("google", "Continue with Google"), _sso("github", "Continue with GitHub")),
)
ACCOUNT_CHOICE = Prompt(
    kind="account_choice",
    options=(_account("jane", "Jane at home"), _account("j.doe", "Jane at work")),
)
