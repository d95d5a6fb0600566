"""Writes the rules and dashboards: ``python -m dashboards``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dashboards.alerting import rule_files
from dashboards.boards import grafana_files
from dashboards.settings import DEFAULT_SLO, Settings

HERE: Final = Path(__file__).parent
_DEFAULTS: Final = Settings()


def render(settings: Settings) -> dict[str, str]:
    """Every generated file: its path below the output folder, and its text.

    Raises:
        ValueError: with these settings an alert could never fire.
    """
    rules = {f"rules/{name}": text for name, text in rule_files.render(settings).items()}
    boards = {f"grafana/{name}": text for name, text in grafana_files.render(settings).items()}
    return rules | boards


def write(settings: Settings, folder: Path) -> list[Path]:
    """Write them; returns where.

    Raises:
        ValueError: with these settings an alert could never fire.
        OSError: the folder cannot be written to.
    """
    written = []
    for name, text in render(settings).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings(
            slo={**DEFAULT_SLO, **dict(chosen.slo)},
            min_flows=chosen.min_flows,
            min_failures=chosen.min_failures,
            timeline_interval_seconds=chosen.timeline_interval,
            runbooks_url=chosen.runbooks_url,
            grafana_url=chosen.grafana_url,
            speed=chosen.speed,
        )
        written = write(settings, chosen.output)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"--output: cannot write {error.filename}: {error.strerror}")
    sys.stdout.writelines(f"{path}\n" for path in written)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashboards",
        description="Write the Prometheus rules and the Grafana dashboards.",
    )
    add = parser.add_argument
    add(
        "--slo",
        action="append",
        default=[],
        type=_objective,
        metavar="TYPE=SHARE",
        help="the share of flows of a type that shall succeed, such as LOGIN=0.9; repeatable"
        f" (default: {', '.join(f'{kind}={share:g}' for kind, share in DEFAULT_SLO.items())})",
    )
    add(
        "--min-flows",
        type=int,
        default=_DEFAULTS.min_flows,
        metavar="N",
        help="flows that must have ended in a window before its burn rate counts"
        " (default: %(default)s)",
    )
    add(
        "--min-failures",
        type=int,
        default=_DEFAULTS.min_failures,
        metavar="N",
        help="flows of these that must have failed or expired (default: %(default)s)",
    )
    add(
        "--timeline-interval",
        type=float,
        default=_DEFAULTS.timeline_interval_seconds,
        metavar="SECONDS",
        help="the exporter's --timeline.interval, in seconds (default: %(default)g)",
    )
    add(
        "--runbooks-url",
        default=_DEFAULTS.runbooks_url,
        metavar="URL",
        help="where docs/runbooks.md can be read, for the links in alerts (default: %(default)s)",
    )
    add(
        "--grafana-url",
        default=_DEFAULTS.grafana_url,
        metavar="URL",
        help="where Grafana is, for the links in alerts (default: %(default)s)",
    )
    add(
        "--speed",
        type=float,
        default=_DEFAULTS.speed,
        metavar="X",
        help="make every window so many times shorter, to demonstrate alerts"
        " (default: %(default)g)",
    )
    add(
        "--output",
        type=Path,
        default=HERE,
        metavar="DIR",
        help="where to make rules/ and grafana/ (default: the package's own folder)",
    )
    return parser


def _objective(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    if kind not in DEFAULT_SLO:
        raise argparse.ArgumentTypeError(f"{kind!r} is no flow type: {', '.join(DEFAULT_SLO)}")
    try:
        return kind, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{share!r} is no share: write it like 0.9") from None


if __name__ == "__main__":
    sys.exit(main())
