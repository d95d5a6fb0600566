"""What is generated into the documentation is what the code says now."""

import pytest

from tests.generated import FILES, ROOT, expected


@pytest.mark.parametrize("path", FILES)
def test_generated_documentation_is_fresh(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == expected(path), "stale: run make generate"
