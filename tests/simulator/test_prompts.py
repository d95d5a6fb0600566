"""Prompts: which answers are right in which form, and both forms say the same."""

import pytest

from exporter.simulator.forms import (
    ACCOUNT_CHOICE,
    CREDENTIALS,
    MFA_CHOICE,
    SMS_CODE,
    SSO,
    TOTP_CODE,
)
from exporter.simulator.prompts import SECRET_MARK, Prompt, Submission

ALL = (CREDENTIALS, SMS_CODE, TOTP_CODE, MFA_CHOICE, SSO, ACCOUNT_CHOICE)
LOGIN = {"email": "j@x.example", "password": "correct-horse"}


@pytest.mark.parametrize(
    ("prompt", "answer", "accepted"),
    [
        (CREDENTIALS, Submission(fields=LOGIN), True),
        (CREDENTIALS, Submission(fields={**LOGIN, "password": "x"}), False),
        (CREDENTIALS, Submission(fields={"password": "correct-horse"}), False),
        (CREDENTIALS, Submission(field_values={f"field_{k}": v for k, v in LOGIN.items()}), True),
        (SMS_CODE, Submission(fields={"code": "123456"}), True),
        (SMS_CODE, Submission(fields={"code": "123457"}), False),
        (TOTP_CODE, Submission(field_values={"field_code": "123456"}), True),
        (MFA_CHOICE, Submission(mfa_option_id="sms"), True),
        (MFA_CHOICE, Submission(selected_choice_id="choice_totp"), True),
        (MFA_CHOICE, Submission(mfa_option_id="pigeon"), False),
        (MFA_CHOICE, Submission(fields=LOGIN), False),
        (SSO, Submission(sso_provider="github"), True),
        (SSO, Submission(sso_button_selector="//button"), False),
        (ACCOUNT_CHOICE, Submission(sign_in_option_id="account_jane"), True),
        (ACCOUNT_CHOICE, Submission(sign_in_option_id="account_john"), False),
    ],
)
def test_an_answer_is_right_or_wrong(prompt: Prompt, answer: Submission, *, accepted: bool) -> None:
    assert prompt.accepts(answer) is accepted


@pytest.mark.parametrize("prompt", ALL)
def test_both_forms_list_the_same_things(prompt: Prompt) -> None:
    members = prompt.members("interaction_1", rejected=False)
    older = ("mfa_options", "pending_sso_buttons", "sign_in_options", "discovered_fields")
    canonical = [members.get("fields"), members.get("choices")]
    old_labels = [each["label"] for name in older for each in _list(members.get(name))]
    new_labels = [each["label"] for items in canonical for each in _list(items)]
    assert old_labels == new_labels != []
    assert members["interaction_id"] == "interaction_1"


def _list(items: object) -> list[dict[str, str]]:
    return items if isinstance(items, list) else []


@pytest.mark.parametrize("prompt", ALL)
def test_selectors_carry_the_mark_that_leak_tests_look_for(prompt: Prompt) -> None:
    members = prompt.members("interaction_1", rejected=True)
    things = [*_list(members.get("fields")), *_list(members.get("choices"))]
    assert all(SECRET_MARK in each["observed_selector"] for each in things)
    assert all(each["reason"] == "rejected" for each in _list(members.get("fields")))
