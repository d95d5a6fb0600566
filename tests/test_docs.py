"""What the documentation tells a user to write is what works, and its links lead somewhere."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from dashboards.alerting.runbooks import render_alerts
from tests.support.prometheus import running

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/*.md", "deploy/*.md")
    for path in ROOT.glob(pattern)
)
INSTALLED: Final = "/etc/prometheus"
RULES_INSTALLED: Final = {
    "grafana.md": (ROOT / "docs" / "grafana.md").read_text("utf-8"),
    "alerts.md": render_alerts(),
}
"""The pages that say how the rules get to a Prometheus; the latter as the code writes it."""

FOUND: Final = "2 rule files found"

_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The headings of a page, as they are linked to."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall((ROOT / page).read_text("utf-8")):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (ROOT / page).parent / file if file else ROOT / page
        assert there.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(there), f"{page} links to {target}"


def block(text: str, kind: str, holds: str) -> str:
    """The one block of code of a kind that has these words in it."""
    found = re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (only,) = (each for each in found if holds in each)
    return str(only)


def installed(text: str, folder: Path) -> tuple[list[str], Path]:
    """Copy the rules as a page says, twice as for an upgrade; its other commands, and the file.

    What it says of ``/etc/prometheus`` is done in the folder.
    """
    config = block(text, "yaml", "rule_files").replace(INSTALLED, str(folder))
    lines = block(text, "sh", "cp dashboards/rules").replace(INSTALLED, str(folder)).splitlines()
    copying = [line for line in lines if line.startswith(("mkdir ", "cp "))]
    for _ in range(2):
        subprocess.run(["sh", "-ec", "\n".join(copying)], cwd=ROOT, check=True)
    file = folder / "prometheus.yml"
    file.write_text(config, encoding="utf-8")
    return [line for line in lines if line not in copying], file


@pytest.mark.real("promtool")
@pytest.mark.parametrize("page", RULES_INSTALLED)
def test_where_a_page_has_the_rules_copied_to_they_are_found(page: str, tmp_path: Path) -> None:
    _, file = installed(RULES_INSTALLED[page], tmp_path)
    done = subprocess.run(
        ["promtool", "check", "config", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert FOUND in done.stdout


@pytest.mark.real("prometheus")
async def test_who_does_what_the_guide_says_has_all_rules_loaded(tmp_path: Path) -> None:
    (check, start), _ = installed(RULES_INSTALLED["grafana.md"], tmp_path)
    assert check.startswith("promtool check config ")
    assert check.endswith(f'# says "{FOUND}"')
    program, *flags = shlex.split(start)
    assert program == "prometheus"
    async with running(*flags, f"--storage.tsdb.path={tmp_path / 'tsdb'}") as prometheus:
        loaded = {rule["name"] for rule in await prometheus.rules()}
    files = (ROOT / "dashboards" / "rules").glob("*.yml")
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    written = {rule.get("record") or rule["alert"] for group in groups for rule in group["rules"]}
    assert len(written) > 30
    assert loaded == written
