"""What a flow asks a person for, in both forms of the API, and which answers are right.

The older members (``discovered_fields``, ``mfa_options``, ``pending_sso_buttons``,
``sign_in_options``) and the canonical ones (``fields``, ``choices``, ``interaction_id``) carry the
same, as the models of the official SDK have them (``ManagedAuthStateEvent``). Selectors, targets
and descriptions hold ``SECRET_MARK``, so that a test can tell whether one leaked.
"""

from collections.abc import Mapping

import msgspec

SECRET_MARK = "s3cr3t"  # noqa: S105 - a mark that tests look for, not a secret
PASSWORD = "correct-horse"  # noqa: S105 - made up, and documented
CODE = "123456"


class FieldSpec(msgspec.Struct, frozen=True):
    """A field of a form. ``accepts`` is the one right value; None takes anything."""

    name: str
    type: str
    canonical_type: str
    label: str
    accepts: str | None = None
    hint: str | None = None


class OptionSpec(msgspec.Struct, frozen=True):
    """A choice. ``member`` is the older list that it stands in, ``older`` its entry there."""

    id: str
    label: str
    choice_type: str
    member: str
    older: Mapping[str, str]
    canonical: Mapping[str, str] = {}

    @property
    def words(self) -> frozenset[str]:
        """Everything that a submission may call this choice by."""
        keys = ("id", "type", "provider", "selector")
        return frozenset({self.id, *(self.older[key] for key in keys if key in self.older)})


class Submission(msgspec.Struct, frozen=True):
    """The body of ``POST /auth/connections/{id}/submit``, in any of its forms."""

    fields: dict[str, str] = {}
    field_values: dict[str, str] = {}
    interaction_id: str | None = None
    mfa_option_id: str | None = None
    selected_choice_id: str | None = None
    sign_in_option_id: str | None = None
    sso_button_selector: str | None = None
    sso_provider: str | None = None

    @property
    def is_canonical(self) -> bool:
        """Whether it uses the newer form, which has to name the interaction it answers."""
        return bool(self.field_values) or self.selected_choice_id is not None

    @property
    def values(self) -> dict[str, str]:
        """Field name -> value, whichever form was used."""
        canonical = {key.removeprefix("field_"): value for key, value in self.field_values.items()}
        return {**self.fields, **canonical}

    @property
    def choice(self) -> str | None:
        """What was chosen, by whatever name."""
        named = (
            self.selected_choice_id,
            self.mfa_option_id,
            self.sign_in_option_id,
            self.sso_provider,
            self.sso_button_selector,
        )
        return next((word for word in named if word is not None), None)


class Prompt(msgspec.Struct, frozen=True):
    """One thing to ask for. ``kind`` is what the ledger calls it."""

    kind: str
    fields: tuple[FieldSpec, ...] = ()
    options: tuple[OptionSpec, ...] = ()
    refusals: tuple[str, ...] = ("Something went wrong. Please try again.",)

    def accepts(self, answer: Submission) -> bool:
        """Whether the website takes this answer."""
        if self.options:
            return any(answer.choice in option.words for option in self.options)
        return all(
            field.name in answer.values and field.accepts in {None, answer.values[field.name]}
            for field in self.fields
        )

    def members(self, interaction_id: str, *, rejected: bool) -> dict[str, object]:
        """The members of an event or a connection that describe it, in both forms."""
        members: dict[str, object] = {"interaction_id": interaction_id}
        if self.fields:
            reason = "rejected" if rejected else "missing"
            members["discovered_fields"] = [_older_field(field) for field in self.fields]
            members["fields"] = [_canonical_field(field, reason) for field in self.fields]
        if self.options:
            members["choices"] = [_choice(option) for option in self.options]
        for option in self.options:
            older = members.setdefault(option.member, [])
            assert isinstance(older, list)  # noqa: S101 - the table above names lists only
            older.append({"label": option.label, **option.older})
        return members


def _older_field(field: FieldSpec) -> dict[str, object]:
    hint = {"hint": field.hint} if field.hint else {}
    return {
        "name": field.name,
        "type": field.type,
        "label": field.label,
        "selector": f"#{SECRET_MARK}-{field.name}",
        "placeholder": field.label,
        "required": True,
        **hint,
    }


def _canonical_field(field: FieldSpec, reason: str) -> dict[str, object]:
    hint = {"hint": field.hint} if field.hint else {}
    return {
        "id": f"field_{field.name}",
        "ref": field.name,
        "type": field.canonical_type,
        "reason": reason,
        "label": field.label,
        "required": True,
        "observed_selector": f"#{SECRET_MARK}-{field.name}",
        **hint,
    }


def _choice(option: OptionSpec) -> dict[str, object]:
    return {
        "id": option.id,
        "type": option.choice_type,
        "label": option.label,
        "observed_selector": f"#{SECRET_MARK}-{option.id}",
        **option.canonical,
    }
