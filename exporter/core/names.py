"""Names from the upstream -> names that are safe to show: a domain, a profile."""

import re
from typing import Final

from exporter.core.redaction import redact_addresses

_HOST: Final = re.compile(r"[\w.-]{1,253}(:\d{1,5})?")
"""A host name of at most 253 characters (RFC 1035, section 2.3.4), internationalised ones included;
a port does not hurt. What does not look like one might be anything, a URL with secrets too."""


def host_name(domain: str) -> str:
    """The domain in lower case, without a final dot; empty where it is no host name."""
    name = domain.strip().lower().rstrip(".")
    return name if _HOST.fullmatch(name) else ""


def profile_label(name: str) -> str:
    """A profile's name without the e-mail address or URL that it may be or hold, and cut."""
    return redact_addresses(name)
