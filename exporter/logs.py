"""What the exporter and its libraries say: one line an event, logfmt or JSON, on stderr.

Everything passes through one handler of the standard library's logging, structlog's own events
as well as those of uvicorn, httpx and the others, so that they look alike and the same last line
of defence keeps secrets out.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# Their INFO lines tell of each request with its URL, or of each callback; none is for an operator.
_QUIET_LOGGERS = (
    "asyncio",
    "httpcore",
    "httpx",
    "opentelemetry",
    "transitions",
    "urllib3",
    "uvicorn",
)

_SECRET_KEYS = re.compile(
    r"authorization|api[_-]?key|hosted_url|live_view_url|handoff_code|password|token|secret|cookie",
    re.IGNORECASE,
)
# Libraries quote addresses, whose paths and queries may hold a key: of a trace backend, say.
_ADDRESS = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{1,20}://[^\s/?#'\"]{1,255}|\burl: )[/?#][^\s'\")]+")
_BEARER = re.compile(r"\bbearer\s+[^\s'\",]+", re.IGNORECASE)
# A line is a line: control characters could forge one, or move the cursor of a terminal.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 10}
_HIDDEN = "[hidden]"
# Deeper than anything that is logged on purpose.
_MAX_DEPTH = 6


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what could be a secret: the last line of defence, not the first.

    Values of telling keys go, at any depth, and so do what follows ``Bearer`` in any text and the
    paths of addresses.
    """
    return {key: _hide(key, value, 0) for key, value in event.items()}


def _hide(key: object, value: object, depth: int) -> Any:  # noqa: ANN401 - as varied as log values
    if isinstance(key, str) and _SECRET_KEYS.search(key):
        return _HIDDEN
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping() if depth < _MAX_DEPTH:
            return {str(k): _hide(k, v, depth + 1) for k, v in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [_hide(None, item, depth + 1) for item in value]
        case _:
            text = _BEARER.sub(f"Bearer {_HIDDEN}", str(value))
            return _ADDRESS.sub(rf"\1/{_HIDDEN}", text).translate(_CONTROLS)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what stderr is now, not to what it was: a live terminal picture replaces it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override] # read-only on purpose
        return sys.stderr


_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
)

_RENDERERS: Mapping[str, Processor] = {
    "logfmt": structlog.processors.LogfmtRenderer(
        key_order=["time", "level", "msg"], drop_missing=True, bool_as_flag=False
    ),
    "json": structlog.processors.JSONRenderer(ensure_ascii=False),
}


def configure(*, level: str, line_format: str) -> None:
    """Route all logging of this process to stderr.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``; what is below is left out.
        line_format: ``logfmt`` or ``json``.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    handler = _StderrHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.EventRenamer("msg"),
                hide_secrets,
                _RENDERERS[line_format],
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    logging.captureWarnings(capture=True)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
