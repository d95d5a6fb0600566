"""The official SDKs' upstream: a simulator on loopback."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest

from exporter.simulator.config import SimulatorConfig
from exporter.simulator.runner import Simulator

JS = Path(__file__).parent / "js"
INSTALL_SECONDS = 100


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A population of 45, so that listing takes several pages; nothing begins by itself."""
    config = SimulatorConfig(
        connections=45, flows_per_minute=0, health_checks_per_minute=0, time_scale=100.0
    )
    async with Simulator(config) as running:
        yield running


def _missing(what: str) -> NoReturn:
    """Skips aloud, or fails where REQUIRE_REAL_PARTS insists on node."""
    if "node" in os.environ.get("REQUIRE_REAL_PARTS", "").split(","):
        pytest.fail(f"REQUIRE_REAL_PARTS names node, but {what}")
    pytest.skip(what)


@pytest.fixture(scope="session")
def js_judge() -> list[str]:
    """The command that runs the judge in JavaScript, with the npm SDK installed beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _missing("node and npm are not installed")
    package = (JS / "package.json").read_bytes()
    name = f"managed-auth-exporter-js-{sha256(package).hexdigest()[:12]}"
    cache = Path(tempfile.gettempdir()) / name
    cache.mkdir(exist_ok=True)
    for file in JS.iterdir():
        shutil.copy(file, cache)
    if not (cache / "node_modules" / "@onkernel" / "sdk" / "package.json").exists():
        _install(npm, cache)
    return [node, str(cache / "judge.mjs")]


def _install(npm: str, cache: Path) -> None:
    command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=cache, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        _missing("npm install took too long")
    if done.returncode:
        _missing(f"npm cannot install @onkernel/sdk: {done.stderr.strip()[-300:]}")
