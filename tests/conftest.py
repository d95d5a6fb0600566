"""Real parts: a test that needs a program says so with ``@pytest.mark.real("promtool")``.

Where the program is missing the test is skipped aloud. ``REQUIRE_REAL_PARTS`` (a comma list) names
those that must not be: a missing one fails its tests, and the run fails where none of a part's
tests has passed, so that a part that was installed for the tests is also exercised by them.
"""

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

# How fast examples are made and run says something of the machine, and nothing of the exporter.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What lands is judged by the same examples every time; new ones are looked for at the desk.
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Where `make parts` unpacks what is not installed.
_PARTS: Final = Path(__file__).parent.parent / ".parts" / "usr" / "bin"
os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{_PARTS}"

EXERCISED: Final = pytest.StashKey[set[str]]()


def _required() -> set[str]:
    return {part for part in os.environ.get("REQUIRE_REAL_PARTS", "").split(",") if part}


def _parts(item: pytest.Item) -> set[str]:
    return {str(mark.args[0]) for mark in item.iter_markers("real")}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for part in _parts(item):
        if shutil.which(part) is None:
            message = f"{part} is not installed"
            if part in _required():
                pytest.fail(f"REQUIRE_REAL_PARTS names {part}, but {message}")
            pytest.skip(message)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.passed:
        item.config.stash.setdefault(EXERCISED, set()).update(_parts(item))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _unexercised(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for part in sorted(_unexercised(config)):
        terminalreporter.write_line(f"REQUIRE_REAL_PARTS: no test passed that exercises {part}")


def _unexercised(config: pytest.Config) -> set[str]:
    exercised: set[str] = config.stash.get(EXERCISED, set())
    return set() if config.option.collectonly else _required() - exercised
