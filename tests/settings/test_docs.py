"""docs/configuration.md against the table."""

import re
from pathlib import Path

import pytest
import yaml

from exporter.settings import Command, load
from exporter.settings.docs import render_docs
from exporter.settings.table import ROWS

_PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_what_the_table_says() -> None:
    assert _PAGE.read_text("utf-8") == render_docs(), "stale: run `make generate`"


def test_the_page_names_every_variable_and_every_flag_that_may_be_used() -> None:
    page = render_docs()
    for row in ROWS:
        assert f"`{row.option.environment}`" in page
        shown = re.search(rf"`{re.escape(row.option.flag)}[ ,]", page) is not None
        assert shown == (row.option.refused_flag is None)


def test_the_example_is_a_configuration_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = render_docs().split("```yaml\n")[1].split("```")[0]
    key = tmp_path / "kernel-api-key"
    key.write_text("sk")
    content = example.replace("/run/secrets/kernel-api-key", str(key))
    assert yaml.safe_load(content)["kernel"] == {"api_key_file": str(key)}
    path = tmp_path / "exporter.yml"
    path.write_text(content)
    settings = load(Command.RUN, {"--config.file": (str(path),)}, {})
    assert settings.following.domain == "bank.example"
    assert settings.following.poll_interval_seconds == 10.0
