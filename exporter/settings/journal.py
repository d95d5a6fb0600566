"""The options of what survives the process, each a field of the settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from exporter.settings import kinds
from exporter.settings.option import SERVICE, Option


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What survives the process, and how far back the first one looks."""

    data_dir: Annotated[
        Path | None,
        Option(
            "--data-dir",
            "Keep open flows and all counts of flows in this directory, so that a restart loses "
            "none; it is made where it is missing. Without it, they are kept in memory only.",
            kinds.DIRECTORY,
            SERVICE,
        ),
    ]
    since_seconds: Annotated[
        float | None,
        Option(
            "--since",
            "Only what ended after the first start is counted; this reaches so much further back. "
            "Without --data-dir every start is a first one.",
            kinds.duration(minimum_seconds=0),
        ),
    ]
