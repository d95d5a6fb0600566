"""What an event tells about the step of a flow: input asked for, errors shown, omissions."""

from collections.abc import Callable
from typing import Final

from exporter.core.events import Pause, StateEvent
from exporter.core.flow_state import MAX_REMEMBERED, OpenFlow, TrackerState, Visit, digest
from exporter.core.lifecycle import Out, note
from exporter.core.machine import FlowState
from exporter.core.observations import (
    IllegalReason,
    IllegalTransition,
    InputKind,
    InputRequest,
    WebsiteError,
)
from exporter.core.redaction import redact

_CODES: Final = frozenset({"code", "totp"})

_KINDS: Final[tuple[tuple[InputKind, Callable[[Pause], bool]], ...]] = (
    (InputKind.ONE_TIME_CODE, lambda pause: bool(pause.field_types & _CODES)),
    (InputKind.CREDENTIALS, lambda pause: bool(pause.field_types)),
    (InputKind.MFA_CHOICE, lambda pause: pause.mfa_options or "mfa_method" in pause.choice_types),
    (InputKind.ACCOUNT_CHOICE, lambda p: p.sign_in_options or "account" in p.choice_types),
    (InputKind.SSO, lambda pause: pause.sso_buttons or "sso_provider" in pause.choice_types),
)
"""First match wins: a page that wants a password and also offers SSO buttons wants credentials."""


def kind_of(pause: Pause) -> InputKind:
    """What a person is asked for."""
    return next((kind for kind, matches in _KINDS if matches(pause)), InputKind.OTHER)


def request_mark(pause: Pause) -> str:
    """What is asked for, with its fields, to tell whether it was asked for before.

    A login that asks for the e-mail address first and for the password then is not retrying.
    """
    return " ".join((kind_of(pause), *sorted(pause.field_types)))


def look(
    state: TrackerState,
    event: StateEvent,
    at_ns: int,
    classify: Callable[[str], str],
    out: Out,
    *,
    entered: bool,
) -> None:
    """Note what the event tells about the present visit; ``entered`` says that it opened it."""
    flow = state.flow
    if flow is None:
        return
    if event.flow_step == flow.visit.step:
        _note_omission(state, flow.visit, event.pause, at_ns, out)
    if flow.visit.step is FlowState.AWAITING_INPUT:
        _note_request(state, flow, event.pause, at_ns, out)
    if entered and flow.visit.step is FlowState.SUBMITTING:
        # A new attempt: what the site shows from here on is an answer to it.
        flow.errors_shown.clear()
    note_error(state, event.website_error, at_ns, classify, out)


def note_error(
    state: TrackerState,
    text: str | None,
    at_ns: int,
    classify: Callable[[str], str],
    out: Out,
) -> None:
    """Note an error of the website, once for each text and attempt."""
    flow = state.flow
    mark = digest(text)
    if flow is None or text is None or mark is None or mark in flow.errors_shown:
        return
    _remember(flow.errors_shown, mark)
    note(state, out, WebsiteError(at_ns, classify(text), redact(text)), of_step=True)


def _note_omission(state: TrackerState, visit: Visit, pause: Pause, at_ns: int, out: Out) -> None:
    lacking = {
        FlowState.AWAITING_INPUT: not pause.asks,
        FlowState.AWAITING_EXTERNAL_ACTION: not pause.external_action_message,
    }.get(visit.step, False)
    if lacking and not visit.lacked_details:
        visit.lacked_details = True
        reason = IllegalReason.MISSING_PAUSE_DETAILS
        note(state, out, IllegalTransition(at_ns, reason, visit.step, visit.step))


def _note_request(state: TrackerState, flow: OpenFlow, pause: Pause, at_ns: int, out: Out) -> None:
    """Note what is asked for: once a visit, and once more for each new interaction in it."""
    visit = flow.visit
    interaction = digest(pause.interaction_id)
    changed = interaction is not None and visit.interaction not in (None, interaction)
    visit.interaction = interaction or visit.interaction
    if visit.asked is not None and not changed:
        return
    if changed:
        # An answer was given, though no SUBMITTING was seen: what is shown now is news.
        flow.errors_shown.clear()
    visit.asked = mark = request_mark(pause)
    retry = pause.rejected or mark in flow.asked
    if mark not in flow.asked:
        _remember(flow.asked, mark)
    note(state, out, InputRequest(at_ns, kind_of(pause), retry), of_step=True)


def _remember(marks: list[str], mark: str) -> None:
    """Add a mark; the oldest gives way where there are too many."""
    if len(marks) >= MAX_REMEMBERED:
        marks.pop(0)
    marks.append(mark)
