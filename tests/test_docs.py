"""What the documentation tells a user to write is what works, and its links lead somewhere."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/*.md", "deploy/*.md")
    for path in ROOT.glob(pattern)
)
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


@pytest.mark.real("promtool")
def test_the_prometheus_configuration_in_the_guide_is_one(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "grafana.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(# prometheus\.yml.*?)```", guide, re.DOTALL)
    (tmp_path / "rules").symlink_to(ROOT / "dashboards" / "rules")
    file = tmp_path / "prometheus.yml"
    file.write_text(block, encoding="utf-8")
    done = subprocess.run(
        ["promtool", "check", "config", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "2 rule files found" in done.stdout
