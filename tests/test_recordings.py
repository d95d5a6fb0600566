"""Recordings of either form, of any line ends, however broken."""

import io
import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import UserError
from exporter.recordings import Message, check, read
from exporter.upstream.sse import MAX_MESSAGE_BYTES

BOM: Final = b"\xef\xbb\xbf"


def state(second: int, step: str, status: str = "IN_PROGRESS") -> str:
    members = {
        "event": "managed_auth_state",
        "timestamp": f"2026-01-05T10:00:{second:02d}Z",
        "flow_status": status,
        "flow_step": step,
        "flow_type": "LOGIN",
    }
    if step == "AWAITING_INPUT":
        members["fields"] = [{"type": "password"}]  # type: ignore[assignment]
    return json.dumps(members)


LOGIN: Final = (
    state(0, "DISCOVERING"),
    state(1, "AWAITING_INPUT"),
    state(2, "SUBMITTING"),
    state(3, "COMPLETED", "SUCCESS"),
)
SKIPPING: Final = (state(0, "DISCOVERING"), state(1, "AWAITING_INPUT"), state(2, "DISCOVERING"))


def sse(messages: tuple[str, ...], end: str = "\n") -> bytes:
    return "".join(f"data: {message}{end}{end}" for message in messages).encode()


def json_lines(messages: tuple[str, ...], end: str = "\n") -> bytes:
    return "".join(f"{message}{end}" for message in messages).encode()


def checked(recording: bytes) -> tuple[int, list[str]]:
    out = io.StringIO()
    status = check(io.BytesIO(recording), out)
    return status, out.getvalue().splitlines()


def messages(recording: bytes) -> list[Message]:
    return list(read(io.BytesIO(recording)))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", [b"", BOM, b"\n\n", b": a comment\n\n"])
def test_a_recorded_stream_is_read_with_any_line_ends(start: bytes, end: str) -> None:
    assert checked(start + sse(LOGIN, end)) == (0, ["4 events, 1 flows, 0 findings"])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", [b"", BOM, b"\n \n"])
def test_json_lines_are_read_with_any_line_ends(start: bytes, end: str) -> None:
    assert checked(start + json_lines(LOGIN, end)) == (0, ["4 events, 1 flows, 0 findings"])


def test_json_lines_need_no_end_of_the_last_line() -> None:
    assert checked(json_lines(LOGIN).rstrip())[1] == ["4 events, 1 flows, 0 findings"]


@pytest.mark.parametrize(
    ("recording", "line"),
    [
        (sse(SKIPPING), 5),
        (sse(SKIPPING, "\r\n"), 5),
        (b": keep-alive\n\n" + sse(SKIPPING), 7),
        (sse(SKIPPING).replace(b"data: ", b"event: managed_auth_state\nid: 1\ndata: "), 9),
        (json_lines(SKIPPING), 3),
        (b"\n" + json_lines(SKIPPING), 4),
    ],
)
def test_a_finding_is_told_with_the_line_that_its_message_begins_on(
    recording: bytes, line: int
) -> None:
    finding = f"{line}: skipped_step: AWAITING_INPUT -> DISCOVERING"
    assert checked(recording) == (1, [finding, "3 events, 1 flows, 1 findings"])


@pytest.mark.parametrize("form", [sse, json_lines])
def test_a_message_that_is_too_long_is_a_finding_and_the_rest_is_read(form: object) -> None:
    assert callable(form)
    padded = json.dumps({"event": "padding", "padding": "x" * MAX_MESSAGE_BYTES})
    recording = form((LOGIN[0], padded, *LOGIN[1:]))
    line = 3 if form is sse else 2
    assert checked(recording) == (
        1,
        [f"{line}: oversized: more than 1048576 bytes", "4 events, 1 flows, 1 findings"],
    )


def test_a_message_of_many_lines_that_is_too_long_is_one_finding() -> None:
    lines = b"data: {}\n" * (MAX_MESSAGE_BYTES // 8)
    recording = sse(LOGIN[:1]) + lines + b"\n" + sse(LOGIN[1:])
    assert checked(recording)[1] == [
        "3: oversized: more than 1048576 bytes",
        "4 events, 1 flows, 1 findings",
    ]


def test_a_message_that_lacks_only_its_blank_line_counts() -> None:
    assert messages(sse(LOGIN).rstrip())[-1].data == messages(sse(LOGIN))[-1].data


def test_half_a_message_at_the_end_of_a_recording_is_no_finding() -> None:
    out = io.StringIO()
    assert check(io.BytesIO(sse(LOGIN) + b"data: {"), out) == 0
    assert out.getvalue() == "4 events, 1 flows, 0 findings\n"


@pytest.mark.parametrize(
    "recording", [b"", b"\n\n", BOM, b": only a comment\n\n", b"\x00\xff" * 99]
)
def test_a_recording_without_an_event_is_refused_with_the_mend(recording: bytes) -> None:
    with pytest.raises(UserError, match="there is no event in the recording: give the raw text"):
        checked(recording)


ANYTHING: Final = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(
            [
                *(b"data: ", b"data:", b"id: 7", b"retry: 1", b"event: x", b": c", b"{", b"}"),
                *(b"\r", b"\n", b"\r\n", b"\n\n", b"\x00", b"\xff\xfe", BOM, b"[]", b"null", b" "),
                *(message.encode() for message in (*LOGIN, *SKIPPING)),
            ]
        ),
        max_size=40,
    ).map(b"".join),
)


@given(ANYTHING)
def test_no_recording_raises_anything_but_the_one_error_of_the_user(recording: bytes) -> None:
    try:
        status, lines = checked(recording)
    except UserError:
        return
    assert status == (len(lines) > 1)
    assert all(line.split(":")[0].isdecimal() for line in lines[:-1])


@given(st.lists(st.sampled_from((*LOGIN, *SKIPPING)), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_both_forms_always_say_the_same(chosen: list[str], end: str) -> None:
    def findings(recording: bytes) -> list[str]:
        return [line.partition(": ")[2] or line for line in checked(recording)[1]]

    given_messages = tuple(chosen)
    assert findings(sse(given_messages, end)) == findings(json_lines(given_messages, end))


@given(ANYTHING)
def test_line_numbers_never_go_back_nor_beyond_the_end(recording: bytes) -> None:
    numbers = [message.line for message in messages(recording)]
    assert numbers == sorted(numbers)
    assert all(1 <= number <= recording.count(b"\n") + 1 for number in numbers)
