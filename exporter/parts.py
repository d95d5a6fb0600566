"""Builds the parts of the service that depend on what a user has set; a mistake is a UserError."""

from pathlib import Path
from typing import Final

import structlog

from exporter.core.observations import Sink
from exporter.core.totals import ENDED
from exporter.errors import UserError
from exporter.settings import JournalSettings, KernelSettings
from exporter.sinks.traces import TracesSink, sink_from_environment
from exporter.stores.journal import Journal
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import Contents, Store, StoreError
from exporter.upstream.budget import Budget
from exporter.upstream.health import SourceHealth
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.key import ApiKey, ApiKeyFile
from exporter.upstream.roster import NEWCOMER_NS, Roster

NS: Final = 10**9

_log = structlog.get_logger()


def key_of(kernel: KernelSettings) -> ApiKey | ApiKeyFile:
    """The API key.

    Raises:
        UserError: there is none, or its file cannot be used.
    """
    try:
        if kernel.api_key_file:
            return ApiKeyFile(kernel.api_key_file)
        if kernel.api_key:
            return ApiKey(kernel.api_key.reveal())
    except OSError as error:
        raise UserError(
            f"--kernel.api-key-file: cannot read {kernel.api_key_file}: {error.strerror}"
        ) from error
    except ValueError as error:
        raise UserError(str(error)) from error
    raise UserError(
        "there is no API key: set KERNEL_API_KEY, or name its file with --kernel.api-key-file"
        " (to look around without one: managed-auth-exporter demo)"
    )


def api_of(
    kernel: KernelSettings,
    key: ApiKey | ApiKeyFile,
    sink: Sink,
    *,
    health: SourceHealth,
    budget: Budget,
) -> KernelApi:
    """The way to Kernel.

    Raises:
        UserError: the base URL or the CA certificates cannot be used.
    """
    try:
        return KernelApi(
            kernel.base_url,
            key,
            sink,
            health=health,
            budget=budget,
            allow_insecure=kernel.allow_insecure,
        )
    except ValueError as error:
        raise UserError(f"--kernel.base-url: {error}") from error
    except OSError as error:
        raise UserError(
            "the CA certificates cannot be read: mend SSL_CERT_FILE or SSL_CERT_DIR"
            f" ({type(error).__name__})"
        ) from error


def traces_of_environment() -> TracesSink | None:
    """The traces sink, where the environment says to where traces go.

    Raises:
        UserError: an ``OTEL_*`` variable cannot be used.
    """
    try:
        return sink_from_environment()
    except ValueError as error:
        raise UserError(str(error)) from error


def store_of(directory: Path | None) -> Store | None:
    """Where the journal is kept; None where it is off.

    Raises:
        UserError: it cannot be used.
    """
    if directory is None:
        return None
    try:
        return SqliteStore(directory)
    except StoreError as error:
        raise UserError(f"--data-dir: {error}") from error


def take_up(
    journal: Journal | None, roster: Roster, settings: JournalSettings, now_ns: int
) -> None:
    """Go on where the process before this one was; a first start counts from now, or ``--since``.

    Raises:
        UserError: the journal is damaged.
    """
    back_ns = round((settings.since_seconds or 0) * NS)
    if journal is None:
        roster.since_ns = now_ns - back_ns
        return
    try:
        contents = journal.restore()
    except StoreError as error:
        raise UserError(f"--data-dir: {error}") from error
    roster.since_ns = _since_ns(contents, now_ns, back_ns)
    unreadable = roster.restore(contents.connections, contents.forgotten)
    if unreadable:
        raise UserError(
            f"--data-dir: {settings.data_dir} is damaged: {len(unreadable)} connections cannot be"
            " read; move it away to begin anew, or put a copy of it back"
        )
    _log.info(
        "going on from the journal" if contents.listed_ns else "beginning a new journal",
        data_dir=str(settings.data_dir),
        connections=len(contents.connections),
        flows_ended=sum(count for key, count in contents.totals if key[0] == ENDED),
    )


def _since_ns(contents: Contents, now_ns: int, back_ns: int) -> int:
    """Of a connection that the journal does not know, nothing that ended before is counted.

    One that the last complete list did not have yet has begun since.
    """
    first_ns = (contents.began_ns or now_ns) - back_ns
    if contents.listed_ns is not None:
        return max(first_ns, contents.listed_ns - NEWCOMER_NS)
    return first_ns
