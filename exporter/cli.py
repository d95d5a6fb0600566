"""The command line: arguments become settings, and one command runs. Prints, and exit codes.

Exit status: 0 done, 1 the command found something (``check``), 2 a mistake of the user, told in
one line; 130 interrupted, as shells count it (128 + SIGINT).
"""

import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import cloup

from exporter import __version__, logs
from exporter.errors import UserError
from exporter.settings import Command, Settings, load
from exporter.settings import kinds as setting_kinds
from exporter.settings.docs import OTEL_VARIABLES
from exporter.settings.option import Option
from exporter.settings.table import CONFIG_FILE, ROWS, TITLES

PROGRAM = "managed-auth-exporter"
MISTAKE = 2
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG})
INTERRUPTED = 130

_TRACES_EPILOG = "Traces: the OpenTelemetry SDK reads its own variables, such as " + ", ".join(
    name for name, _ in OTEL_VARIABLES[:3]
)

_CONTEXT = cloup.Context.settings(
    help_option_names=["-h", "--help"],
    max_content_width=110,
    align_option_groups=True,
    align_sections=True,
    # Leaves room for the longest environment variable on a terminal of 80 columns.
    formatter_settings=cloup.HelpFormatter.settings(col1_max_width=24),
)


def _help(option: Option, command: Command) -> str:
    default = option.default_for(command)
    notes = [f"default: {default}"] if default is not None else []
    return f"{option.help} [{'; '.join([*notes, f'env: {option.environment}'])}]"


def _click_option(option: Option, command: Command) -> click.Option:
    names = [option.flag, *option.aliases]
    shown: dict[str, Any] = {"help": _help(option, command), "hidden": bool(option.refused_flag)}
    destination = option.yaml_key.replace(".", "__")
    if option.kind is setting_kinds.BOOLEAN:
        switch = "/".join((option.flag, f"--no-{option.flag.removeprefix('--')}"))
        return cloup.Option([switch, destination], is_flag=True, default=None, **shown)
    return cloup.Option(
        [*names, destination],
        metavar=option.kind.metavar,
        multiple=True,
        type=click.STRING,
        expose_value=True,
        **shown,
    )


def _options(command: Command) -> list[tuple[str, Option]]:
    titled = [(TITLES[row.section], row.option) for row in ROWS]
    return [
        ("Configuration", CONFIG_FILE),
        *((title, option) for title, option in titled if command in option.commands),
    ]


def _settings_options(command: Command) -> list[click.Parameter]:
    groups: dict[str, cloup.OptionGroup] = {}
    parameters: list[click.Parameter] = []
    for title, option in _options(command):
        parameter = _click_option(option, command)
        parameter.group = groups.setdefault(title, cloup.OptionGroup(title))  # type: ignore[attr-defined]
        parameters.append(parameter)
    return parameters


def _flags(command: Command, values: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What the command line gave, as text again: the settings check every source alike."""
    given: dict[str, tuple[str, ...]] = {}
    for _, option in _options(command):
        match values[option.yaml_key.replace(".", "__")]:
            case None | ():
                pass
            case bool() as switched:
                given[option.flag] = (str(switched).lower(),)
            case texts:
                given[option.flag] = tuple(texts)
    return given


def _service(name: Command, summary: str, start: Callable[[Settings], int]) -> cloup.Command:
    def callback(**values: Any) -> int:  # noqa: ANN401 - as click collects them
        settings = load(name, _flags(name, values), os.environ)
        logs.configure(level=settings.log.level, line_format=settings.log.format)
        return start(settings)

    return cloup.Command(
        name.value,
        callback=callback,
        params=_settings_options(name),
        help=summary,
        epilog=None if name is Command.SIMULATE else _TRACES_EPILOG,
    )


# The commands import what they need when they run, so that --help is quick.


def _run(settings: Settings) -> int:
    from exporter.app import run  # noqa: PLC0415

    return run(settings)


def _demo(settings: Settings) -> int:
    from exporter.app import demo  # noqa: PLC0415

    return demo(settings)


def _simulate(settings: Settings) -> int:
    from exporter.app import simulate  # noqa: PLC0415

    return simulate(settings)


@cloup.command()
@cloup.argument(
    "file", type=click.Path(allow_dash=True), help="The recording; - is standard input."
)
def check(file: str) -> int:
    """Check a recorded stream for illegal transitions.

    The recording is raw SSE or JSON lines. Prints each finding with its line; exit 1 if any.
    """
    from exporter.recordings import check as check_recording  # noqa: PLC0415

    if file == "-":
        return check_recording(sys.stdin.buffer, sys.stdout)
    try:
        source = open(file, "rb")  # noqa: PTH123, SIM115 - closed below; the error is ours to tell
    except OSError as error:
        why = (error.strerror or "unknown").lower()
        raise UserError(f"cannot read {file!r}: {why}: name a recorded stream, or -") from None
    with source:
        return check_recording(source, sys.stdout)


@cloup.command()
@cloup.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "mermaid", "dot"]),
    default="table",
    show_default=True,
    help="How to draw them.",
)
def states(output_format: str) -> int:
    """Print the states of a flow and their legal moves."""
    from exporter.core.diagram import render  # noqa: PLC0415

    click.echo(render(output_format))
    return 0


@cloup.group(
    sections=[
        cloup.Section(
            "Service",
            [
                _service(
                    Command.RUN,
                    "Follow the login flows of your Kernel organisation.",
                    _run,
                ),
                _service(
                    Command.DEMO,
                    "Try the service on a built-in simulator; needs no key.",
                    _demo,
                ),
                _service(
                    Command.SIMULATE, "Serve a simulated Kernel API with logins in it.", _simulate
                ),
            ],
        ),
        cloup.Section("Tools", [check, states]),
    ],
    context_settings=_CONTEXT,
)
@cloup.version_option(__version__, "--version", prog_name=PROGRAM)
def cli() -> None:
    """Follow Kernel managed auth login flows; export metrics and traces."""


def _give_up_output() -> int:
    """Keep the interpreter from flushing at its end what cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _complain(line: str) -> int:
    click.echo(f"{PROGRAM}: {' '.join(line.split())}", err=True)
    return MISTAKE


def _open_standard_descriptors() -> None:
    """Open what of 0, 1 and 2 is closed: else a socket gets the number, and event loops abort."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    _open_standard_descriptors()
    try:
        status = cli.main(
            args=list(sys.argv[1:] if arguments is None else arguments),
            prog_name=PROGRAM,
            standalone_mode=False,
        )
    except click.exceptions.NoArgsIsHelpError as wish:
        click.echo(wish.format_message(), err=True)
        return MISTAKE
    except click.ClickException as error:
        return _complain(f"{error.format_message()} (see --help)")
    except UserError as error:
        return _complain(str(error))
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        return _give_up_output()
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        click.echo(f"{PROGRAM}: cannot write the output: {os.strerror(error.errno)}", err=True)
        return _give_up_output()
    return status if isinstance(status, int) else 0
