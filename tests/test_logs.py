"""What reaches stderr: one line an event, the same look for all, no secrets."""

import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter import logs

SECRET = "hunter2hunter2"


class Stderr:
    """What has been written to stderr so far."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._text = ""

    def getvalue(self) -> str:
        self._text += self._capture.readouterr().err
        return self._text


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Stderr]:
    """What is written to stderr; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Stderr(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_logfmt_begins_with_time_in_utc_level_and_message(stderr: Stderr) -> None:
    logs.configure(level="info", line_format="logfmt")
    structlog.get_logger().info("stream opened", connections=3, ready=True)
    assert re.fullmatch(
        r'time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z level=info msg="stream opened" '
        r"connections=3 ready=true\n",
        stderr.getvalue(),
    )


def test_json_holds_the_same(stderr: Stderr) -> None:
    logs.configure(level="info", line_format="json")
    structlog.get_logger().warning("stream ended", reason="eof", nested={"a": [1, None]})
    line = json.loads(stderr.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "msg": "stream ended",
        "reason": "eof",
        "nested": {"a": [1, None]},
    }


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_leaves_out_what_is_below_it(
    stderr: Stderr, level: str, shown: list[str]
) -> None:
    logs.configure(level=level, line_format="json")
    for logger in (structlog.get_logger(), logging.getLogger("of.a.library")):
        for name in ("debug", "info", "warning", "error"):
            getattr(logger, name)("said")
    assert [json.loads(line)["level"] for line in stderr.getvalue().splitlines()] == 2 * shown


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "transitions.core", "uvicorn.error"])
def test_libraries_that_log_each_request_or_callback_are_heard_from_warning_on(
    stderr: Stderr, name: str
) -> None:
    logs.configure(level="debug", line_format="logfmt")
    logging.getLogger(name).info("GET https://api.example/?handoff_code=%s", SECRET)
    assert stderr.getvalue() == ""
    logging.getLogger(name).warning("trouble %d", 7)
    assert f'level=warning msg="trouble 7" logger={name}\n' in stderr.getvalue()


@pytest.mark.parametrize("line_format", ["logfmt", "json"])
@pytest.mark.parametrize(
    "key",
    ["authorization", "Authorization", "api_key", "hosted_url", "live_view_url", "handoff_code"],
)
def test_values_of_telling_keys_never_show_however_deep(
    stderr: Stderr, line_format: str, key: str
) -> None:
    logs.configure(level="info", line_format=line_format)
    structlog.get_logger().info("said", **{key: SECRET})
    structlog.get_logger().info("said", outer=[{"inner": {key: SECRET}}])
    assert stderr.getvalue().count("[hidden]") == 2
    assert SECRET not in stderr.getvalue()


def test_a_bearer_key_never_shows_in_a_message_or_a_stack_trace(stderr: Stderr) -> None:
    logs.configure(level="info", line_format="logfmt")
    logging.getLogger("of.a.library").error("sent authorization: Bearer %s", SECRET)
    try:
        int(f"bearer {SECRET}")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: invalid literal" in stderr.getvalue()
    assert SECRET not in stderr.getvalue()


@given(text=st.text(), line_format=st.sampled_from(["logfmt", "json"]))
def test_an_event_is_always_one_line_without_control_characters(
    text: str, line_format: str
) -> None:
    line = logs._RENDERERS[line_format](
        None, "info", logs.hide_secrets(None, "info", {"msg": "said", "text": text})
    )
    assert isinstance(line, str)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line)


@given(value=st.recursive(st.text(), lambda inner: st.lists(inner, max_size=2), max_leaves=20))
def test_any_value_is_survived(value: object) -> None:
    assert set(logs.hide_secrets(None, "info", {"event": "said", "value": value})) == {
        "event",
        "value",
    }


def test_a_value_that_holds_itself_is_survived() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert "..." in str(logs.hide_secrets(None, "info", {"value": loop}))


def test_warnings_of_python_become_lines(stderr: Stderr) -> None:
    logs.configure(level="info", line_format="json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old spelling", UserWarning, stacklevel=1)
    assert "old spelling" in json.loads(stderr.getvalue())["msg"]


def test_lines_go_to_what_stderr_is_now(stderr: Stderr, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure(level="info", line_format="logfmt")
    later = io.StringIO()
    monkeypatch.setattr(sys, "stderr", later)
    structlog.get_logger().info("said")
    assert "said" in later.getvalue()
    assert stderr.getvalue() == ""


def test_paths_and_queries_of_addresses_are_hidden() -> None:
    event = logs.hide_secrets(
        None,
        "warning",
        {"msg": "Max retries: url: /ingest/T0KEN?api_key=K (http://h:1/p/T0KEN?q=K)"},
    )
    assert event["msg"] == "Max retries: url: /[hidden] (http://h:1/[hidden])"
