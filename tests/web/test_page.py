"""The status page in a real browser: what a person sees, and what the browser complains of."""

import asyncio
from pathlib import Path

import pytest

from exporter.web import Condition, Readiness

from .conftest import Stage

pytestmark = pytest.mark.real("chromium")

_CALM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-logging=stderr",
)
# Long enough for the page to ask once and draw; the browser's clock runs ahead when it is idle.
_BUDGET = "--virtual-time-budget=1500"


async def _visit(profile: Path, stage: Stage) -> tuple[str, str]:
    """The page's DOM once it has drawn, and what the browser logged."""
    server = stage.server()
    await server.start()
    try:
        browser = await asyncio.create_subprocess_exec(
            "chromium",
            *_CALM,
            _BUDGET,
            f"--user-data-dir={profile}",
            "--dump-dom",
            server.urls[0],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        dom, log = await asyncio.wait_for(browser.communicate(), 60)
    finally:
        await server.stop()
    return dom.decode(), log.decode()


async def test_a_person_sees_flows_readiness_and_failures(tmp_path: Path, stage: Stage) -> None:
    stage.run_flows()
    stage.readiness = Readiness(
        source=Condition(ready=False, reason="the key is refused"),
        sink=Condition(ready=True, reason="no error"),
    )
    dom, log = await _visit(tmp_path, stage)
    assert '<p id="source" class="condition not-ready">' in dom
    assert "the key is refused" in dom
    assert '<p id="sink" class="condition ready">' in dom
    for shown in ("AWAITING_INPUT", "bank0.example", "conn_0001", "expired", "credentials_invalid"):
        assert shown in dom
    assert "2 failures in all" in dom
    assert "40 s</td>" in dom, "time in step, by the exporter's clock"
    assert 'id="lost" class="notice" role="alert" hidden' in dom
    for complaint in ("Content Security Policy", "Uncaught", "Failed to load"):
        assert complaint not in log


async def test_what_a_website_says_is_text_and_never_markup(tmp_path: Path, stage: Stage) -> None:
    stage.run_flows()
    dom, _ = await _visit(tmp_path, stage)
    assert "Incorrect &lt;b&gt;password&lt;/b&gt;" in dom
    assert "<b>password" not in dom


async def test_an_idle_exporter_says_so(tmp_path: Path, stage: Stage) -> None:
    dom, _ = await _visit(tmp_path, stage)
    assert "No login is in progress." in dom
    assert "No flow to show yet." in dom
    assert "none so far" in dom
