"""The text that Prometheus reads: OpenMetrics 1.0 if it is asked for, else the classic format."""

import re
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

_VERSION: Final = re.compile(r";\s*version=([^;]*)")
_OFFERED: Final = "1.0.0"


def render(registry: CollectorRegistry, accept_header: str | None) -> tuple[bytes, str]:
    """The metrics of ``registry`` as they are now, and their content type."""
    encode, content_type = choose_encoder(_understood(accept_header or ""))
    return encode(registry), content_type


def _understood(accept_header: str) -> str:
    """The media ranges that name no version but the one on offer.

    The client library takes the version from the header as it is: it would claim a format that it
    does not write, and fail on a version that is no number.
    """
    return ",".join(
        media_range
        for media_range in accept_header.split(",")
        if all(version.strip() == _OFFERED for version in _VERSION.findall(media_range))
    )
