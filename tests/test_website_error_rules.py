"""The shipped rules, and what a user's file may and may not hold."""

from pathlib import Path

import pytest

from exporter.errors import UserError
from exporter.website_error_rules import load_classifier, parse


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Incorrect password", "wrong_credentials"),
        ("The username or password you entered is incorrect", "wrong_credentials"),
        ("Falsches Passwort", "wrong_credentials"),
        ("Le mot de passe saisi est incorrect", "wrong_credentials"),
        ("La contrase\u00f1a es incorrecta", "wrong_credentials"),
        ("Senha incorreta", "wrong_credentials"),
        ("Incorrect password. (Error code: 50126)", "wrong_credentials"),
        ("Wrong verification code", "wrong_code"),
        ("The code you entered is invalid", "wrong_code"),
        ("Der Code ist ung\u00fcltig", "wrong_code"),
        ("Couldn\u2019t find your account", "unknown_account"),
        ("Aucun compte ne correspond", "unknown_account"),
        ("Your account has been locked", "account_locked"),
        ("Ihr Konto wurde gesperrt", "account_locked"),
        ("Too many failed attempts", "rate_limited"),
        ("Please try again in 15 minutes", "rate_limited"),
        ("Please complete the CAPTCHA", "captcha"),
        ("Confirm that you are not a robot", "captcha"),
        ("Your session has expired", "session_expired"),
        ("This browser or app may not be secure: unsupported browser", "unsupported_method"),
        ("Something went wrong", "site_unavailable"),
        ("We are down for maintenance", "site_unavailable"),
        ("Happy birthday", "other"),
    ],
)
def test_the_shipped_rules_know_the_common_errors(text: str, category: str) -> None:
    assert load_classifier()(text) == category


def test_a_users_rules_come_before_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n  - category: captcha\n    phrases: [incorrect password]\n")
    classify = load_classifier(path)
    assert classify("Incorrect password") == "captcha"
    assert classify("Your account has been locked") == "account_locked"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "r:1: wanted a mapping"),
        ("[]", "r:1: wanted a mapping"),
        ("rules: 5", "r:1: wanted 'rules:' with a list"),
        ("rules:\n - category: nonsense\n   phrases: [a]", "r:2: 'category' must be one of wrong_"),
        ("rules:\n - category: captcha", "r:2: 'phrases' must be a list"),
        ("rules:\n - category: captcha\n   phrases: [a, '*']", "r:3: a phrase must be a text"),
        ("rules:\n - category: captcha\n   phrases: [a]\n   regex: b", "r:4: unknown key 'regex'"),
        ("rules: [", "r:1: not YAML"),
        ("rules: \x00", "r:1: not YAML"),
    ],
)
def test_a_bad_file_is_told_with_its_line_and_the_mend(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "r")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the website error rules: No such file"):
        load_classifier(tmp_path / "none.yaml")
