"""Packages from npm, installed once for each list of them, beside the files that use them."""

import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final, NoReturn

import pytest

INSTALL_SECONDS: Final = 100


def installed(files: Path, package: str) -> tuple[str, Path]:
    """Node, and a folder outside the tree with these files and what their package.json names.

    ``package`` is the one that the files are about: where it is there, so are the others. Without
    node or npm it skips aloud, or fails where REQUIRE_REAL_PARTS insists on node.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _missing("node and npm are not installed")
    listed = (files / "package.json").read_bytes()
    name = f"managed-auth-exporter-npm-{sha256(listed).hexdigest()[:12]}"
    cache = Path(tempfile.gettempdir()) / name
    cache.mkdir(exist_ok=True)
    for file in files.iterdir():
        shutil.copy(file, cache)
    if not (cache / "node_modules" / package / "package.json").exists():
        _install(npm, cache, package)
    return node, cache


def _missing(what: str) -> NoReturn:
    if "node" in os.environ.get("REQUIRE_REAL_PARTS", "").split(","):
        pytest.fail(f"REQUIRE_REAL_PARTS names node, but {what}")
    pytest.skip(what)


def _install(npm: str, cache: Path, package: str) -> None:
    command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=cache, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        _missing("npm install took too long")
    if done.returncode:
        _missing(f"npm cannot install {package}: {done.stderr.strip()[-300:]}")
