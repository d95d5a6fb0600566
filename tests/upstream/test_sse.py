"""The event stream parser against the WHATWG standard, section 9.2, in every chunking."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.upstream.sse import (
    MAX_EVENT_ID_CHARACTERS,
    MAX_MESSAGE_BYTES,
    MESSAGES_PER_SLICE,
    Cursor,
    Framer,
    messages,
)


@dataclass
class Reading:
    data: list[str]
    event_id: str
    retry_seconds: float
    oversized: int = 0
    blocks: int = field(default=0, compare=False)


def read(chunks: Iterable[bytes], cursor: Cursor | None = None) -> Reading:
    cursor = cursor or Cursor()
    result = Reading([], "", 0.0)

    async def source() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    def oversized() -> None:
        result.oversized += 1

    def block() -> None:
        result.blocks += 1

    async def run() -> None:
        stream = messages(source(), cursor, on_block=block, on_oversized=oversized)
        result.data = [data async for data in stream]

    asyncio.run(run())
    result.event_id, result.retry_seconds = cursor.last_event_id, cursor.retry_seconds
    return result


def expected(*data: str, event_id: str = "", retry_seconds: float = 0.0) -> Reading:
    return Reading(list(data), event_id, retry_seconds)


CASES: dict[str, tuple[bytes, Reading]] = {
    "LF": (b"data: a\n\ndata: b\n\n", expected("a", "b")),
    "CR": (b"data: a\r\rdata: b\r\r", expected("a", "b")),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", expected("a", "b")),
    "mixed line ends": (b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r", expected("a\nb\nc", "d")),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", expected("a")),
    "only one byte order mark": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", expected("b")),
    "comments": (b": hello\n\n:\ndata: a\n: between\ndata: b\n\n", expected("a\nb")),
    "multi-line data": (b"data: a\ndata:\ndata: c\n\n", expected("a\n\nc")),
    "one leading space only": (b"data:  a\n\ndata:b\n\n", expected(" a", "b")),
    "colon in the value": (b'data: {"a": "b:c"}\n\n', expected('{"a": "b:c"}')),
    "id": (b"id: 7\ndata: a\n\n", expected("a", event_id="7")),
    "id stays": (b"id: 7\ndata: a\n\ndata: b\n\n", expected("a", "b", event_id="7")),
    "id with NUL": (b"id: 7\ndata: a\n\nid: 8\x009\ndata: b\n\n", expected("a", "b", event_id="7")),
    "empty id resets": (b"id: 7\ndata: a\n\nid\ndata: b\n\n", expected("a", "b", event_id="")),
    "only id": (b"id: 7\n\n", expected(event_id="7")),
    "comment after id": (b"id: 7\ndata: a\n\n: alive\n\n", expected("a", event_id="7")),
    "retry": (b"retry: 2500\ndata: a\n\n", expected("a", retry_seconds=2.5)),
    "only retry": (b"retry: 2500\n\ndata: a\n\n", expected("a", retry_seconds=2.5)),
    "retry too long": (b"retry: 99999999999999\n\n", expected(retry_seconds=60.0)),
    "retry no float can hold": (b"retry: " + b"9" * 400 + b"\n\n", expected(retry_seconds=60.0)),
    "retry negative": (b"retry: 1000\n\nretry: -5\n\n", expected(retry_seconds=1.0)),
    "retry not a number": (b"retry: soon\ndata: a\n\n", expected("a")),
    "retry of many digits": (b"retry: " + b"9" * 5000 + b"\ndata: a\n\n", expected("a")),
    "field without colon": (b"data\ndata: a\n\n", expected("\na")),
    "unknown field": (b"mood: fine\ndata: a\n\n", expected("a")),
    "event without data": (b"event: managed_auth_state\n\ndata: a\n\n", expected("a")),
    "event and data": (b"event: x\ndata: a\n\n", expected("a")),
    "split UTF-8": ("data: é😀ß\n\n".encode(), expected("é😀ß")),
    "line and paragraph separators": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
        expected("a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"),
    ),
    "invalid UTF-8": (b"data: a\xff\xc3\n\ndata: b\n\n", expected("a\ufffd\ufffd", "b")),
    "partial last message": (b"data: a\n\ndata: b\n", expected("a")),
    "partial last line": (b"data: a\n\ndata: b", expected("a")),
    "leading blank lines": (b"\n\r\n\n\ndata: a\n\n", expected("a")),
    "many blank lines": (b"data: a\n\n\n\n\r\ndata: b\n\n", expected("a", "b")),
    "nothing": (b"", expected()),
    "half a byte order mark": (b"\xef\xbb", expected()),
    "a false byte order mark": (b"\xef\xbbdata: a\n\ndata: b\n\n", expected("b")),
}


@pytest.mark.parametrize("name", CASES)
def test_case_of_the_standard_fed_whole(name: str) -> None:
    stream, wanted = CASES[name]
    assert read([stream]) == wanted


@pytest.mark.parametrize("name", CASES)
def test_case_of_the_standard_fed_byte_by_byte(name: str) -> None:
    stream, wanted = CASES[name]
    assert read([stream[i : i + 1] for i in range(len(stream))]) == wanted


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(place % (len(stream) + 1) for place in cuts)})
    return [stream[a:b] for a, b in pairwise(places)]


@given(st.sampled_from(sorted(CASES)), st.lists(st.integers(0, 200), max_size=12))
def test_case_of_the_standard_fed_in_random_chunks(name: str, cuts: list[int]) -> None:
    stream, wanted = CASES[name]
    assert read(cut(stream, cuts)) == wanted


@given(
    st.text(st.sampled_from("\r\n: adeitry0é\ufeff\u2028"), max_size=60),
    st.lists(st.integers(0, 200), max_size=12),
)
def test_chunks_never_change_what_any_stream_says(text: str, cuts: list[int]) -> None:
    stream = text.encode()
    assert read(cut(stream, cuts)) == read([stream])


def test_message_that_ends_in_cr_is_dispatched_at_once() -> None:
    framer = Framer()
    assert framer.feed(b"data: a\r\r") == b"data: a\n\n"
    assert framer.feed(b"\ndata: b\r\n\r\n") == b"data: b\n\n"


def test_chunk_of_whole_lf_messages_is_passed_on_untouched() -> None:
    framer, chunk = Framer(), b"data: a\n\ndata: b\n\n"
    framer.feed(b"data: before\n\n")
    assert framer.feed(chunk) is chunk


PIECES = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=12)


@given(PIECES, st.sampled_from(["\n", "\r", "\r\n"]), st.lists(st.integers(0, 2000), max_size=20))
def test_oversized_messages_never_cost_more_memory_than_the_limit_nor_a_good_message(
    pieces: list[tuple[bool, int]], end: str, cuts: list[int]
) -> None:
    limit, good, large = 64, [], 0
    stream = ""
    for number, (fits, extra) in enumerate(pieces):
        if fits:
            good.append(f"{number}".ljust(limit - len("data: ") - 2 - extra, "x"))
            stream += f"data: {good[-1]}{end}{end}"
        else:
            large += 1
            stream += "data: " + "y" * (limit - len("data: ") - 1 + 50 * extra) + end + end
    framer, arrived, most = Framer(limit), b"", 0
    for chunk in cut(stream.encode(), cuts):
        arrived += framer.feed(chunk)
        most = max(most, framer.held_bytes)
    assert [part[6:].decode() for part in arrived.split(b"\n\n") if part] == good
    assert framer.oversized == large
    assert most <= limit


def test_endless_line_is_reported_once_and_the_next_message_arrives() -> None:
    framer = Framer()
    for _ in range(MAX_MESSAGE_BYTES // 65536 + 40):
        assert framer.feed(b"x" * 65536) == b""
        assert framer.held_bytes <= MAX_MESSAGE_BYTES
    assert framer.oversized == 1
    assert framer.feed(b"\n\ndata: a\n\n") == b"data: a\n\n"
    assert framer.oversized == 1


def test_oversized_messages_are_told_to_the_reader() -> None:
    large = b"data: " + b"x" * MAX_MESSAGE_BYTES + b"\n\n"
    result = read([b"data: a\n\n", large[:70000], large[70000:], b"data: b\n\n"])
    assert (result.data, result.oversized) == (["a", "b"], 1)


def test_resuming_keeps_the_last_event_id_until_the_new_stream_sets_one() -> None:
    cursor = Cursor()
    assert read([b"id: 7\ndata: a\n\n"], cursor).event_id == "7"
    assert read([b"data: b\n\n"], cursor).event_id == "7"
    assert read([b"id: 8\ndata: c\n\nid:\ndata: d\n\n"], cursor).event_id == ""


@pytest.mark.parametrize(
    ("event_id", "header"),
    [
        ("", None),
        ("7", b"7"),
        ("a b", b"a b"),
        ("é", "é".encode()),
        (" 7", None),
        ("7\t", None),
        ("a\x01b", None),
        ("a\x7fb", None),
    ],
)
def test_only_an_event_id_that_http_can_carry_is_sent_back(
    event_id: str, header: bytes | None
) -> None:
    cursor = Cursor()
    cursor.last_event_id = event_id
    assert cursor.header() == header


def test_endless_event_id_is_not_kept() -> None:
    stream = b"id: " + b"7" * (MAX_EVENT_ID_CHARACTERS + 1) + b"\ndata: a\n\n"
    assert read([stream]) == expected("a")


def test_comments_are_a_sign_of_life_and_unfinished_messages_are_not() -> None:
    assert read([b": alive\n\n", b"data: a", b"b", b"c"]).blocks == 1


async def test_flood_in_one_chunk_lets_others_have_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def source() -> AsyncIterator[bytes]:
        yield b"data: a\n\n" * (MESSAGES_PER_SLICE * 5)

    task = asyncio.create_task(other())
    stream = messages(source(), Cursor(), on_block=lambda: None, on_oversized=lambda: None)
    assert len([data async for data in stream]) == MESSAGES_PER_SLICE * 5
    task.cancel()
    assert turns >= 5
